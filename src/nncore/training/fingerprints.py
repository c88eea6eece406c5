"""Fingerprints of data, by which a resumed run recognises that it is the same."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from nncore.params import Array

CHUNK = 1 << 20  # bytes read at once, so that Ctrl-C does not wait for all of them


def fingerprint(shape: Iterable[int], arrays: Iterable[Array], every: int = 1) -> list[int]:
    """Return a shape and a CRC-32 of arrays.

    Parameters
    ----------
    shape : iterable of int
        Sizes that are part of the fingerprint as they are.
    arrays : iterable of ndarray
        The arrays that the checksum covers, one after the other.
    every : int
        1 for all rows of the arrays, n for each nth one, which is enough to tell data apart that
        would take long to read.

    Returns
    -------
    list of int
        The sizes, and the checksum.
    """
    checksum = 0
    for array in arrays:
        rows = array[::every]
        step = max(1, CHUNK // max(1, rows[:1].nbytes))
        for start in range(0, len(rows), step):
            checksum = zlib.crc32(rows[start : start + step].tobytes(), checksum)
    return [*map(int, shape), checksum]
