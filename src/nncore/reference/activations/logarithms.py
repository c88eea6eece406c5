"""Exponential and logarithm."""

from __future__ import annotations

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.params import Array
from nncore.reference.output import deliver

__all__ = [
    "exp",
    "log",
]


def exp(x: Array, *, out: Array | None = None) -> Array:
    """Return the exponential of each number."""
    (x,) = arguments.activation(False, x=x)
    with np.errstate(all="ignore"):
        return deliver(np.exp(x), out)


def log(x: Array, *, out: Array | None = None) -> Array:
    """Return the natural logarithm of each number: -inf for 0, NaN for negative numbers."""
    (x,) = arguments.activation(False, x=x)
    with np.errstate(all="ignore"):
        return deliver(np.log(x), out)
