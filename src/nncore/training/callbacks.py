"""Callbacks of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def asked_to_stop(callbacks: Sequence[Callable[[Any], object]], event: Any) -> bool:
    """Call all callbacks; return whether one of them returned True."""
    answers = [callback(event) for callback in callbacks]
    return any(isinstance(answer, bool | np.bool_) and answer for answer in answers)
