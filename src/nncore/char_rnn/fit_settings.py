"""The settings of one call of `CharRNN.fit`."""

from __future__ import annotations

import math
from typing import Any

from nncore.checks import LARGEST, number, positive_int
from nncore.training import FitSettings


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
