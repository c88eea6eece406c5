"""Numerical gradients by finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore.checks import number, one_of

# Where the rounding error, about eps / h, equals the truncation error, about h or h squared.
EPS = float(np.finfo(np.float64).eps)
DEFAULT_STEPS = {"forward": EPS ** (1 / 2), "central": EPS ** (1 / 3)}


def numerical_gradient(
    f: Callable[[NDArray[np.float64]], Any],
    x: ArrayLike,
    h: float | None = None,
    scheme: str = "central",
) -> NDArray[np.float64]:
    """
    Return the gradient of f at x by finite differences.

    Parameters
    ----------
    f : callable
        Takes a float64 array of the shape of x, which it may modify, and returns a finite
        number. It should compute in float64, as float32 rounds off such small differences.
    x : array-like of numbers, of any shape
        The point at which to differentiate; not modified.
    h : float, optional
        Step, above 0, the same for every element. By default the square root ("forward") or the
        cube root ("central") of the machine epsilon, times max(1, abs(x)) for each element.
    scheme : {"central", "forward"}
        "central" is (f(x + h) - f(x - h)) / 2h, with an error of order h squared. "forward" is
        (f(x + h) - f(x)) / h, with an error of order h, and calls f half as often.

    Returns
    -------
    ndarray of float64, of the shape of x

    Raises
    ------
    TypeError
        If f is not callable or returns something other than a number, or x or h is not numeric.
    ValueError
        If the scheme is unknown, x or a value of f is not finite, or h is not above 0, or so
        small or large that x + h equals x or infinity.
    """
    if not callable(f):
        raise TypeError(f"f must be a function, got {type(f).__name__}")
    central = one_of("scheme", scheme, tuple(DEFAULT_STEPS)) == "central"
    at, step = _point(x), positive_step(h)
    middle = None if central else _value(f, at.copy())
    gradient = np.empty(at.shape)
    for index in np.ndindex(at.shape):
        width = step or exact_step(float(at[index]), DEFAULT_STEPS[scheme])
        above = _value(f, _moved(at, index, width))
        if middle is None:
            gradient[index] = (above - _value(f, _moved(at, index, -width))) / (2 * width)
        else:
            gradient[index] = (above - middle) / width
    return gradient


def _point(x: ArrayLike) -> NDArray[np.float64]:
    """Return x as a new array of float64."""
    try:
        given = np.asarray(x)
    except ValueError as error:  # lists of different lengths
        raise ValueError(f"x must be an array of numbers: {error}") from None
    if given.dtype.kind not in "iuf":
        raise TypeError(f"x must contain real numbers, got {given.dtype}")
    with np.errstate(over="ignore"):  # of long doubles, which are refused below
        at = np.array(given, dtype=np.float64, subok=False)
    if not np.isfinite(at).all():
        raise ValueError("x must be finite, got NaN or infinity")
    return at


def positive_step(h: float | None) -> float | None:
    """Return a step that is finite and above 0, or None."""
    if h is None:
        return None
    step = number("h", h, "a positive number or None")
    if not 0 < step < math.inf:
        raise ValueError(f"h must be a positive number or None, got {h}")
    return step


def exact_step(x: float, relative: float) -> float:
    """Return a step near relative * max(1, abs(x)) for which x + step is exact."""
    return (x + relative * max(1.0, abs(x))) - x


def _moved(at: NDArray[np.float64], index: tuple[int, ...], by: float) -> NDArray[np.float64]:
    """Return a copy of the point with one element moved."""
    moved = at.copy()
    moved[index] = float(at[index]) + by
    if moved[index] == at[index] or not math.isfinite(moved[index]):
        wrong = "small" if moved[index] == at[index] else "large"
        raise ValueError(f"h is too {wrong} for an element of x: {abs(by)} for {at[index]}")
    return moved


def _value(f: Callable[[NDArray[np.float64]], Any], at: NDArray[np.float64]) -> float:
    """Return f(at), a finite number or an array of one without axes."""
    value = f(at)
    if isinstance(value, np.ndarray):
        if value.shape:
            raise TypeError(f"f must return a number, got an array of shape {value.shape}")
        value = value[()]
    result = number("the value of f", value)
    if not math.isfinite(result):
        raise ValueError(f"f must return a finite number, got {result}")
    return result
