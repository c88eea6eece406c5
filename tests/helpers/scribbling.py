"""Another thread that changes the arguments of a kernel during the call."""

import threading
import time
import warnings

import numpy as np

SECONDS = 0.15  # a case; where a kernel follows what it has not checked, a tenth will do
ALLOWED = (IndexError, ValueError, TypeError, RuntimeError, OverflowError)


def wild(rng, array):
    """Something that the array may hold, and that a kernel must not follow."""
    if array.dtype.kind == "f":
        return rng.choice([0.0, -1.0, 1e30, np.inf, np.nan])
    low, high = np.iinfo(array.dtype).min, np.iinfo(array.dtype).max
    return rng.choice([0, 1, 2, low, high, -1 if low else 7, min(high, 10**6)])


def scribble(arrays, stop):
    """Write into the arrays, and change their dtypes and shapes, until stopped."""
    rng = np.random.default_rng(0)
    kept = [(array, array.copy(), array.dtype, array.shape) for array in arrays]
    while not stop.is_set():
        for array, numbers, dtype, shape in kept:
            array[...] = wild(rng, array)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of setting them
                try:
                    array.dtype = np.uint8
                    array.shape = (1, array.size)
                except (ValueError, AttributeError):  # not all of one size, or in use
                    pass
                array.dtype = dtype
                array.shape = shape
            array[...] = numbers


def survives(function, arrays):
    """Call repeatedly while another thread changes the arrays; return the number of successes."""
    stop, went = threading.Event(), 0
    other = threading.Thread(target=scribble, args=(arrays, stop))
    deadline = time.monotonic() + SECONDS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        other.start()
        try:
            while time.monotonic() < deadline:
                try:
                    function()
                except ALLOWED:
                    pass
                else:
                    went += 1
        finally:
            stop.set()
            other.join()
    return went


def spoiled_after_the_checks(monkeypatch, module, name, arrays):
    """Overwrite the arrays with indices that must not be followed once the checks are done."""
    real = getattr(module, name)

    def checked(*arguments):
        result = real(*arguments)
        for array in arrays:
            array[...] = np.iinfo(array.dtype).max if array.dtype.kind in "iu" else np.nan
        return result

    monkeypatch.setattr(module, name, checked)
