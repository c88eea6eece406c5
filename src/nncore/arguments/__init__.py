"""Checks of the arguments of kernels, and the errors for invalid ones."""
