"""The networks and data that `bench_mlp.py` trains on; how to run: see `conftest.py`.

Data are generated: random colours, the four rows of XOR, and images similar to digits, which are
noisy copies of ten prototypes, some with a wrong label so that the loss never becomes 0.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np

from nncore.params import Array, mlp_shapes

# Adam's: negligibly small, as scikit-learn adds it at another place than others, which makes a
# difference of some percent for gradients not far above the usual 1e-8.
EPSILON = 1e-12


class Problem(NamedTuple):
    """A network, its rows and how it learns; float32.

    With labels the outputs are a softmax and the loss its cross-entropy; without, the outputs
    are sigmoids and the loss is their squared error, summed over outputs. Both are means over
    the rows of a batch. Adam has its usual constants except epsilon; SGD has no momentum.
    """

    name: str
    sizes: tuple[int, int, int]
    hidden: str  # "relu" or "sigmoid"
    optimizer: str  # "adam" or "sgd"
    learning_rate: float
    rows: int
    batch: int
    unit: str  # of the times: a "step" or an "epoch"
    epochs: tuple[int, int]  # minimum and maximum in one timed call
    compared: int  # epochs after which all paths must have the same parameters

    def __str__(self) -> str:
        return f"{'-'.join(map(str, self.sizes))}-{self.rows}-b{self.batch}"

    @property
    def classes(self) -> bool:
        return self.optimizer == "adam"

    @property
    def whole(self) -> bool:
        """Whether a batch has all rows, so that shuffling has no effect."""
        return self.batch == self.rows

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return -(-self.rows // self.batch)

    @property
    def per_epoch(self) -> int:
        """The number of steps or epochs to which the time refers."""
        return self.steps if self.unit == "step" else 1

    def parameters(self) -> dict[str, Array]:
        """The initial w1, b1, w2, b2, the same in every call."""
        rng = np.random.default_rng(0)
        start = {
            name: rng.standard_normal(shape) / np.sqrt(shape[0])
            if len(shape) == 2
            else 0.1 * rng.random(shape)
            for name, shape in mlp_shapes(self.sizes).items()
        }
        return {name: array.astype(np.float32) for name, array in start.items()}

    def data(self) -> tuple[Array, Array]:
        """x (N, I) and y: labels (N,), or targets (N, O)."""
        return pictures(self) if self.classes else XOR_ROWS if self.whole else colours(self.rows)


XOR_ROWS = (
    np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32),
    np.array([[1, 0], [0, 1], [0, 1], [1, 0]], np.float32),
)


@lru_cache
def colours(rows: int) -> tuple[Array, Array]:
    """Colours in [0, 1], and whether dark or light letters can be read on them."""
    x = np.random.default_rng(1).random((rows, 3), np.float32)
    return x, (x @ np.array([[0.3], [0.6], [0.1]], np.float32) > 0.5).astype(np.float32)


@lru_cache
def pictures(problem: Problem) -> tuple[Array, Array]:
    """Pixels in [0, 1], half of them 0 in each prototype; every tenth label is drawn at random."""
    inputs, _, outputs = problem.sizes
    rng = np.random.default_rng(1)
    prototypes = np.maximum(rng.standard_normal((outputs, inputs)), 0) / 3
    labels = rng.integers(outputs, size=problem.rows)
    x = prototypes[labels] + 0.2 * rng.standard_normal((problem.rows, inputs))
    labels[::10] = rng.integers(outputs, size=len(labels[::10]))
    return np.clip(x, 0, 1).astype(np.float32), labels


class Trainer(Protocol):
    """A problem in some library, made from `Problem.parameters()`."""

    def train(self, epochs: int, shuffle: bool) -> object: ...
    def parameters(self) -> list[Array]:
        """w1 (I, H), b1 (H,), w2, b2."""
        ...


RGB = Problem(
    "3-3-1, SGD, one row per step", (3, 3, 1), "relu", "sgd", 0.05, 896, 1, "step", (1, 112), 2
)
PROBLEMS = [
    RGB,
    Problem(
        "2-3-2, SGD, all 4 rows per step",
        *((2, 3, 2), "sigmoid", "sgd", 0.5, 4, 4, "step", (1, 100_000), 50),
    ),
    Problem(
        "64-100-10, Adam, 1797 rows, batches of 32",
        *((64, 100, 10), "relu", "adam", 0.001, 1797, 32, "epoch", (1, 20), 1),
    ),
    Problem(
        "64-100-10, Adam, 1797 rows, batches of 200",
        *((64, 100, 10), "relu", "adam", 0.001, 1797, 200, "epoch", (1, 20), 3),
    ),
    Problem(
        "784-128-10, Adam, batches of 64",
        # Several epochs in a call, as a fit checks 5 million pixels once.
        *((784, 128, 10), "relu", "adam", 0.001, 6400, 64, "step", (5, 5), 1),
    ),
]
