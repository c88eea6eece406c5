"""The data sets of XOR, and the networks and settings with which they are learned."""

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
GOALS = {"table": 1.0, "points": 0.9}  # accuracy at which a start counts as learned


@dataclass(frozen=True)
class _Recipe:
    """Output layer, loss, and an optimizer that suits them."""

    output_activation: str
    loss: str
    optimizer: Optimizer


# Momentum crosses the plateaus. With Adam, whose steps have the same size in all directions, a
# quarter fewer of 1000 starts with 2 units learn.
METHODS = {
    "default": _Recipe("softmax", "softmax_cross_entropy", SGD(0.3, 0.9, nesterov=True)),
    "seed": _Recipe("sigmoid", "half_squared_error", SGD(1.0, 0.9, nesterov=True)),
}


def xor_data(
    dataset: Dataset = "table", rng: Seed = 0, dtype: npt.DTypeLike = "float32"
) -> tuple[Array, Array]:
    """
    Return the data of XOR.

    Parameters
    ----------
    dataset : {"table", "points"}
        "table" is the truth table, 4 rows. "points" are 300 standard normal points; their XOR is
        1 where x1 * x2 is negative.
    rng : int, SeedSequence, Generator or None
        Seed of the points.
    dtype : {"float32", "float64"}
        Type of the arrays.

    Returns
    -------
    X : ndarray of shape (N, 2)
        Inputs.
    Y : ndarray of shape (N, 2)
        One-hot targets, whose column is the value of XOR. (The tutorial has the columns in the
        opposite order.)
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
    """The arguments of `train_xor` that describe what is trained; checked by `task`."""

    hidden_size: int
    dataset: Dataset
    reg: float
    method: Method
    optimizer: Optimizer
    epochs: int
    hidden_activation: str
    dtype: npt.DTypeLike

    def network(self, rows: int, rng: Seed) -> MLP:
        """Return a new network for this number of rows."""
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
        """Whether the accuracy reaches the goal of the data set."""
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
    """Return the task of these arguments, checked except for the last two, which `MLP` checks."""
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
    """Return an integer from 0 to 2**53; TypeError or ValueError for anything else."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and value <= 0:
        if value < 0:
            raise ValueError(f"{name} must be at least 0, got {value}")
        return 0
    return positive_int(name, value)


def next_seed(source: np.random.Generator) -> int:
    """Return the next seed: the first is for the data, the others for the network of each start."""
    return int(source.integers(2**63))
