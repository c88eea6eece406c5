"""The settings of one call of `CharRNN.fit`, and the event that is passed to its callbacks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nncore.checks import LARGEST, number, positive_int
from nncore.training import FitSettings


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


class CharRNNFitSettings(FitSettings):
    """The settings of one call of `CharRNN.fit`, checked."""

    def __init__(self, epochs: float, iterations: int | None, **settings: Any) -> None:
        super().__init__(**settings)
        self.iterations = None
        if iterations is not None:
            self.iterations = positive_int("iterations", iterations)
            return
        self.epochs = number("epochs", epochs)
        if not 0 < self.epochs < math.inf:
            raise ValueError(f"epochs must be above 0 and finite, got {self.epochs}")

    def planned(self, epoch_length: int) -> int:
        """Return the planned number of updates, for epochs of this length."""
        if self.iterations is not None:
            return self.iterations
        return updates_of(self.epochs, epoch_length)


def updates_of(epochs: float, epoch_length: int) -> int:
    """Return the number of updates in a number of epochs."""
    return max(1, round(min(epochs * epoch_length, float(LARGEST))))
