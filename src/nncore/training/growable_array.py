"""An array of the losses of a run, which can be extended."""

from __future__ import annotations

import math

import numpy as np

from nncore.params import Array

CHUNK = 1 << 20  # numbers copied at once, so that Ctrl-C does not wait for all of them
ROOM = 1 << 19  # numbers for which there is room at once, if so many are known to be needed


class GrowableArray:
    """A float64 array whose first axis can be extended in amortised constant time per number.

    Parameters
    ----------
    start : ndarray of shape (n, ...)
        Its first numbers, which are copied.
    most : int, optional
        The largest length that is known to be needed; no memory is reserved beyond it.
    """

    def __init__(self, start: Array, most: int | None = None) -> None:
        self._room = np.array(start, np.float64, order="C")
        self._size: int = len(self._room)
        self._most = most

    def extend(self, values: Array) -> None:
        """Append numbers."""
        self._put(values, self._size + len(values))

    def _put(self, values: Array | float, size: int) -> None:
        """Extend to `size` with these values."""
        self._reserve(size)
        self._room[self._size : size] = values
        self._size = size

    def _reserve(self, size: int) -> None:
        """Make room for at least this length."""
        if size <= len(self._room):
            return
        others = self._room.shape[1:]
        row = max(1, math.prod(others))  # 1 if there are no others
        length = max(1024 // row, 2 * size)
        if self._most is not None:
            length = max(size, min(max(length, ROOM // row), self._most))
        room = np.empty((length, *others))
        step = max(1, CHUNK // row)
        for start in range(0, self._size, step):
            part = slice(start, min(start + step, self._size))
            room[part] = self._room[part]
        self._room = room

    @property
    def size(self) -> int:
        """The current length."""
        return self._size

    def room(self, n: int) -> Array:
        """Return the memory of the next n numbers, or rows, which are then put there."""
        self._reserve(self._size + n)
        return self._room[self._size : self._size + n]

    def last(self) -> float:
        """Return the last number."""
        return float(self._room[self._size - 1])

    def put(self, at: int, value: float) -> None:
        """Set the number at an index, extending the array with NaN up to it if necessary."""
        self.pad(at + 1)
        self._room[at] = value

    def put_columns(self, columns: Array, at: int, values: Array) -> None:
        """Set numbers of some columns (C,) from a row on, extending all columns with NaN.

        columns: in ascending order; values (n, C): they can be in the memory of `room`.
        """
        end = at + len(values)
        if at == self._size and len(columns) == self._room.shape[1]:
            self._put(values, end)
            return
        self.pad(end)
        self._room[at:end, columns] = values

    def clear_columns(self, columns: Array, at: int) -> None:
        """Set all numbers of some columns from a row on to NaN."""
        self._room[at : self._size, columns] = math.nan

    def pad(self, size: int) -> None:
        """Extend with NaN to this length, if it is shorter."""
        if size > self._size:
            self._put(math.nan, size)

    def array(self, size: int) -> Array:
        """Return a copy of the first `size` numbers, or rows."""
        return self.last_array(size).copy()

    def last_array(self, size: int) -> Array:
        """Return a view of the first `size` numbers, or rows, for the end of a run.

        Copies of millions of epochs would delay Ctrl-C.
        """
        return self._room[: min(size, self._size)]
