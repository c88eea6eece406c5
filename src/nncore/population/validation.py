"""The losses of members for the rows that are held out for their validation."""

from __future__ import annotations

import numpy as np

from nncore.params import Array
from nncore.population.rows import PopulationData
from nncore.population.state import PopulationState
from nncore.training.epochs.data import EpochData


def validation_losses(
    model: PopulationState, data: PopulationData, held_out: EpochData | None, members: Array
) -> Array:
    """Return the losses (A,) of some members for the validation data, or for their own rows."""
    if held_out is not None:
        return model._losses(held_out, members)
    assert data.held_rows is not None
    rows, counts = data.held_rows
    losses = np.empty(len(members))
    for count in np.unique(counts[members]).tolist():
        some = counts[members] == count
        own = rows[members[some], :count]
        losses[some] = model._losses(data.data, members[some], own)
    return losses
