"""Operations on long vectors in blocks, which stay in the cache and on one thread.

BLAS divides longer vectors among threads, whose synchronisation takes many times as long as the
sum if the machine is busy.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg.blas import daxpy

from nncore.params import Array

BLOCK = 8192  # numbers; OpenBLAS uses threads from 10,000 on
ALLOCATED_NUMBERS = 1 << 21  # numbers of vectors that are allocated together
HUGE_PAGE = 1 << 21  # bytes


class Vectors:
    """A pool of float64 vectors of one size.

    Several are allocated at once, in huge pages, as the first access to the small pages of a
    vector would take longer than the arithmetic on it.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.spare: list[Array] = []

    def take(self) -> Array:
        """Return an uninitialised vector."""
        if not self.spare:
            count = max(1, ALLOCATED_NUMBERS // self.size)
            room = np.empty(count * self.size + HUGE_PAGE // 8)
            start = -room.ctypes.data % HUGE_PAGE // 8
            ends = range(start + self.size, start + (count + 1) * self.size, self.size)
            self.spare = [room[end - self.size : end] for end in ends]
        return self.spare.pop(0)

    def give(self, vector: Array) -> None:
        """Return a vector to the pool."""
        self.spare.append(vector)


def blocks(size: int) -> list[slice]:
    """Return the blocks of a vector of this size."""
    return [slice(start, min(start + BLOCK, size)) for start in range(0, size, BLOCK)]


def dot(x: Array, y: Array) -> float:
    """Return the sum of x * y."""
    return sum(float(np.dot(x[at], y[at])) for at in blocks(x.size))


def add_scaled(x: Array, factor: float, y: Array) -> None:
    """Compute y += factor * x in place."""
    for at in blocks(x.size):
        daxpy(x[at], y[at], a=factor)


def add_scaled_and_dot(x: Array, factor: float, y: Array, z: Array) -> float:
    """Compute y += factor * x in place, and return the sum of the new y times z."""
    total = 0.0
    for at in blocks(x.size):
        part = daxpy(x[at], y[at], a=factor)
        total += float(np.dot(part, z[at]))
    return total
