"""The implementations of the recurrent kernels, over which their tests run."""

from types import SimpleNamespace

from nncore import kernels, reference

BACKENDS = [SimpleNamespace(**vars(reference), **reference.NOT_COMPILED), kernels]
