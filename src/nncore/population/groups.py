"""Groups of members that are in step, as their epochs have equally many rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nncore.params import Array
from nncore.training.epochs.means import Batches


@dataclass(frozen=True, eq=False)
class Group(Batches):
    """Members whose epochs have as many rows: they are in step until one of them stops."""

    members: Array  # intp (G,)
    planned: int  # updates of each


def groups_of(counts: Array, batch_size: int, epochs: int) -> list[Group]:
    """Return the groups of members that have these numbers of rows (M,), in training order."""
    result = []
    for rows in np.unique(counts).tolist():
        batches = Batches(rows, min(batch_size, rows))
        members = np.flatnonzero(counts == rows)
        result.append(Group(rows, batches.batch, members, epochs * batches.per_epoch))
    return result
