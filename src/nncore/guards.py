"""Guards that let only one thread at a time change a model.

`exclusive` decorates methods that change the model, `shared` those that need a consistent view of
all of it. A call that cannot start raises RuntimeError immediately and says what to do; no call
waits.
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
    """A running call of an `exclusive` or `shared` method.

    The thread is kept as an object, as thread identifiers are reused, in forked processes too.
    """

    def __init__(self, method: str, changes: bool) -> None:
        self.method = method
        self.changes = changes
        self.thread = threading.current_thread()
        self.process = os.getpid()

    def bars(self, other: Call) -> bool:
        """Whether the other call must not start while this one runs."""
        if self.thread is other.thread:  # a callback may save the model, but not train it
            return self.changes and other.changes
        return self.changes or other.changes

    def refusal(self, other: Call) -> RuntimeError:
        """Return the error that the other call raises."""
        if self.thread is other.thread:
            reason = (
                f"{self.method} of this network is running and called it; call {other.method} of a "
                f"copy of the network"
            )
        elif self.process != other.process:
            reason = (
                f"another thread was running {self.method} when this process was forked, so the "
                f"parameters may be those of an unfinished update; load the network from a file"
            )
        else:
            reason = (
                f"thread {self.thread.name!r} is running {self.method} of this network; wait for "
                f"it, or give each thread a separate network"
            )
        return RuntimeError(f"{other.method} refused: {reason}")


def calls_of(model: Any) -> dict[Call, None]:
    """Return the running guarded calls of a model, oldest first."""
    calls: dict[Call, None] = vars(model).setdefault("_calls", {})
    return calls


def changes_elsewhere(model: Any) -> bool:
    """Whether another thread is running a call that changes the model."""
    here = threading.current_thread()
    return any(call.changes and call.thread is not here for call in list(calls_of(model)))


def _guarded(
    method: Callable[Concatenate[M, P], R], changes: bool
) -> Callable[Concatenate[M, P], R]:
    """Return the method with a check, at every call, of the calls that are already running."""

    @functools.wraps(method)
    def guarded(self: M, /, *args: P.args, **kwargs: P.kwargs) -> R:
        call = Call(method.__name__, changes)
        calls = calls_of(self)
        # Not a lock: Ctrl-C could come after acquiring it and before the `try` that releases it.
        try:
            calls[call] = None
            for before in list(calls):  # in the order in which they started
                if before is call:
                    break
                if before.bars(call):
                    raise before.refusal(call)
            return method(self, *args, **kwargs)
        finally:
            calls.pop(call, None)

    return guarded


def exclusive(method: Callable[Concatenate[M, P], R]) -> Callable[Concatenate[M, P], R]:
    """Make a method raise RuntimeError while another call changes, saves or copies the model."""
    return _guarded(method, changes=True)


def shared(method: Callable[Concatenate[M, P], R]) -> Callable[Concatenate[M, P], R]:
    """Make a method raise RuntimeError while another thread changes the model."""
    return _guarded(method, changes=False)
