"""An array of the losses of a run, which can be extended."""

from __future__ import annotations

import math

import numpy as np

from nncore.params import Array


class GrowableArray:
    """A float64 array that can be extended in amortised constant time per number."""

    def __init__(self, start: Array) -> None:
        self._room = np.array(start, np.float64)
        self._size = len(start)

    def extend(self, values: Array) -> None:
        """Append numbers."""
        self._put(values, self._size + len(values))

    def _put(self, values: Array | float, size: int) -> None:
        """Extend to `size` numbers with these values."""
        if size > len(self._room):
            room = np.empty(max(1024, 2 * size))
            room[: self._size] = self._room[: self._size]
            self._room = room
        self._room[self._size : size] = values
        self._size = size

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
        return self._room[: min(size, self._size)]
