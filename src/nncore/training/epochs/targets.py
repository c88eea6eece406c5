"""Checks of labels and targets."""

from __future__ import annotations

from typing import Any

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.params import Array
from nncore.registry import Loss
from nncore.training.epochs.arrays import plain
from nncore.training.epochs.checks import check_finite, check_rows, numeric


def labels(name: str, value: Any, rows: int, classes: int) -> Array:
    """Return labels (N,) of intp, from labels or from one-hot rows."""
    array = numeric(name, value)
    check_finite(name, array)
    if array.ndim == 2 and array.shape[1] == classes and classes > 1:
        check_rows(name, array, rows)
        if not (((array == 0) | (array == 1)).all() and (array.sum(axis=1) == 1).all()):
            raise ValueError(f"{name} has rows that are not one-hot: expected one 1, the rest 0")
        return np.asarray(array.argmax(axis=1), np.intp)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(
            f"{name} has shape {array.shape}, expected labels ({rows},) or one-hot rows "
            f"({rows}, {classes})"
        )
    check_rows(name, array, rows)
    if array.dtype.kind == "f" and (np.floor(array) != array).any():
        bad = array[np.floor(array) != array][0]
        raise ValueError(f"{name} has {bad}; labels must be integers")
    arguments.check_range(name, array, classes)
    return array.astype(np.intp)


def targets(
    name: str, value: Any, rows: int, outputs: int, dtype: np.dtype[Any], loss: Loss | None = None
) -> Array:
    """Return targets (N, O) of the network's type, checked for the range of a loss."""
    array = numeric(name, value)
    if array.ndim == 1 and outputs == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] != outputs:
        hint = "; for labels use the loss 'softmax_cross_entropy'" if array.ndim == 1 else ""
        raise ValueError(
            f"{name} has shape {array.shape}, expected ({rows}, {outputs}): the network has "
            f"{outputs} output(s){hint}"
        )
    check_rows(name, array, rows)
    check_finite(name, array, dtype)
    if loss is not None:
        _check_range(name, array, loss)
    return plain(array, dtype)


def _check_range(name: str, array: Array, loss: Loss) -> None:
    """Raise ValueError for targets out of the range of a loss."""
    if loss.targets is None or not array.size:
        return
    low, high = loss.targets
    if not (array.min() >= low and array.max() <= high):
        raise ValueError(
            f"{name} has values from {array.min()} to {array.max()}, expected values in "
            f"[{low:g}, {high:g}] for {loss.name}"
        )
