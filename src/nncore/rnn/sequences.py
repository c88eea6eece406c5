"""Sequences of vectors: an array of equal lengths, or a list of arrays of different lengths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nncore.arguments.arrays import describe
from nncore.params import Array
from nncore.training.epochs.arrays import plain
from nncore.training.epochs.checks import check_rows, first_not_finite, not_finite, numeric


@dataclass(frozen=True, eq=False)
class Sequences:
    """N sequences as passed: an array of shape (N, T, I), or a list of arrays (T_n, I).

    Sequence n has the steps starts[n] to starts[n + 1] of all steps one after the other, which are
    called packed.
    """

    arrays: Array | list[Array]
    starts: Array  # (N + 1,) of int64

    @property
    def count(self) -> int:
        """The number of sequences."""
        return len(self.starts) - 1

    @property
    def steps(self) -> int:
        """The number of steps of all sequences."""
        return int(self.starts[-1])

    def packed(self, dtype: np.dtype[Any]) -> Array:
        """Return all steps (R, I) as kernels read them."""
        if isinstance(self.arrays, list):
            return plain(np.concatenate(self.arrays), dtype)
        return plain(self.arrays, dtype).reshape(self.steps, self.arrays.shape[-1])

    def unpacked(self, rows: Array) -> Array | list[Array]:
        """Return what belongs to each step in the form of the sequences."""
        if isinstance(self.arrays, list):
            return np.split(rows, self.starts[1:-1])
        return rows.reshape(*self.arrays.shape[:2], *rows.shape[1:])

    def place(self, row: int) -> str:
        """Return the name of a packed step in errors."""
        n = int(np.searchsorted(self.starts, row, side="right")) - 1
        return f"sequence {n}, step {row - self.starts[n]}"

    def check_finite(self, name: str, dtype: np.dtype[Any]) -> None:
        """Raise ValueError if a number is not finite in dtype, naming its position."""
        # An array as it is: overlapping windows take no memory.
        array = np.concatenate(self.arrays) if isinstance(self.arrays, list) else self.arrays
        at = first_not_finite(array, dtype)
        if at is not None:
            *step, column = at
            row = int(np.ravel_multi_index(step, array.shape[:-1]))
            raise not_finite(name, array[at], f"{self.place(row)}, column {column}", dtype)


def sequences(name: str, value: Any, columns: int) -> Sequences:
    """Return sequences of vectors of so many numbers, checked except for their values."""
    if isinstance(value, list | tuple):
        return _listed(name, value, columns)
    if isinstance(value, np.ndarray) and value.dtype.kind == "O" and value.ndim < 3:
        raise ValueError(
            f"{name} is an array of objects, expected an array of shape (N, T, {columns}) or, for "
            f"sequences of different lengths, a list of arrays of shape (T, {columns})"
        )
    array = numeric(name, value)
    if array.ndim != 3 or array.shape[2] != columns:
        raise ValueError(
            f"{name} has shape {array.shape}, expected (N, T, {columns}): the network has "
            f"{columns} input(s){_hint(name, array.shape, columns)}"
        )
    if not array.shape[1]:
        raise ValueError(f"{name} has sequences of length 0, expected at least one time step")
    return Sequences(array, np.arange(len(array) + 1, dtype=np.int64) * array.shape[1])


def _hint(name: str, shape: tuple[int, ...], columns: int) -> str:
    """Return what to write instead for an array of two dimensions."""
    if len(shape) != 2:
        return ""
    hints = [f"for one sequence give {name}[None]"] if shape[1] == columns else []
    hints += [f"for sequences of single numbers give {name}[..., None]"] if columns == 1 else []
    return "; " + ", ".join(hints) if hints else ""


def _listed(name: str, value: list[Any] | tuple[Any, ...], columns: int) -> Sequences:
    """Return a list of arrays (T_n, I), checked except for their values."""
    if not value:
        raise ValueError(f"{name} has no sequences, expected at least one")
    arrays = [_sequence(f"{name}[{n}]", one, columns) for n, one in enumerate(value)]
    lengths = [len(array) for array in arrays]
    return Sequences(arrays, np.cumsum([0, *lengths], dtype=np.int64))


def _sequence(name: str, value: Any, columns: int) -> Array:
    """Return one sequence (T, I)."""
    if not hasattr(value, "__array__"):  # a list of lists may be one sequence or many
        raise TypeError(
            f"{name} must be an array of shape (T, {columns}), got {describe(value)}: pass an "
            f"array of shape (N, T, {columns}) or a list of arrays"
        )
    array = numeric(name, value)
    if array.ndim != 2 or array.shape[1] != columns:
        hint = f"; for single numbers give {name}[:, None]" if array.ndim == columns == 1 else ""
        raise ValueError(
            f"{name} has shape {array.shape}, expected (T, {columns}): the network has "
            f"{columns} input(s){hint}"
        )
    if not len(array):
        raise ValueError(f"{name} has no steps; expected at least one")
    return array


def targets_of_steps(
    name: str, value: Any, given: Sequences, outputs: int, dtype: np.dtype[Any] | None = None
) -> Array:
    """Return a target or label for each step, packed (R, ...).

    Lengths are checked, and that all are finite, in dtype if it is given.
    """
    if isinstance(given.arrays, list):
        packed = _targets_of_lists(name, value, given.arrays)
    else:
        array, shape = numeric(name, value), given.arrays.shape[:2]
        if array.shape[:2] != shape or array.ndim > 3:
            raise ValueError(
                f"{name} has shape {array.shape}, expected {shape} or {(*shape, outputs)}, "
                f"one row for each step of X"
            )
        packed = array.reshape(given.steps, *array.shape[2:])
    kind = packed.dtype if dtype is None else dtype
    if (at := first_not_finite(packed, kind)) is not None:
        columns = "".join(f", column {i}" for i in at[1:])
        raise not_finite(name, packed[at], given.place(at[0]) + columns, kind)
    return packed


def _targets_of_lists(name: str, value: Any, arrays: list[Array]) -> Array:
    """Return the targets of sequences of different lengths, one after the other."""
    rows = value if isinstance(value, list | tuple) else list(numeric(name, value))
    check_rows(name, rows, len(arrays))
    parts = [numeric(f"{name}[{n}]", part) for n, part in enumerate(rows)]
    for n, (part, array) in enumerate(zip(parts, arrays, strict=True)):
        if len(part) != len(array):
            raise ValueError(
                f"{name}[{n}] has {len(part)} steps, expected {len(array)}, as many as X[{n}] has"
            )
        if part.shape[1:] != parts[0].shape[1:]:
            raise ValueError(
                f"{name}[{n}] has rows of shape {part.shape[1:]}, expected {parts[0].shape[1:]}, "
                f"as {name}[0] has"
            )
    return np.concatenate(parts)
