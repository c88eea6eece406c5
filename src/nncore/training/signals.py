"""Ctrl-C and other signals during a run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = tuple(signal.valid_signals())  # found once, as that takes longer than all the rest
# The C function behind signal.getsignal takes a tenth of the time, as it makes no enum members.
handler_of: Callable[[int], Any] = getattr(signal, "_signal", signal).getsignal


class _Postponed:
    """The handler of all signals during a block, and the handlers to be called at its end."""

    def __init__(self) -> None:
        self.handlers: dict[int, Callable[[int, Any], Any]] = {}
        for which in SIGNALS:
            if callable(handler := handler_of(which)):
                self.handlers[which] = handler
        self.events: list[tuple[int, Any]] = []
        self.waiting = True

    def __call__(self, number: int, frame: Any) -> None:
        """Note a signal; after the block, if this is still its handler, handle it."""
        if self.waiting:
            self.events.append((number, frame))
        else:
            self.handlers[number](number, frame)

    def restore(self) -> None:
        """Restore all handlers, even if one that is restored is called and raises."""
        try:
            for which, handler in self.handlers.items():
                signal.signal(which, handler)
        except BaseException:
            self.restore()
            raise

    def handle(self) -> None:
        """Call the handlers of all signals that came, even if one raises."""
        while self.events:
            number, frame = self.events.pop(0)
            try:
                self.handlers[number](number, frame)
            except BaseException:
                self.handle()
                raise


@contextmanager
def undisturbed() -> Iterator[None]:
    """Postpone Ctrl-C to the end of the block, so that the block is never interrupted.

    All other signals with Python handlers are postponed too, as the handlers may raise, such as
    that of a command for SIGTERM, or that of a time limit for SIGALRM. Only the main thread
    receives signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    postponed = _Postponed()
    try:
        for which in postponed.handlers:
            signal.signal(which, postponed)
        yield
    finally:
        postponed.waiting = False
        try:
            postponed.restore()
        finally:
            postponed.handle()
