"""The record of the training of a population."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nncore.params import Array


def no_validation(members: int, epochs: int) -> Array:
    """Return the read-only record of epochs without validation data, which takes no memory."""
    return np.broadcast_to(np.nan, (members, epochs))


def own_epochs(losses: Array) -> Array:
    """Return the columns (epochs,) in which a member was trained, from its losses."""
    return np.flatnonzero(~np.isnan(losses))


@dataclass
class PopulationHistory:
    """Record of the training of a `Population` of M members, extended by every call of `fit`.

    Attributes
    ----------
    loss : ndarray of shape (M, epochs)
        Objective of each epoch of each member, including penalties, as in `MLPHistory`; NaN for
        epochs that a member has not completed, as it had stopped.
    validation_loss : ndarray of shape (M, epochs)
        Loss of the validation data after each epoch, without penalties; NaN for epochs without
        validation data and after a member has stopped.
    updates : ndarray of int64, shape (M,)
        Number of updates of each member so far.
    best_epoch : ndarray of int64, shape (M,)
        Epoch after which early stopping found each member's best parameters, counted from 1 over
        the epochs that it has completed; 0 without early stopping.
    diverged : ndarray of bool, shape (M,)
        Members whose objective became non-finite in the last run of `fit`.
    seconds : float
        Time spent in training, without validation.
    """

    loss: Array = field(default_factory=lambda: np.empty((0, 0)))
    validation_loss: Array = field(default_factory=lambda: np.empty((0, 0)))
    updates: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    best_epoch: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    diverged: Array = field(default_factory=lambda: np.zeros(0, bool))
    seconds: float = 0.0

    @classmethod
    def of(cls, members: int) -> PopulationHistory:
        """Return the record of so many members that are not trained yet."""
        return cls(
            np.empty((members, 0)),
            no_validation(members, 0),
            np.zeros(members, np.int64),
            np.zeros(members, np.int64),
            np.zeros(members, bool),
        )

    @property
    def epochs(self) -> int:
        """Number of epochs so far, of the member with the most."""
        return int(self.loss.shape[1])

    def __repr__(self) -> str:
        members = len(self.loss)
        if not self.epochs:
            return f"<PopulationHistory: {members} members, no epochs yet>"
        with np.errstate(all="ignore"):
            last = [row[np.isfinite(row)][-1:] for row in self.loss]
        losses = np.concatenate(last) if last else np.empty(0)
        text = f"<PopulationHistory: {members} members, {self.epochs} epochs, {self.seconds:.3g} s"
        if len(losses):
            text += f", losses {losses.min():.4g} to {losses.max():.4g}"
        if self.diverged.any():
            text += f", {int(self.diverged.sum())} diverged"
        return text + ">"


def has_validation(history: PopulationHistory) -> bool:
    """Whether a history has losses of validation data."""
    validation = np.asarray(history.validation_loss)
    if validation.shape != history.loss.shape:
        return True
    return validation.flags.writeable and not bool(np.isnan(validation).all())
