"""Sums over long vectors a block at a time, which stays in the cache and on one thread.

BLAS cuts longer vectors into parts for threads that wait for each other, for many times what the
sum takes where the machine has something else to do.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg.blas import daxpy

from nncore.params import Array

BLOCK = 8192  # numbers; OpenBLAS takes threads from 10,000 on
TOGETHER = 1 << 21  # numbers of vectors that are allocated together
HUGE_PAGE = 1 << 21  # bytes


class Vectors:
    """Float64 vectors of one size, used again once they are given back.

    Several are allocated at once, in huge pages as NumPy asks for them: the first touches of
    the small pages of a vector take longer than the arithmetic on it.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.spare: list[Array] = []

    def take(self) -> Array:
        """A vector with anything in it."""
        if not self.spare:
            count = max(1, TOGETHER // self.size)
            room = np.empty(count * self.size + HUGE_PAGE // 8)
            start = -room.ctypes.data % HUGE_PAGE // 8
            ends = range(start + self.size, start + (count + 1) * self.size, self.size)
            self.spare = [room[end - self.size : end] for end in ends]
        return self.spare.pop(0)

    def give(self, vector: Array) -> None:
        """Nobody needs it any more."""
        self.spare.append(vector)


def blocks(size: int) -> list[slice]:
    return [slice(start, min(start + BLOCK, size)) for start in range(0, size, BLOCK)]


def dot(x: Array, y: Array) -> float:
    """The sum of x * y."""
    return sum(float(np.dot(x[at], y[at])) for at in blocks(x.size))


def add_scaled(x: Array, factor: float, y: Array) -> None:
    """y += factor * x, in place."""
    for at in blocks(x.size):
        daxpy(x[at], y[at], a=factor)


def add_scaled_and_dot(x: Array, factor: float, y: Array, z: Array) -> float:
    """y += factor * x, in place; returns the sum of the new y times z."""
    total = 0.0
    for at in blocks(x.size):
        part = daxpy(x[at], y[at], a=factor)
        total += float(np.dot(part, z[at]))
    return total
