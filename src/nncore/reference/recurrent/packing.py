"""Sequences of different lengths in packed rows: step by step, the longest sequence first."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nncore.params import Array


class Packing(NamedTuple):
    """How some sequences are packed. Position is the place of a sequence in the batch."""

    counts: list[int]  # the number of sequences that run in each step
    sorted: Array  # positions, longest sequence first, sequences of one length in their order
    rows: Array  # of each packed row, the row of x
    positions: Array  # of each packed row, the position of its sequence
    ends: Array  # by position, the packed row of the last step


def pack(starts: Array, chosen: Array) -> Packing:
    """Return the packing of the chosen sequences; sequence n is x[starts[n]:starts[n+1]]."""
    lengths = np.diff(starts)[chosen]
    order = np.argsort(-lengths, kind="stable")
    counts = [int(np.sum(lengths > t)) for t in range(max(lengths, default=0))]
    positions = np.concatenate([order[:0], *(order[:count] for count in counts)])
    steps = np.repeat(np.arange(len(counts)), counts)
    ranks, before = np.argsort(order), np.cumsum([0, *counts])
    return Packing(
        counts,
        order,
        starts[chosen][positions] + steps,
        positions,
        before[lengths - 1] + ranks,
    )
