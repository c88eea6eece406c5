"""Ctrl-C at a chosen moment, and what it may leave."""

import itertools
from contextlib import contextmanager

import numpy as np


def interrupted_once(function, at, after=False):
    """The function, but its call number `at` ends in Ctrl-C, before or after its work."""
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
    """What NumPy does at overflows and the like is as before: Ctrl-C may come amid its errstate."""
    errors, called = np.geterr(), np.geterrcall()
    yield
    np.seterr(**errors)
    np.seterrcall(called)
