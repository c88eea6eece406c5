"""What kernels accept, and the errors for everything else."""
