"""Ctrl-C at a given moment, and the permitted state afterwards."""

import itertools
from contextlib import contextmanager

import numpy as np


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
