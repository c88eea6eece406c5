"""Cases of many networks of one architecture: layers, rows, batches, and their initial weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from nncore.params import Array


@dataclass(frozen=True)
class PopulationProblem:
    """Members with sigmoid outputs, squared error, and SGD."""

    name: str
    sizes: tuple[int, int, int]
    members: int
    rows: int
    batch: int
    updates: int
    shuffle: bool = False
    hidden: Literal["relu", "sigmoid"] = "sigmoid"
    rate: float = 0.5

    def data(self) -> tuple[Array, Array]:
        """Return inputs and targets."""
        rng = np.random.default_rng(0)
        x = rng.random((self.rows, self.sizes[0])).astype(np.float32)
        y = (rng.random((self.rows, self.sizes[-1])) > 0.5).astype(np.float32)
        return x, y

    @property
    def epochs(self) -> int:
        """The number of epochs that make `updates` updates."""
        return self.updates * self.batch // self.rows


PROBLEMS = [
    PopulationProblem("1000 of 2-3-2, 4 rows", (2, 3, 2), 1000, 4, 4, 500),
    PopulationProblem("1024 of 2-50-2, 4 rows", (2, 50, 2), 1024, 4, 4, 50),
    PopulationProblem("1024 of 4-16-2, 32 rows", (4, 16, 2), 1024, 32, 32, 50),
    PopulationProblem("100 of 64-100-10, batches of 32", (64, 100, 10), 100, 320, 32, 50),
    PopulationProblem(
        "256 of 3-3-1, single rows in one order", (3, 3, 1), 256, 1345, 1, 26_900, hidden="relu"
    ),
    PopulationProblem(
        "256 of 3-3-1, single rows in separate orders",
        (3, 3, 1), 256, 1345, 1, 26_900, shuffle=True, hidden="relu",
    ),
]  # fmt: skip
