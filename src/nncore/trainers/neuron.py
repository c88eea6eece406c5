"""A neuron and then two layers of them, fitted by the absolute error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore.checks import number, positive_int
from nncore.kernels import absolute_error, linear_backward, linear_forward
from nncore.mlp.data import numeric
from nncore.mlp.history import MLPHistory
from nncore.mlp.network import MLP
from nncore.optimizers import SGD
from nncore.params import Array
from nncore.randomness import generator

if TYPE_CHECKING:
    from nncore.randomness import Seed

INPUTS = ((-1.0, 3.0, 5.0),)
TARGETS = ((0.7, 1.3, 2.1),)


@dataclass(frozen=True, eq=False)
class FittedWeight:
    """How `fit_weight` went: the weight and its output before the first step and after each."""

    weights: Array  # (steps + 1,)
    outputs: Array  # (steps + 1,): weights * x
    target: float

    def __repr__(self) -> str:
        return f"<FittedWeight {self.weight:.6g}, error {self.error:.3g}>"

    @property
    def weight(self) -> float:
        """The weight at the end."""
        return float(self.weights[-1])

    @property
    def error(self) -> float:
        """|output - target| at the end."""
        return abs(float(self.outputs[-1]) - self.target)


def fit_weight(
    x: float = 6.0,
    target: float = 1.5,
    weight: float | None = None,
    *,
    step_size: float = 0.0001,
    steps: int = 1000,
    rng: Seed = 0,
) -> FittedWeight:
    """Fit the weight of y = weight * x to a target by the sign of its error.

    Every step moves the weight by step_size * |x| towards the target: the slope of |y - target|
    by the weight is x times the sign of the error, and 0 where there is none. (The document
    takes the slope there for 1, which leaves an exact weight again.) So the error ends within
    step_size * x**2 of 0. weight: where to begin; None: drawn from 0 to 0.5, as in the tutorial.

    Raises TypeError and ValueError for wrong arguments, naming them, and OverflowError where the
    output becomes too large for a float.
    """
    numbers = {"x": x, "target": target, "step_size": step_size}
    if weight is not None:
        numbers["weight"] = weight
    values = {name: number(name, value) for name, value in numbers.items()}
    for name, value in values.items():
        if not math.isfinite(value):
            raise ValueError(f"{name} must be a finite number, got {value}")
    if not values["step_size"] > 0:
        raise ValueError(f"step_size must be above 0, got {step_size}")
    count = positive_int("steps", steps)
    start = generator(rng).uniform(0, 0.5) if weight is None else values["weight"]
    inputs, wanted = np.array([[values["x"]]]), np.array([[values["target"]]])
    w = np.array([[start]])
    weights, outputs = np.empty(count + 1), np.empty(count + 1)
    for i in range(count + 1):
        y = linear_forward(inputs, w)
        weights[i], outputs[i] = w[0, 0], y[0, 0]
        if not math.isfinite(y[0, 0]):
            raise OverflowError(f"x, weight and step_size lead to an output of {y[0, 0]}")
        _, dy = absolute_error(y, wanted)
        with np.errstate(over="ignore"):  # told by the next output
            w -= values["step_size"] * linear_backward(dy, inputs, w)[1]
    return FittedWeight(weights, outputs, values["target"])


@dataclass(frozen=True, eq=False)
class Regressor:
    """What `train_regressor` made."""

    net: MLP
    history: MLPHistory
    inputs: Array
    targets: Array

    def __repr__(self) -> str:
        return f"<Regressor {self.net!r}, mean error {self.error:.3g}>"

    @property
    def predictions(self) -> Array:
        """Outputs for the inputs it was trained on."""
        return self.net.predict(self.inputs)

    @property
    def error(self) -> float:
        """Mean absolute error of the predictions."""
        return float(np.abs(self.predictions - self.targets).mean())


def train_regressor(
    inputs: Any = INPUTS,
    targets: Any = TARGETS,
    *,
    hidden_size: int = 6,
    learning_rate: float = 0.01,
    steps: int = 3000,
    rng: Seed = 0,
) -> Regressor:
    """Two layers, sigmoid between them, by gradient descent on the mean absolute error.

    inputs (N, I), targets (N, O); the tutorial's are one row of 3 numbers each, and 6 hidden
    units. Its error is the mean over rows and outputs, nncore's absolute error the sum over
    outputs, so that its learning rate is divided by their number. Weights and biases begin
    within 1 / sqrt(inputs of the layer), as those of the tutorial's ready-made layers do.
    """
    x, y = np.atleast_2d(numeric("inputs", inputs)), np.atleast_2d(numeric("targets", targets))
    if len(x) != len(y):
        raise ValueError(f"targets has {len(y)} rows, wanted {len(x)} as inputs")
    rate = number("learning_rate", learning_rate)
    if not 0 <= rate < math.inf:
        raise ValueError(f"learning_rate must be 0 or a positive number, got {learning_rate}")
    sizes: Sequence[int] = (x.shape[1], positive_int("hidden_size", hidden_size), y.shape[1])
    net = MLP(sizes, "sigmoid", "identity", "absolute_error", weight_init="fan_in", rng=rng)
    optimizer = SGD(rate / y.shape[1])
    steps = positive_int("steps", steps)
    history = net.fit(x, y, optimizer=optimizer, epochs=steps, batch_size=len(x))
    return Regressor(net, history, x, y)
