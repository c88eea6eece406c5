"""Subnormal numbers, which networks treat as 0."""

import numpy as np

TINY = {np.float32: 1e-40, np.float64: 1e-310}


def kept(dtype):
    """Whether this thread's arithmetic keeps subnormal numbers."""
    return bool(dtype(TINY[dtype]) * dtype(1) != 0)
