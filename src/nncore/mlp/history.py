"""The record of the training of an `MLP`, and the state from which a run can be resumed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from nncore.params import Array
from nncore.training import RunState


@dataclass
class MLPHistory:
    """Record of the training of an `MLP`, extended by every call of `fit`.

    Attributes
    ----------
    loss : ndarray (epochs,)
        Objective of each epoch, including penalties: the mean over its rows, where each batch is
        evaluated before its update.
    validation_loss : ndarray (epochs,)
        Loss of the validation data after each epoch, without penalties; NaN for epochs without
        validation data.
    validation_accuracy : ndarray (epochs,)
        Fraction of the validation data classified correctly after each epoch; NaN for epochs
        without validation data, and for targets that are not classes.
    updates : int
        Number of updates so far.
    best_epoch : int
        Epoch after which early stopping found the best parameters, counted from 1; 0 without early
        stopping.
    seconds : float
        Time spent in training, without validation and callbacks.
    """

    loss: Array = field(default_factory=lambda: np.empty(0))
    validation_loss: Array = field(default_factory=lambda: np.empty(0))
    validation_accuracy: Array = field(default_factory=lambda: np.empty(0))
    updates: int = 0
    best_epoch: int = 0
    seconds: float = 0.0

    @property
    def epochs(self) -> int:
        """Number of epochs so far."""
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
    """The best loss so far, and the number of epochs since."""

    best: float | None = None
    epochs: int = 0  # since the best

    def after(self, loss: float, min_delta: float) -> Waiting:
        """Return the same after an epoch of this loss."""
        if self.best is None or loss < self.best - min_delta:
            return Waiting(loss)
        return Waiting(self.best, self.epochs + 1)


class Progress(NamedTuple):
    """The progress of a run."""

    updates: int = 0
    loss_sum: float = 0.0  # of the objectives of the epoch's rows so far
    measured: bool = True  # whether the last complete epoch was evaluated
    factor: float = 1.0  # on the learning rate, of OnPlateau
    early: Waiting = Waiting()
    flat: Waiting = Waiting()
    best: Array | None = None  # weights, of early stopping
    best_epoch: int = 0


@dataclass(kw_only=True)
class MLPRunState(RunState):
    """The last run of an `MLP`.

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
