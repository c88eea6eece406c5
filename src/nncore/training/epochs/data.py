"""What a run by epochs asks of its data."""

from __future__ import annotations

from typing import Protocol, Self

import numpy as np


class EpochData(Protocol):
    """Rows to train on or to evaluate, checked; a row of a recurrent network is a sequence."""

    @property
    def rows(self) -> int:
        """The number of rows, at least 1."""

    def fingerprint(self) -> list[int]:
        """Return numbers by which a resumed run recognises that the data are the same."""

    def largest(self) -> dict[str, float]:
        """Return the largest absolute values of inputs and targets, by their names in errors."""

    def split(self, fraction: float, rng: np.random.Generator) -> tuple[Self, Self]:
        """Return the remaining rows, and a random fraction of the rows to hold out."""
