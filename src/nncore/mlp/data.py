"""Checks of the rows of inputs of a perceptron."""

from __future__ import annotations

from typing import Any

import numpy as np

from nncore.params import Array
from nncore.sparse import SparseRows, is_sparse, sparse_rows
from nncore.training.epochs.checks import numeric


def inputs(name: str, value: Any, columns: int) -> Array | SparseRows:
    """Return X as an array of numbers (N, I), of any type, or as sparse rows."""
    array: Array | SparseRows
    if not isinstance(value, np.ndarray) and is_sparse(value):
        array = sparse_rows(name, value)
    else:
        array = numeric(name, value)
    _check_columns(name, array.shape, columns)
    return array


def _check_columns(name: str, shape: tuple[int, ...], columns: int) -> None:
    if len(shape) != 2 or shape[1] != columns:
        hint = f"; for one row give {name}[None]" if shape == (columns,) else ""
        raise ValueError(
            f"{name} has shape {shape}, expected (N, {columns}): the network has "
            f"{columns} input(s){hint}"
        )
