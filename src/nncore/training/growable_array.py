"""An array of the losses of a run, which can be extended."""

from __future__ import annotations

import math

import numpy as np

from nncore.params import Array

CHUNK = 1 << 20  # numbers copied at once, so that Ctrl-C does not wait for all of them
ROOM = 1 << 19  # numbers for which there is room at once, if so many are known to be needed


class GrowableArray:
    """A float64 array whose last axis can be extended in amortised constant time per number.

    Parameters
    ----------
    start : ndarray of shape (..., n)
        Its first numbers, which are copied.
    most : int, optional
        The largest length that is known to be needed; no memory is reserved beyond it.
    """

    def __init__(self, start: Array, most: int | None = None) -> None:
        self._room = np.array(start, np.float64)
        self._size: int = self._room.shape[-1]
        self._most = most

    def extend(self, values: Array) -> None:
        """Append numbers."""
        self._put(values, self._size + values.shape[-1])

    def _put(self, values: Array | float, size: int) -> None:
        """Extend to `size` numbers with these values."""
        if size > self._room.shape[-1]:
            self._grow(size)
        self._room[..., self._size : size] = values
        self._size = size

    def _grow(self, size: int) -> None:
        """Make room for at least `size` numbers."""
        others = self._room.shape[:-1]
        rows = math.prod(others)  # 1 if there are no others
        length = max(1024 // max(1, rows), 2 * size)
        if self._most is not None:
            length = max(size, min(max(length, ROOM // max(1, rows)), self._most))
        room = np.empty((*others, length))
        old, new = (
            self._room.reshape(rows, -1 if self._room.size else 0),
            room.reshape(rows, length),
        )
        step = max(1, CHUNK // max(1, self._size))
        for start in range(0, rows, step):
            part = slice(start, start + step)
            new[part, : self._size] = old[part, : self._size]
        self._room = room

    @property
    def size(self) -> int:
        """The current length."""
        return self._size

    def last(self) -> float:
        """Return the last number."""
        return float(self._room[self._size - 1])

    def put(self, at: int, value: float) -> None:
        """Set the number at an index, extending the array with NaN up to it if necessary."""
        self.pad(at + 1)
        self._room[at] = value

    def put_rows(self, rows: Array, at: int, values: Array) -> None:
        """Set numbers of some rows (R, n) from an index on, extending all rows with NaN.

        The rows are in ascending order.
        """
        end = at + values.shape[1]
        if at == self._size and len(rows) == len(self._room):
            self._put(values, end)
            return
        self.pad(end)
        self._room[rows, at:end] = values

    def clear_rows(self, rows: Array, at: int) -> None:
        """Set all numbers of some rows from an index on to NaN."""
        self._room[rows, at : self._size] = math.nan

    def pad(self, size: int) -> None:
        """Extend with NaN to `size` numbers, if there are fewer."""
        if size > self._size:
            self._put(math.nan, size)

    def array(self, size: int) -> Array:
        """Return a copy of the first `size` numbers."""
        return self.last_array(size).copy()

    def last_array(self, size: int) -> Array:
        """Return a view of the first `size` numbers, for the end of a run.

        Copies of millions of epochs would delay Ctrl-C.
        """
        return self._room[..., : min(size, self._size)]
