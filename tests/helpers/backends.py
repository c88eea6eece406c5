"""The implementations of the recurrent kernels, over which their tests run."""

from nncore import reference

BACKENDS = [reference]
