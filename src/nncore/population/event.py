"""The event that is passed to the callbacks of `Population.fit`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nncore.params import Array


@dataclass(frozen=True, eq=False)
class PopulationEvent:
    """State of the training of a `Population`, passed to callbacks after every epoch.

    Members with different numbers of rows are trained one group after the other, and each group
    has events for its epochs.

    Attributes
    ----------
    model : Population
        The population in training. Callbacks can predict with it, evaluate, save and copy it, and
        change the parameters of its members.
    epoch : int
        Epochs of this run so far, of `members`.
    epochs : int
        Epochs planned for this run.
    members : ndarray of int, shape (A,)
        Numbers of the members that have completed the epoch: those of the group that had neither
        stopped early nor diverged before.
    loss : ndarray of float64, shape (A,)
        Mean objective of the epoch's batches of each of them.
    validation_loss : ndarray of float64, shape (A,), or None
        Loss of the validation data of each of them; None without validation data.
    rows_per_second : float
        Speed of the last compiled call, in rows of all members.
    """

    model: Any
    epoch: int
    epochs: int
    members: Array
    loss: Array
    validation_loss: Array | None
    rows_per_second: float
