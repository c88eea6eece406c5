"""Gradients by difference quotients: what every other gradient can be compared with."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore.checks import number, one_of

# Where rounding, about eps / h, and the rest of the Taylor series, h or h squared, are alike.
EPS = float(np.finfo(np.float64).eps)
DEFAULT_STEPS = {"forward": EPS ** (1 / 2), "central": EPS ** (1 / 3)}


def numerical_gradient(
    f: Callable[[NDArray[np.float64]], Any],
    x: ArrayLike,
    h: float | None = None,
    scheme: str = "central",
) -> NDArray[np.float64]:
    """
    The derivatives of f by each element of x, from values of f alone.

    Parameters
    ----------
    f : function
        Takes a float64 array of x's shape, which is its own to change, and returns a finite
        number. It should compute in float64: in float32 rounding drowns such small differences.
    x : array_like of numbers, any shape
        Where to take the derivatives; it is not changed.
    h : float, optional
        Distance of the points compared, above 0, for every element as it is. By default the
        square root ("forward") or the cube root ("central") of the machine's precision, times
        max(1, abs(x)) for each element.
    scheme : {"central", "forward"}
        (f(x + h) - f(x - h)) / 2h, or (f(x + h) - f(x)) / h, which calls f half as often and
        whose error falls with h instead of with its square.

    Returns
    -------
    ndarray of float64 and of x's shape

    Raises
    ------
    TypeError
        If f is no function or returns no number, or x or h hold no numbers.
    ValueError
        If the scheme is unknown, x or a value of f is not finite, or h is not above 0, or so
        small or large that x + h is x or infinity.

    Notes
    -----
    The forward scheme with h=0.0001 is that of seed document 000.
    """
    if not callable(f):
        raise TypeError(f"f must be a function, got {type(f).__name__}")
    central = one_of("scheme", scheme, tuple(DEFAULT_STEPS)) == "central"
    at, step = _point(x), _step(h)
    middle = None if central else _value(f, at.copy())
    gradient = np.empty(at.shape)
    for index in np.ndindex(at.shape):
        width = step or _exact_step(float(at[index]), DEFAULT_STEPS[scheme])
        above = _value(f, _moved(at, index, width))
        if middle is None:
            gradient[index] = (above - _value(f, _moved(at, index, -width))) / (2 * width)
        else:
            gradient[index] = (above - middle) / width
    return gradient


def _point(x: ArrayLike) -> NDArray[np.float64]:
    """x as an array of its own."""
    try:
        given = np.asarray(x)
    except ValueError as error:  # lists of different lengths
        raise ValueError(f"x must be an array of numbers: {error}") from None
    if given.dtype.kind not in "iuf":
        raise TypeError(f"x must hold real numbers, got {given.dtype}")
    with np.errstate(over="ignore"):  # of long doubles, told below
        at = np.array(given, dtype=np.float64, subok=False)
    if not np.isfinite(at).all():
        raise ValueError("x must be finite, got NaN or infinity")
    return at


def _step(h: float | None) -> float | None:
    if h is None:
        return None
    step = number("h", h, "a positive number or None")
    if not 0 < step < math.inf:
        raise ValueError(f"h must be a positive number or None, got {h}")
    return step


def _exact_step(x: float, share: float) -> float:
    """About share * max(1, abs(x)), and x + step is exact, so that it is the true distance."""
    return (x + share * max(1.0, abs(x))) - x


def _moved(at: NDArray[np.float64], index: tuple[int, ...], by: float) -> NDArray[np.float64]:
    """A copy of the point in which one element is moved."""
    moved = at.copy()
    moved[index] = float(at[index]) + by
    if moved[index] == at[index] or not math.isfinite(moved[index]):
        wrong = "small" if moved[index] == at[index] else "large"
        raise ValueError(f"h is too {wrong} for an element of x: {at[index]} and {abs(by)}")
    return moved


def _value(f: Callable[[NDArray[np.float64]], Any], at: NDArray[np.float64]) -> float:
    """f there, which must be a finite number; an array without dimensions is one, too."""
    value = f(at)
    if isinstance(value, np.ndarray):
        if value.shape:
            raise TypeError(f"f must return a number, got an array of shape {value.shape}")
        value = value[()]
    result = number("what f returns", value)
    if not math.isfinite(result):
        raise ValueError(f"f must return a finite number, got {result}")
    return result
