"""The last good parameters of a run."""

from __future__ import annotations

from abc import ABC, abstractmethod

from nncore.params import Array


class Snapshots(ABC):
    """Copies of what a compiled call changes, by which a run undoes a call that was interrupted."""

    @abstractmethod
    def begin(self) -> None:
        """Copy the state in which a run begins, which is good."""

    @abstractmethod
    def snapshot(self) -> None:
        """Copy the current state, before a compiled call."""

    @abstractmethod
    def rollback(self) -> None:
        """Restore the last snapshot."""


class LastGood(Snapshots):
    """Copies of the arrays that training changes, to be restored when it diverges.

    A state counts as good once a loss computed from it is within bounds; until then the good
    state before it is kept as well.
    """

    def __init__(self, arrays: list[Array]) -> None:
        self._arrays = arrays
        self._good = [array.copy() for array in arrays]
        self._candidate, self._spare = self._good, [array.copy() for array in arrays]

    def begin(self) -> None:
        """Copy the state in which a run begins, which is good."""
        self.snapshot()
        self.commit()

    def snapshot(self) -> None:
        """Copy the current state, which is not known to be good yet."""
        for copy, array in zip(self._spare, self._arrays, strict=True):
            copy[...] = array
        self._candidate = self._spare

    def commit(self) -> None:
        """Mark the last snapshot as good."""
        if self._candidate is not self._good:
            self._good, self._spare = self._candidate, self._good

    def restore(self) -> None:
        """Restore the last good state."""
        self._copy(self._good)

    def rollback(self) -> None:
        """Restore the last snapshot, whether it is known to be good or not."""
        self._copy(self._candidate)

    def _copy(self, state: list[Array]) -> None:
        """Write a kept state into the arrays."""
        for array, good in zip(self._arrays, state, strict=True):
            array[...] = good
