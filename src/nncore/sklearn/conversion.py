"""Conversion of targets and sample weights to the network's dtype, which may be narrower."""

from __future__ import annotations

from typing import Any

import numpy as np

from nncore.params import Array


def converted(name: str, array: Any, dtype: Any) -> Array:
    """Return a C-ordered array of this dtype; ValueError if a value is too large for it."""
    with np.errstate(all="ignore"):  # checked below, whatever np.seterr says
        result = np.ascontiguousarray(array, dtype)
    if not np.isfinite(result).all():
        raise ValueError(f"{name} has values too large for {np.dtype(dtype).name}; scale them")
    return result


def row_weights(name: str, weight: Any, dtype: Any) -> Array:
    """Return weights (N,) in this dtype; ValueError unless their sum is finite and above 0.

    A weight of 1e-50 is 0 in float32, and the kernels treat subnormal numbers as 0, so the sum by
    which they divide might be 0.
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
