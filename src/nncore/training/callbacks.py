"""Callbacks of a run, and the events that are passed to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class TrainingEvent:
    """State of the training of a `CharRNN`, passed to callbacks a few dozen times per second.

    Attributes
    ----------
    model : CharRNN
        The network in training. Callbacks can sample from it, evaluate, save and copy it.
    iteration : int
        Updates of this run so far.
    iterations : int
        Updates planned for this run.
    smooth_loss : float
        Exponential running mean of the loss, in nats per window.
    bits_per_char : float
        The same in bits per character.
    characters_per_second : float
        Speed of the last compiled call.
    """

    model: Any
    iteration: int
    iterations: int
    smooth_loss: float
    bits_per_char: float
    characters_per_second: float


# A callback that returns True stops the training after this event.
Callback = Callable[[TrainingEvent], object]


def asked_to_stop(callbacks: Sequence[Callable[[Any], object]], event: Any) -> bool:
    """Call all callbacks; return whether one of them returned True."""
    answers = [callback(event) for callback in callbacks]
    return any(isinstance(answer, bool | np.bool_) and answer for answer in answers)
