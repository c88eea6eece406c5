"""One thread at a time changes a model.

`exclusive` marks methods that change it, `shared` those that need all of it at one moment. A call
that cannot begin raises RuntimeError at once and says what to do; nothing waits.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M")


class Call:
    """A call of a method that changes a network, or that needs all of it at one moment.

    The thread is kept as an object: numbers of threads are used again, in forked processes too.
    """

    def __init__(self, method: str, changes: bool) -> None:
        self.method = method
        self.changes = changes
        self.thread = threading.current_thread()
        self.process = os.getpid()

    def bars(self, other: Call) -> bool:
        """Must the other call not begin while this one runs?"""
        if self.thread is other.thread:  # a callback may save, but not train
            return self.changes and other.changes
        return self.changes or other.changes

    def refusal(self, other: Call) -> RuntimeError:
        """The error that the other call gets."""
        if self.thread is other.thread:
            reason = f"{self.method} of this network is calling; give {other.method} a copy of it"
        elif self.process != other.process:
            reason = (
                f"another thread was at {self.method} when this process was forked from its, so "
                f"that the parameters may be those of half an update; load the network from a file"
            )
        else:
            reason = (
                f"thread {self.thread.name!r} is at {self.method} of this network; wait for it, or "
                f"give each thread a network of its own"
            )
        return RuntimeError(f"{other.method} refused: {reason}")


def calls_of(model: Any) -> dict[Call, None]:
    """The guarded calls of a model that run, the oldest first."""
    calls: dict[Call, None] = vars(model).setdefault("_calls", {})
    return calls


def changes_elsewhere(model: Any) -> bool:
    """Whether another thread is at a call that changes the model."""
    here = threading.current_thread()
    return any(call.changes and call.thread is not here for call in list(calls_of(model)))


def _guarded(
    method: Callable[Concatenate[M, P], R], changes: bool
) -> Callable[Concatenate[M, P], R]:
    @functools.wraps(method)
    def guarded(self: M, /, *args: P.args, **kwargs: P.kwargs) -> R:
        call = Call(method.__name__, changes)
        calls = calls_of(self)
        # No lock: Ctrl-C could come between taking it and noting that it was taken.
        try:
            calls[call] = None
            for before in list(calls):  # in the order of their beginning
                if before is call:
                    break
                if before.bars(call):
                    raise before.refusal(call)
            return method(self, *args, **kwargs)
        finally:
            calls.pop(call, None)

    return guarded


def exclusive(method: Callable[Concatenate[M, P], R]) -> Callable[Concatenate[M, P], R]:
    """A method that raises RuntimeError while another call changes, saves or copies the model."""
    return _guarded(method, changes=True)


def shared(method: Callable[Concatenate[M, P], R]) -> Callable[Concatenate[M, P], R]:
    """A method that raises RuntimeError while another thread changes the model."""
    return _guarded(method, changes=False)
