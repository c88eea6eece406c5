"""Ctrl-C and other signals during a run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


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
    came: list[tuple[int, Any]] = []
    kept: dict[int, Callable[[int, Any], Any]] = {}
    for which in signal.valid_signals():
        if callable(handler := signal.getsignal(which)):
            kept[which] = handler
    try:
        for each in kept:
            signal.signal(each, lambda *event: came.append(event))
        yield
    finally:
        for each, handler in kept.items():
            signal.signal(each, handler)
        for event in came:
            kept[event[0]](*event)
