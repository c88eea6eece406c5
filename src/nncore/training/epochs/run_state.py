"""The state from which a run by epochs can be resumed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from nncore.params import Array
from nncore.training import NetworkRunState


class Patience(NamedTuple):
    """The best loss so far, and the number of epochs since."""

    best: float | None = None
    epochs: int = 0  # since the best

    def after(self, loss: float, min_delta: float) -> Patience:
        """Return the same after an epoch of this loss."""
        if self.best is None or loss < self.best - min_delta:
            return Patience(loss)
        return Patience(self.best, self.epochs + 1)


class Progress(NamedTuple):
    """The progress of a run."""

    updates: int = 0
    loss_sum: float = 0.0  # of the objectives of the epoch's rows so far
    measured: bool = True  # whether the last complete epoch was evaluated
    factor: float = 1.0  # on the learning rate, of OnPlateau
    early: Patience = Patience()
    flat: Patience = Patience()
    best: Array | None = None  # weights, of early stopping
    best_epoch: int = 0


@dataclass(kw_only=True)
class EpochRunState(NetworkRunState):
    """The last run of a network that is trained by epochs.

    `now` is replaced as a whole, so that Ctrl-C can never leave it partly changed.
    """

    per_epoch: int
    split: dict[str, Any] | None = None  # state of the generator before it drew held-out rows
    now: Progress = field(default_factory=Progress)
    current: Array | None = None  # weights to continue with, if the best ones were restored

    @property
    def done(self) -> int:
        """The number of updates made."""
        return self.now.updates

    def go_back(self, done: int) -> None:
        """Return to an earlier number of updates."""
        self.now = self.now._replace(updates=done, loss_sum=0.0)
