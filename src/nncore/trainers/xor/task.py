"""What there is to learn of XOR, and the networks that try."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from nncore.checks import float_dtype, number, one_of, positive_int
from nncore.mlp.network import MLP
from nncore.optimizers import SGD, Optimizer, check_optimizer
from nncore.params import Array
from nncore.randomness import generator

if TYPE_CHECKING:
    from nncore.randomness import Seed

Dataset = Literal["table", "points"]
Method = Literal["default", "seed"]
POINTS = 300
GOALS = {"table": 1.0, "points": 0.9}  # accuracy from which on a start has learned


@dataclass(frozen=True)
class _Recipe:
    """Output layer, loss, and an optimizer that suits them."""

    output_activation: str
    loss: str
    optimizer: Optimizer


# Momentum runs through the plateaus; of 1000 starts with 2 units Adam, whose steps have the same
# size in all directions, brings a quarter fewer to the end.
METHODS = {
    "default": _Recipe("softmax", "softmax_cross_entropy", SGD(0.3, 0.9, nesterov=True)),
    "seed": _Recipe("sigmoid", "half_squared_error", SGD(1.0, 0.9, nesterov=True)),
}


def xor_data(
    dataset: Dataset = "table", rng: Seed = 0, dtype: npt.DTypeLike = "float32"
) -> tuple[Array, Array]:
    """
    Inputs (N, 2) and one-hot targets (N, 2), whose column 1 is 1 where XOR is.

    "table": the 4 rows of the truth table. "points": 300 points, normally distributed around 0
    with deviation 1; XOR is 1 where x1 * x2 is negative. (The tutorial has the two columns the
    other way round.)
    """
    one_of("dataset", dataset, tuple(GOALS))
    kind = float_dtype("dtype", dtype)
    if dataset == "table":
        X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], kind)
        classes = np.array([0, 1, 1, 0])
    else:
        X = generator(rng).standard_normal((POINTS, 2)).astype(kind)
        classes = (X[:, 0] * X[:, 1] < 0).astype(np.intp)
    return X, np.eye(2, dtype=kind)[classes]


@dataclass(frozen=True)
class Task:
    """The arguments of `train_xor` that tell what is trained; checked by `task`."""

    hidden_size: int
    dataset: Dataset
    reg: float
    method: Method
    optimizer: Optimizer
    epochs: int
    hidden_activation: str
    dtype: npt.DTypeLike

    def network(self, rows: int, rng: Seed) -> MLP:
        """A new network for that many rows of data."""
        return MLP(
            (2, self.hidden_size, 2),
            self.hidden_activation,
            METHODS[self.method].output_activation,
            METHODS[self.method].loss,
            l2=self.reg / rows,
            weight_init="fan_in",
            dtype=self.dtype,
            rng=rng,
        )

    def learned(self, accuracy: float) -> bool:
        """Is this enough?"""
        return accuracy >= GOALS[self.dataset]


def task(
    hidden_size: int,
    dataset: Dataset,
    reg: float,
    method: Method,
    optimizer: Optimizer | None,
    epochs: int,
    hidden_activation: str,
    dtype: npt.DTypeLike,
) -> Task:
    """The task of these arguments, of which `MLP` checks the last two."""
    one_of("dataset", dataset, tuple(GOALS))
    one_of("method", method, tuple(METHODS))
    penalty = number("reg", reg)
    if not 0 <= penalty < math.inf:
        raise ValueError(f"reg must be 0 or a positive number, got {reg}")
    return Task(
        positive_int("hidden_size", hidden_size),
        dataset,
        penalty,
        method,
        METHODS[method].optimizer if optimizer is None else check_optimizer(optimizer),
        positive_int("epochs", epochs),
        hidden_activation,
        dtype,
    )


def natural(name: str, value: Any) -> int:
    """The integer, which may be 0."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and value <= 0:
        if value < 0:
            raise ValueError(f"{name} must be at least 0, got {value}")
        return 0
    return positive_int(name, value)


def next_seed(source: np.random.Generator) -> int:
    """The seed of the next thing that needs one: first the data, then each start's network."""
    return int(source.integers(2**63))
