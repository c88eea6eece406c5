"""XOR: the task, its trainer, success rates, and pictures."""
