"""A run of `MLP.fit`: the rows of each compiled call, read in place or converted before it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nncore.arguments.train_call import TrainCall
from nncore.mlp.state import MLPState
from nncore.params import Array
from nncore.reference.hashing import shuffled
from nncore.sparse import SparseRows
from nncore.training import CallLength
from nncore.training.epochs.arrays import CHUNK, converted, plain, readable_in_place
from nncore.training.epochs.data import EpochData
from nncore.training.epochs.run import EpochRun
from nncore.training.epochs.settings import EpochFitSettings

MOST_UPDATES = 1 << 20  # in one compiled call
CHUNK_UPDATES = 64  # in one compiled call for data that has to be converted first


class MLPRun(EpochRun):
    """A run of `MLP.fit`."""

    model: MLPState

    def __init__(
        self,
        model: MLPState,
        data: EpochData,
        held_out: EpochData | None,
        settings: EpochFitSettings,
    ) -> None:
        super().__init__(model, data, held_out, settings)
        small = not isinstance(data.x, SparseRows) and data.x.size <= CHUNK
        self.in_place = small or readable_in_place(data.x)
        self.source = replace(data, x=converted(data.x, model.dtype)) if self.in_place else data
        self.across_epochs = self.across_epochs and self.in_place
        if not self.in_place and not self.shuffle:
            self.order = np.arange(self.rows)
        cost = self.batch * sum(map(int, np.prod(model._layers[:, :2], axis=1)))
        longest = MOST_UPDATES if self.in_place else CHUNK_UPDATES
        self.call = CallLength(longest, first=max(1, min(longest, 1_000_000 // (cost + 20))))

    def _train_call(self, n: int, rates: Array, losses: Array) -> TrainCall:
        """Return the call for the next n updates."""
        part, first = self._part(n)
        call = self.model._train_call(part, self.settings.optimizer, rates, losses)
        call.order, call.first = self.order if self.in_place else None, first
        call.epoch_rows, call.batch_size, call.mean_weight = self.rows, self.batch, 1.0
        call.clip_value, call.clip_norm = self.settings.clip, self.settings.clip_norm
        return call

    def _part(self, n: int) -> tuple[EpochData, int]:
        """Return the rows for a call of n updates, and the position of the first in the epoch."""
        if self.in_place:
            return self.source, 0
        position = int(self.model._counters[2])
        if self.shuffle and position == 0:
            self.order = shuffled(self.rows, self.model._hash_seed, int(self.model._counters[3]))
        end = min(self.rows, position + n * self.batch)
        part = self.source.take(self.order[position:end])
        x = plain(np.asarray(part.x), self.model.dtype)
        return replace(part, x=x), position
