"""Checks of the settings that people pass to networks and trainers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def positive_int(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, got {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return int(value)


def limit(name: str, value: float | None) -> float:
    """A clipping limit as the kernels take it: 0 for none."""
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a positive number or None, got {type(value).__name__}")
    if not value > 0:
        raise ValueError(f"{name} must be a positive number or None, got {value}")
    return float(value)


def one_of(name: str, value: Any, choices: Sequence[str]) -> Any:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
    return value
