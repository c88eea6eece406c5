"""The losses of a run of a population, as they are recorded."""

from __future__ import annotations

import numpy as np

from nncore.params import Array
from nncore.population.history import has_validation, no_validation
from nncore.population.run_state import Progress
from nncore.population.state import PopulationState
from nncore.training import GrowableArray


class Record:
    """Losses (epochs, M) of training and of validation, which grow with the run.

    Parameters
    ----------
    model : PopulationState
        The population, whose history does not change until `publish`.
    most : int
        The largest number of epochs that the history will have.
    validated : bool
        Whether there are validation data.
    resume : bool
        Whether the run has begun before.
    """

    def __init__(self, model: PopulationState, most: int, validated: bool, resume: bool) -> None:
        history = model.history
        # Of all members, those in training as `publish` found them.
        self.diverged = history.diverged.copy() if resume else np.zeros(model.size, bool)
        self.best_epoch = history.best_epoch.copy() if resume else np.zeros(model.size, np.int64)
        self.losses = GrowableArray(history.loss.T, most)
        self._memory = np.empty(0)
        self.validation: GrowableArray | None = None
        if validated or has_validation(history):
            self.validation = GrowableArray(history.validation_loss.T, most)

    def room(self, members: int, n: int, epoch: int | None) -> Array:
        """Return an array (n, members) for the losses of a compiled call.

        epoch: the one to which its first row belongs, if every row belongs to an epoch. Losses of
        all members are then written where they stay. Other arrays are in the memory of the call
        before, if that is large enough: new memory takes about as long as the updates.
        """
        if epoch == self.losses.size and members == len(self.diverged):
            return self.losses.room(n)
        if self._memory.size < members * n:
            self._memory = np.empty(members * n)
        return self._memory[: members * n].reshape(n, members)

    def put(self, members: Array, epoch: int, losses: Array) -> None:
        """Record losses (n, A) of some members from an epoch on."""
        self.losses.put_columns(members, epoch, losses)

    def put_validation(self, members: Array, epoch: int, losses: Array) -> None:
        """Record the validation losses (A,) of an epoch of some members."""
        assert self.validation is not None
        self.validation.put_columns(members, epoch, losses[None])

    def clear(self, members: Array, epoch: int) -> None:
        """Forget the losses of some members from an epoch on."""
        self.losses.clear_columns(members, epoch)

    def of_epoch(self, members: Array, epoch: int) -> Array:
        """Return the losses (A,) of an epoch of some members."""
        return np.asarray(self.losses.last_array(epoch + 1)[epoch, members])

    def completed(self, epochs: int) -> Array:
        """Return how many of the first epochs each member has completed (M,)."""
        return np.asarray((~np.isnan(self.losses.last_array(epochs))).sum(axis=0))

    def publish(self, model: PopulationState, now: Progress) -> None:
        """Let the history show the epochs that members have completed."""
        history = model.history
        history.updates = model._counters[:, 0].copy()
        self.diverged[now.members] = now.diverged
        if now.best is not None:
            self.best_epoch[now.members] = now.best.epoch
        history.diverged, history.best_epoch = self.diverged.copy(), self.best_epoch.copy()
        history.loss = self.losses.last_array(now.columns).T
        if self.validation is None:
            history.validation_loss = no_validation(model.size, now.columns)
        else:
            self.validation.pad(now.columns)
            history.validation_loss = self.validation.last_array(now.columns).T
