"""Ctrl-C at a given moment, and the permitted state afterwards."""

import itertools
import signal
from contextlib import contextmanager

import numpy as np
import pytest


def interrupted_once(function, at, after=False):
    """The function, but its call number `at` raises Ctrl-C, before or after its work."""
    calls = itertools.count(1)

    def interrupted(*args, **kwargs):
        if next(calls) != at:
            return function(*args, **kwargs)
        if after:
            function(*args, **kwargs)
        raise KeyboardInterrupt

    return interrupted


@contextmanager
def numpy_errors_put_back():
    """NumPy's error state is as before, also if Ctrl-C was raised within an errstate."""
    errors, called = np.geterr(), np.geterrcall()
    yield
    np.seterr(**errors)
    np.seterrcall(called)


@contextmanager
def ctrl_c_by_timer():
    """A function of seconds: KeyboardInterrupt after that time, at any place of the program."""
    if not hasattr(signal, "setitimer"):
        pytest.skip("needs interval timers")

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    with numpy_errors_put_back():
        yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
        signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
