"""The members of a population as they were before a compiled call."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from nncore.params import Array
from nncore.population.run_state import PopulationRunState, Progress
from nncore.population.state import PopulationState
from nncore.training import Snapshots


class MemberArrays(NamedTuple):
    """What a compiled call changes of some members."""

    weights: Array  # (A, P)
    slots: Array  # (slots, A, P)
    counters: Array  # (A, 4)

    @classmethod
    def views(cls, model: PopulationState) -> Self:
        """Return the arrays of all members themselves."""
        return cls(model._weights, np.ascontiguousarray(model._slots), model._counters)

    @classmethod
    def copies(cls, model: PopulationState, members: Array) -> Self:
        """Return copies of the arrays of some members."""
        slots = np.ascontiguousarray(model._slots[:, members])
        return cls(model._weights[members], slots, model._counters[members])

    def row(self, i: int) -> MemberArrays:
        """Return copies of the arrays of the member at an index."""
        one = slice(i, i + 1)
        slots = np.ascontiguousarray(self.slots[:, one]).copy()
        return MemberArrays(self.weights[one].copy(), slots, self.counters[one].copy())

    def write(self, model: PopulationState, members: Array) -> None:
        """Write the arrays into a population."""
        model._weights[members] = self.weights
        model._slots[:, members] = self.slots
        model._counters[members] = self.counters


class BeforeCall(Snapshots):
    """Copies of the members in training, by which an interrupted call is undone."""

    def __init__(self, model: PopulationState, state: PopulationRunState) -> None:
        self._model, self._state = model, state
        self._snapshot: tuple[Progress, MemberArrays] | None = None

    def begin(self) -> None:
        """Do nothing, as nothing is changed before the first call."""

    def snapshot(self) -> None:
        """Copy the members in training."""
        now = self._state.now
        kept = MemberArrays.copies(self._model, now.in_training)
        self._snapshot = now, kept  # at once, which Ctrl-C cannot interrupt

    def rollback(self) -> None:
        """Restore the last snapshot."""
        if self._snapshot is not None:
            now, kept = self._snapshot
            kept.write(self._model, now.in_training)

    @property
    def counted(self) -> bool:
        """Whether the run has counted the updates that were made since the last snapshot."""
        return self._snapshot is None or self._snapshot[0] is not self._state.now

    def member(self, i: int) -> MemberArrays:
        """Return copies of the arrays of one of the members, by its index in the snapshot."""
        assert self._snapshot is not None
        return self._snapshot[1].row(i)
