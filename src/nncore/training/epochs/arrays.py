"""Arrays of rows in the form that kernels read, in pieces if they have to be converted."""

from __future__ import annotations

from typing import Any

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.params import Array
from nncore.sparse import SparseRows

CHUNK = 1 << 20  # numbers that are checked or converted at once


def chunks(array: Array) -> range:
    """Return where pieces of rows start that are small enough to convert."""
    width = max(1, array[:1].size)
    return range(0, len(array), max(1, CHUNK // width))


def converted(array: Any, dtype: np.dtype[Any]) -> Any:
    """Return the rows as a kernel reads them; arrays of float32 and float64 are not copied."""
    if isinstance(array, SparseRows):
        return array
    if type(array) is np.ndarray or isinstance(array, np.memmap):
        kind = array.dtype in (np.float32, np.float64)
        if kind and arguments.is_plain(array):
            return array.view(np.ndarray)
    return plain(array, dtype)


def plain(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return a C-ordered, aligned array of exactly the class ndarray."""
    with np.errstate(all="ignore"):  # out of range of float32: infinity or 0
        return np.require(array, dtype, ["C", "A", "E"])


def readable_in_place(array: Array | SparseRows) -> bool:
    """Whether `converted` does not copy; otherwise a few batches at a time are converted."""
    if isinstance(array, SparseRows):
        return True
    return array.dtype in (np.float32, np.float64) and arguments.is_plain(array)
