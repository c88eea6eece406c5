"""Checks of the arrays that are passed to `fit`, whatever a row is."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.params import Array
from nncore.sparse import SparseRows, is_sparse
from nncore.training.epochs.arrays import chunks, plain


def numeric(name: str, value: Any) -> Array:
    """Return a value as an array of numbers, without a copy if it is one already."""
    if value is None or isinstance(value, str | bytes):
        raise TypeError(f"{name} must be an array of numbers, got {type(value).__name__}")
    if is_sparse(value):
        raise TypeError(f"{name} must be dense, got a sparse matrix: pass {name}.toarray()")
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array, whose mask would be lost: fill it first")
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{name} cannot be converted to an array: {error}") from None
    if array.dtype.kind == "O":
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{name} must contain numbers: {error}") from None
        except OverflowError:
            raise ValueError(f"{name} has an integer too large for a float") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must contain numbers, got {arguments.describe(array)}")
    if not array.ndim:
        raise ValueError(f"{name} must be an array, got a single number")
    return array


def check_finite(name: str, array: Array | SparseRows, dtype: np.dtype[Any] | None = None) -> None:
    """Raise ValueError if a number is not finite, in its type or in dtype, naming its position."""
    if isinstance(array, SparseRows):
        _check_finite_entries(name, array, dtype)
        return
    at = first_not_finite(array, dtype)
    if at is not None:
        axes = zip(("row", "column"), at, strict=False)
        where = ", ".join(f"{axis} {i}" for axis, i in axes)
        raise not_finite(name, array[at], where, array.dtype if dtype is None else dtype)


def first_not_finite(array: Array, dtype: np.dtype[Any] | None = None) -> tuple[int, ...] | None:
    """Return the index of the first number that is not finite, in its type or in dtype, or None."""
    if array.dtype.kind != "f":
        return None
    largest = np.float64(np.finfo(array.dtype if dtype is None else dtype).max)
    starts = chunks(array)
    for start in starts:
        part = array[start : start + starts.step]
        if part.size and not (part.min() >= -largest and part.max() <= largest):
            first, *rest = np.argwhere(~(np.abs(part) <= largest))[0]
            return (start + int(first), *map(int, rest))
    return None


def not_finite(name: str, value: Any, where: str, kind: np.dtype[Any]) -> ValueError:
    """Return the error for a number that is not finite, or out of the range of a type."""
    valid = f"numbers that {kind} holds" if np.isfinite(value) else "finite numbers"
    return ValueError(f"{name} has {value} in {where}; expected {valid}")


def _check_finite_entries(name: str, rows: SparseRows, dtype: np.dtype[Any] | None) -> None:
    """`check_finite` for sparse rows."""
    kind = rows.dtype if dtype is None else dtype
    largest = np.float64(np.finfo(kind).max)
    data = rows.data[rows.entries]
    if data.size and not (data.min() >= -largest and data.max() <= largest):
        at = int((~(np.abs(data) <= largest)).argmax())
        row, column = rows.place(rows.entries.start + at)
        raise not_finite(name, data[at], f"row {row}, column {column}", kind)


def check_rows(name: str, array: Sized, rows: int) -> None:
    """Raise ValueError unless an array has as many rows as X."""
    if len(array) != rows:
        raise ValueError(f"{name} has {len(array)} rows, expected {rows}, as many as X has")


def mean_of_one(weight: Array) -> Array:
    """Return weights divided by their mean, in float64, without underflow of tiny weights."""
    with np.errstate(all="ignore"):
        scaled = weight / np.float64(weight.max())
        return np.asarray(scaled * (len(scaled) / np.cumsum(scaled)[-1]))  # in a fixed order


def sample_weights(name: str, value: Any, rows: int, dtype: np.dtype[Any]) -> Array | None:
    """Return the weights of rows (N,) with a mean of 1; None for None."""
    if value is None:
        return None
    array = numeric(name, value)
    if array.shape != (rows,):
        raise ValueError(f"{name} has shape {array.shape}, expected ({rows},), one per row")
    check_finite(name, array)
    if (array < 0).any() or not array.any():
        raise ValueError(f"{name} must not be negative or all zero")
    return plain(mean_of_one(array.astype(np.float64)), dtype)
