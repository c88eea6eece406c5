"""SIGTERM and Ctrl-C, which end the training but do not interrupt the saving of its result."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

ENDING = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Handler with which signals raise KeyboardInterrupt only within `let_through`.

    Elsewhere they are held back. Only the first one raises, so that later ones cannot interrupt
    the saving that follows.
    """

    def __init__(self) -> None:
        self._open = False
        self._waiting = False

    def handle(self, number: int, frame: object) -> None:
        """Raise KeyboardInterrupt, or hold the signal back."""
        if not self._open:
            self._waiting = True
            return
        self._open = False
        raise KeyboardInterrupt

    @contextlib.contextmanager
    def let_through(self) -> Iterator[None]:
        """Let signals raise KeyboardInterrupt within the block, also one that was held back."""
        try:
            self._open = True  # first, so that no signal is lost before the next line
            if self._waiting:
                raise KeyboardInterrupt
            yield
        finally:
            self._open = False


@contextlib.contextmanager
def held_back() -> Iterator[Interrupts]:
    """Hold SIGTERM and Ctrl-C back within the block, except within `let_through`."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts  # only the main thread can set signal handlers
        return
    before = {number: signal.getsignal(number) for number in ENDING}
    try:
        for number, handler in before.items():
            if handler not in (signal.SIG_IGN, None):  # a background job's Ctrl-C stays ignored
                signal.signal(number, interrupts.handle)
        yield interrupts
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)
