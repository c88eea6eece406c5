"""Targets and weights of rows in the network's dtype, where float64's numbers may not fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from nncore.params import Array


def converted(name: str, array: Any, dtype: Any) -> Array:
    """The array in this dtype, C-ordered; ValueError for numbers that are too large for it."""
    with np.errstate(all="ignore"):  # judged below, whatever the user's np.seterr
        result = np.ascontiguousarray(array, dtype)
    if not np.isfinite(result).all():
        raise ValueError(f"{name} has numbers too large for {np.dtype(dtype).name}; scale them")
    return result


def row_weights(name: str, weight: Any, dtype: Any) -> Array:
    """The weights (N,) in this dtype; ValueError unless some of them count there.

    Those of 1e-50 are 0 in float32, where there would be nothing to divide by; the kernels take
    subnormal numbers for 0 as well.
    """
    result = converted(name, weight, dtype)
    with np.errstate(all="ignore"):
        result = np.where(np.abs(result) < np.finfo(dtype).smallest_normal, 0, result)
        total = float(result.sum(dtype=np.float64))
    if np.isinf(total):
        raise ValueError(f"{name} has an infinite sum; scale it, for example to a mean of 1")
    if not result.any() and np.any(weight):
        raise ValueError(
            f"{name} is 0 for all rows in {np.dtype(dtype).name}; scale it, for example to a mean "
            f"of 1"
        )
    if not total > 0:
        raise ValueError(f"{name} must have a sum above 0, got {total:g}")
    return result
