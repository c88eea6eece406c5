"""The state from which a run of a population can be resumed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from nncore.params import Array
from nncore.population.groups import Group
from nncore.training import RunState


class Best(NamedTuple):
    """The best parameters of the members of a group, which early stopping has found so far."""

    lowest: Array  # float64 (G,): the lowest loss
    waited: Array  # int64 (G,): the number of epochs since
    epoch: Array  # int64 (G,): that of the lowest loss; 0 before the first evaluation
    weights: Array  # (G, P)

    @classmethod
    def none_yet(cls, weights: Array) -> Self:
        """Return the record before the first evaluation; it keeps the array `weights` (G, P)."""
        members = len(weights)
        counts = np.zeros(members, np.int64)
        return cls(np.zeros(members), counts, counts, weights)

    def after(
        self, at: Array, losses: Array, min_delta: float, epochs: Array, weights: Array
    ) -> Best:
        """Return the record after an epoch of the members at these indices (A,) of the group.

        `losses`, `epochs` and `weights` have a row for each of them.
        """
        with np.errstate(all="ignore"):  # infinite losses
            better = (self.epoch[at] == 0) | (losses < self.lowest[at] - min_delta)
        improved = at[better]
        lowest, waited, epoch, kept = (
            self.lowest.copy(),
            self.waited.copy(),
            self.epoch,
            self.weights,
        )
        waited[at] += 1
        if len(improved):
            epoch, kept = epoch.copy(), kept.copy()
            lowest[improved], waited[improved] = losses[better], 0
            epoch[improved], kept[improved] = epochs[better], weights[better]
        return Best(lowest, waited, epoch, kept)

    def restored(self, weights: Array) -> Array:
        """Return the weights (G, P) with the best ones in place of those that were evaluated."""
        return np.where(self.epoch[:, None] > 0, self.weights, weights)


class Progress(NamedTuple):
    """The progress of a run in its current group of members.

    Arrays are replaced, never changed, so that an earlier progress stays valid.
    """

    group: int  # its number
    before: int  # updates that were planned for the groups before it
    columns: int  # epochs in the history
    members: Array  # intp (G,): those of the group
    active: Array  # bool (G,): those that have not stopped
    diverged: Array  # bool (G,)
    sums: Array  # float64 (G,): of the objectives of the epoch's rows so far
    updates: int = 0  # of each active member
    measured: bool = True  # whether the last complete epoch was evaluated
    best: Best | None = None  # with early stopping

    @classmethod
    def start(
        cls, group: int, before: int, columns: int, members: Array, best: Best | None
    ) -> Self:
        """Return the progress at the start of a group."""
        active, none = np.ones(len(members), bool), np.zeros(len(members), bool)
        sums = np.zeros(len(members))
        return cls(group, before, columns, members, active, none, sums, best=best)

    @property
    def in_training(self) -> Array:
        """The members of the group that have not stopped."""
        return self.members[self.active]


@dataclass(kw_only=True)
class PopulationRunState(RunState):
    """The last run of a population.

    `now` is replaced as a whole, so that Ctrl-C can never leave it partly changed.
    """

    epochs: int  # planned
    epochs_before: int  # in the history, before the run
    now: Progress
    current: Array | None = None  # weights (G, P) to continue with, if the best were restored

    @property
    def done(self) -> int:
        """The number of updates made; those of groups that stopped early count as made."""
        return self.now.before + self.now.updates

    def fits(self, groups: list[Group], counters: Array) -> bool:
        """Whether this is a state that a run of these groups can be in, as it is from a file."""
        now, number = self.now, self.now.group
        planned = [group.planned for group in groups]
        if (self.planned, now.before) != (sum(planned), sum(planned[:number])):
            return False
        if number >= len(groups):  # Ctrl-C came at the very end
            return not len(now.members)
        group, at = groups[number], now.updates % groups[number].per_epoch
        if not np.array_equal(now.members, group.members):
            return False
        visited = counters[now.in_training, 2]
        return bool(
            now.updates <= group.planned
            and (visited == at * group.batch).all()
            and now.columns >= self.epochs_before + now.updates // group.per_epoch
            and (now.measured or (now.updates and not at and len(visited)))
        )
