"""Checks of the settings that people pass to networks and trainers.

Each function returns the checked value, or raises an error that names the argument, what was
expected and what was passed.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

LARGEST = 1 << 53  # of counts: exact in a float, and more than any run reaches


def positive_int(name: str, value: object) -> int:
    """Return an integer from 1 to 2**53; TypeError or ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, got {type(value).__name__}")
    if not 1 <= value <= LARGEST:
        bound = "at least 1" if value < 1 else f"at most {LARGEST}"
        raise ValueError(f"{name} must be {bound}, got {value}")
    return int(value)


def count(name: str, value: object) -> int:
    """Return an integer from 0 to 2**53; ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        raise ValueError(f"{name} must be an integer from 0 to {LARGEST}, got {value!r}")
    return value


def number(name: str, value: object, expected: str = "a number") -> float:
    """Return a real number as a float; `expected` describes it in the error."""
    if type(value) is float:  # at once, as kernels are called with it
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be {expected}, got {type(value).__name__}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} must be {expected}, got one too large for a float") from None


def positive_number(name: str, value: object, expected: str = "a positive number") -> float:
    """Return a positive real number, possibly infinite, as a float."""
    result = number(name, value, expected)
    if not result > 0:
        raise ValueError(f"{name} must be {expected}, got {result}")
    return result


def limit(name: str, value: float | None) -> float | None:
    """Return a clipping limit, a positive number; None if it is infinite."""
    if value is None:
        return None
    at = positive_number(name, value, "a positive number or None")
    return None if math.isinf(at) else at


def one_of(name: str, value: Any, choices: Sequence[str]) -> Any:
    """Return the choice that a string, also NumPy's, equals; ValueError for anything else."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
    return choices[choices.index(value)]


def float_dtype(name: str, value: Any) -> np.dtype[Any]:
    """Return the dtype float32 or float64; ValueError for anything else."""
    # None compares equal to float64, and an array compares element by element.
    if value is not None and not isinstance(value, np.ndarray):
        for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
            if dtype == value:
                return dtype
    raise ValueError(f"{name} must be float32 or float64, got {value!r}")


def functions(name: str, value: Any) -> list[Callable[..., object]]:
    """Return a list of functions from a list or tuple of them."""
    if not isinstance(value, list | tuple) or not all(map(callable, value)):
        raise TypeError(f"{name} must be a list of functions, got {value!r}")
    return list(value)


def true_or_false(name: str, value: object) -> bool:
    """Return a bool, also from one of NumPy's; TypeError for anything else."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)
