"""SIGTERM and Ctrl-C: both end the work, and neither ends the writing of what it gave."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

ENDING = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """SIGTERM and Ctrl-C raise KeyboardInterrupt within `let_through()`; elsewhere they wait.

    Only the first one raises. All later ones wait, too, so that none of them can break off what
    is saved because of the first.
    """

    def __init__(self) -> None:
        self._open = False
        self._waiting = False

    def handle(self, number: int, frame: object) -> None:
        if not self._open:
            self._waiting = True
            return
        self._open = False
        raise KeyboardInterrupt

    @contextlib.contextmanager
    def let_through(self) -> Iterator[None]:
        """Within, a signal raises KeyboardInterrupt, and so does one that has waited."""
        try:
            self._open = True  # first: what comes before the next line raises by itself
            if self._waiting:
                raise KeyboardInterrupt
            yield
        finally:
            self._open = False


@contextlib.contextmanager
def held_back() -> Iterator[Interrupts]:
    """Within, SIGTERM and Ctrl-C wait, but for where `let_through()` says otherwise."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts  # only the main thread may say what signals do
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
