"""A run of `RNN.fit`: its compiled calls, each of which trains on many batches of sequences."""

from __future__ import annotations

from nncore.arguments.rnn_train_call import RNNTrainCall
from nncore.params import Array
from nncore.rnn.data import SequenceData
from nncore.rnn.state import RNNState
from nncore.training import CallLength
from nncore.training.epochs.data import EpochData
from nncore.training.epochs.run import EpochRun
from nncore.training.epochs.settings import EpochFitSettings

MOST_UPDATES = 1 << 16  # in one compiled call


class RNNRun(EpochRun):
    """A run of `RNN.fit`."""

    model: RNNState
    data: SequenceData

    def __init__(
        self,
        model: RNNState,
        data: EpochData,
        held_out: EpochData | None,
        settings: EpochFitSettings,
    ) -> None:
        super().__init__(model, data, held_out, settings)
        steps = self.batch * int(self.data.starts[-1]) // self.rows
        first = max(1, min(MOST_UPDATES, 1_000_000 // (steps * model._weights.size + 20)))
        self.call = CallLength(MOST_UPDATES, first)

    def _train_call(self, n: int, rates: Array, losses: Array) -> RNNTrainCall:
        """Return the call for the next n updates."""
        call = self.model._train_call(self.data, self.settings.optimizer, rates, losses)
        call.order, call.batch_size = self.order, self.batch
        call.clip_value, call.clip_norm = self.settings.clip, self.settings.clip_norm
        return call
