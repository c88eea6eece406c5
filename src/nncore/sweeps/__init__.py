"""Many networks: one function, many settings, any executor."""
