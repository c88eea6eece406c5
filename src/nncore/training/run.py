"""The training loop of all networks: compiled calls, and the bookkeeping between them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from nncore.params import Array
from nncore.training.call_length import CallLength
from nncore.training.fit_settings import FitSettings
from nncore.training.growable_array import GrowableArray
from nncore.training.last_good import LastGood, Snapshots
from nncore.training.run_state import NetworkRunState, RunState
from nncore.training.signals import undisturbed

# Advances the progress bar by a number of updates or epochs, and shows figures by name.
Bar = Callable[[int, dict[str, str]], None]
Done = TypeVar("Done")


class TrainingRun(ABC):
    """A run of `fit`: short compiled calls until it ends, for any reason.

    The constructor only computes, so that a run that cannot start leaves the network as it was.
    """

    # Set by the constructor of a subclass
    state: RunState
    good: Snapshots
    call: CallLength

    def __init__(self, model: Any, settings: FitSettings) -> None:
        self.model = model
        self.settings = settings
        self.underway = False  # whether the network is changed and to be left consistent
        self.calling = False  # whether a compiled call is running

    def run(self) -> None:
        """Train until the planned number of updates, a callback, an error or Ctrl-C ends it."""
        with self._progress_bar() as bar:
            try:
                self._start()
                self._train(bar)
            finally:
                try:
                    self._leave()
                except BaseException:
                    self._leave()  # a signal came before `undisturbed` could postpone it
                    raise

    def _start(self) -> None:
        """Change the network to the state in which the run begins: all of it or nothing."""
        with undisturbed():
            self._begin()
            self.model._run = self.state
            self.good.begin()
            self.underway = True

    def _train(self, bar: Bar) -> None:
        """Make compiled calls until the run is finished or stopped."""
        stop = self._resume()
        while not stop and self._updates_left():
            stop = self._step(bar)
            if self.settings.checkpoints.due:
                self._publish()
                self.settings.checkpoints.save(self.model)
        self._end()

    def _leave(self) -> None:
        """Leave the network and its history consistent; does nothing unless the run is underway."""
        with undisturbed():
            if self.underway:
                self.underway = False
                self._settle()
                self.settings.checkpoints.save(self.model)

    def _settle(self) -> None:
        """Make the network and its history consistent."""
        if self.calling or not self._recorded():
            self.good.rollback()  # Ctrl-C discards the call that is not recorded
        self._publish(GrowableArray.last_array)

    def _updates_left(self) -> int:
        """Return the number of updates until the run is finished."""
        return self.state.planned - self.state.done

    def _end(self) -> None:
        """Mark the run as finished, unless a callback stopped it, so that it can be resumed."""
        self.state.ended = not self._updates_left()

    def _timed(self, n: int, train: Callable[[], Done]) -> tuple[Done, float]:
        """Make a compiled call of n updates; return what it returns, and the seconds it took."""
        self.good.snapshot()
        self.calling = True
        self.call.start()
        done = train()
        seconds = self.call.stop(n)
        self.calling = False
        return done, seconds

    @abstractmethod
    def _recorded(self) -> bool:
        """Whether all updates that were made are those that the state of the run has counted."""

    @abstractmethod
    def _begin(self) -> None:
        """Change the network to the state in which the run begins, without allocating arrays."""

    @abstractmethod
    def _progress_bar(self) -> AbstractContextManager[Bar]:
        """Return the progress bar for the rest of the run."""

    @abstractmethod
    def _resume(self) -> bool:
        """Finish the last step of an interrupted run; return whether training should stop."""

    @abstractmethod
    def _step(self, bar: Bar) -> bool:
        """Make one compiled call and evaluate it; return whether training should stop."""

    @abstractmethod
    def _publish(self, array: Callable[[GrowableArray, int], Array] = GrowableArray.array) -> None:
        """Write the updates that the network has made, and no later ones, to its history."""


class NetworkRun(TrainingRun):
    """A run of `fit` of one network, which goes back to its last good parameters if it diverges."""

    # Set by the constructor of a subclass
    state: NetworkRunState
    good: LastGood
    updates_before: int  # of the network, before the run

    def _recorded(self) -> bool:
        return int(self.model._counters[0]) == self.updates_before + self.state.done

    def _go_back(self, restore: Callable[[], None]) -> None:
        """Restore earlier parameters by a method of `good`, and the state that the run had then."""
        with undisturbed():
            restore()
            self.state.go_back(int(self.model._counters[0]) - self.updates_before)
