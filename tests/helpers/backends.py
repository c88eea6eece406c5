"""The implementations of the recurrent kernels, over which their tests run."""

from nncore import kernels, reference

BACKENDS = [reference, kernels]
