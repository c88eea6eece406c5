"""The run of `fit` that a network has made last, and whether it can be resumed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TypeVar


@dataclass(kw_only=True)
class RunState(ABC):
    """What a network or a population remembers of its last run, to resume it if it was interrupted.

    A run that made all its updates, or that early stopping ended, is finished. One that Ctrl-C, an
    error or a callback ended can be resumed.
    """

    planned: int  # updates
    fingerprint: list[int]  # of the data, from `nncore.training.fingerprints`
    ended: bool = False

    @property
    @abstractmethod
    def done(self) -> int:
        """The number of updates made."""


class NetworkRunState(RunState):
    """What one network remembers of its last run, in which it may go back when it diverges."""

    @abstractmethod
    def go_back(self, done: int) -> None:
        """Return to an earlier number of updates, whose parameters were restored."""


S = TypeVar("S", bound=RunState)


def unfinished(state: S | None) -> S:
    """Return the state of a network's last run; ValueError if there is nothing to resume."""
    if state is None or state.ended:
        raise ValueError("there is no run to resume: the last one was finished")
    return state


def different_data(arguments: str) -> ValueError:
    """Return the error for data other than that of the interrupted run."""
    return ValueError(
        f"resume=True finishes the interrupted run: {arguments} must be those that it was started "
        f"with"
    )
