"""What a run of `MLP.fit` leaves: its history, and what finishing it takes if it was broken off."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from nncore.params import Array


@dataclass
class MLPHistory:
    """What happened during training, an entry for every epoch of all calls of `fit`.

    loss: mean over the epoch's rows of the batches' objectives, penalties included, each taken
    before its update. validation_loss (without penalties) and validation_accuracy: NaN for
    epochs without validation data. best_epoch: where early stopping found the best
    parameters, counted from 1; 0 without it. seconds: in compiled code.
    """

    loss: Array = field(default_factory=lambda: np.empty(0))
    validation_loss: Array = field(default_factory=lambda: np.empty(0))
    validation_accuracy: Array = field(default_factory=lambda: np.empty(0))
    updates: int = 0
    best_epoch: int = 0
    seconds: float = 0.0

    @property
    def epochs(self) -> int:
        """Epochs so far."""
        return len(self.loss)

    def __repr__(self) -> str:
        if not self.epochs:
            return "<MLPHistory: no epochs yet>"
        text = (
            f"<MLPHistory: {self.epochs} epochs, {self.updates} updates in "
            f"{self.seconds:.3g} s, loss {self.loss[-1]:.4g}"
        )
        if np.isfinite(self.validation_loss[-1]):
            text += f", validation loss {self.validation_loss[-1]:.4g}"
        if np.isfinite(self.validation_accuracy[-1]):
            text += f", validation accuracy {self.validation_accuracy[-1]:.4f}"
        if self.best_epoch:
            text += f", best after epoch {self.best_epoch}"
        return text + ">"


class Waiting(NamedTuple):
    """How long a loss has not become better."""

    best: float | None = None
    epochs: int = 0  # since the best

    def after(self, loss: float, min_delta: float) -> Waiting:
        """The same after an epoch of this loss."""
        if self.best is None or loss < self.best - min_delta:
            return Waiting(loss)
        return Waiting(self.best, self.epochs + 1)


class Progress(NamedTuple):
    """How far a run has come.

    measured: was the last epoch that has ended measured, and early stopping and OnPlateau told?
    """

    updates: int = 0
    loss_sum: float = 0.0  # of the objectives of the epoch's rows so far
    measured: bool = True
    factor: float = 1.0  # OnPlateau's
    early: Waiting = Waiting()
    flat: Waiting = Waiting()
    best: Array | None = None  # weights, of early stopping
    best_epoch: int = 0


@dataclass
class RunState:
    """What finishing a run takes that was broken off, beside the network: it goes into its file.

    mark: rows, columns and a sum that tells the data. split: the generator's state before it
    drew the held-out rows. now: one value, so that Ctrl-C finds all of it changed or nothing.
    """

    planned: int  # updates
    per_epoch: int
    mark: list[int]
    split: dict[str, Any] | None = None
    now: Progress = field(default_factory=Progress)
    ended: bool = False
    current: Array | None = None  # weights to go on with, where the best were put back

    @property
    def done(self) -> int:
        """Updates of this run."""
        return self.now.updates
