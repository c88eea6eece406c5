"""Ctrl-C at a chosen moment."""

import itertools


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
