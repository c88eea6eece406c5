"""A single neuron, and a two-layer regressor, both fitted by the absolute error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore.checks import number, positive_int
from nncore.kernels import absolute_error, linear_backward, linear_forward
from nncore.mlp.history import MLPHistory
from nncore.mlp.network import MLP
from nncore.optimizers import SGD
from nncore.params import Array
from nncore.randomness import generator
from nncore.training.epochs.checks import numeric

if TYPE_CHECKING:
    from nncore.randomness import Seed

INPUTS = ((-1.0, 3.0, 5.0),)
TARGETS = ((0.7, 1.3, 2.1),)


@dataclass(frozen=True, eq=False)
class FittedWeight:
    """Result of `fit_weight`.

    Attributes
    ----------
    weights : ndarray of shape (steps + 1,)
        The weight before the first step and after each step.
    outputs : ndarray of shape (steps + 1,)
        weights * x.
    target : float
        The target.
    """

    weights: Array
    outputs: Array
    target: float

    def __repr__(self) -> str:
        return f"<FittedWeight {self.weight:.6g}, error {self.error:.3g}>"

    @property
    def weight(self) -> float:
        """The final weight."""
        return float(self.weights[-1])

    @property
    def error(self) -> float:
        """The final absolute error, |output - target|."""
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
    """Fit the weight of y = weight * x to a target by gradient descent on the absolute error.

    Parameters
    ----------
    x : float
        The input.
    target : float
        The output to fit.
    weight : float, optional
        The initial weight; by default drawn from [0, 0.5), as in the tutorial that
        this task comes from.
    step_size : float
        Factor on the gradient, above 0.
    steps : int
        Number of steps, at least 1.
    rng : int, SeedSequence, Generator or None
        Seed of the initial weight.

    Returns
    -------
    FittedWeight

    Raises
    ------
    TypeError, ValueError
        If an argument is not numeric or out of range.
    OverflowError
        If the output becomes too large for a float.

    Notes
    -----
    The derivative of |y - target| with respect to the weight is x times the sign of the error, and
    0 if the error is 0. (The tutorial uses 1 there, so its weight moves away from the exact value
    again.) Every step thus moves the weight by step_size * |x| towards the target, and the final
    error is at most step_size * x**2 if there are enough steps.
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
    inputs, expected = np.array([[values["x"]]]), np.array([[values["target"]]])
    w = np.array([[start]])
    weights, outputs = np.empty(count + 1), np.empty(count + 1)
    for i in range(count + 1):
        y = linear_forward(inputs, w)
        weights[i], outputs[i] = w[0, 0], y[0, 0]
        if not math.isfinite(y[0, 0]):
            raise OverflowError(f"x, weight and step_size lead to an output of {y[0, 0]}")
        _, dy = absolute_error(y, expected)
        with np.errstate(over="ignore"):  # the next output shows it
            w -= values["step_size"] * linear_backward(dy, inputs, w)[1]
    return FittedWeight(weights, outputs, values["target"])


@dataclass(frozen=True, eq=False)
class Regressor:
    """Result of `train_regressor`.

    Attributes
    ----------
    net : MLP
        The trained network.
    history : MLPHistory
        Record of its training.
    inputs, targets : ndarray of shape (N, I), (N, O)
        The data.
    """

    net: MLP
    history: MLPHistory
    inputs: Array
    targets: Array

    def __repr__(self) -> str:
        return f"<Regressor {self.net!r}, mean error {self.error:.3g}>"

    @property
    def predictions(self) -> Array:
        """Outputs (N, O) for the training inputs."""
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
    """Train a regressor of two layers by gradient descent on the mean absolute error.

    The hidden layer has sigmoid units, and the output layer is linear.

    Parameters
    ----------
    inputs, targets : array-like of shape (N, I), (N, O)
        The data; by default those of the tutorial that this task comes from, one row of 3 numbers
        each.
    hidden_size : int
        Number of hidden units.
    learning_rate : float
        Step size, at least 0.
    steps : int
        Number of updates, each with all rows.
    rng : int, SeedSequence, Generator or None
        Seed of the initial weights.

    Returns
    -------
    Regressor

    Raises
    ------
    TypeError, ValueError
        If an argument is not numeric, out of range or of the wrong shape.

    Notes
    -----
    The tutorial's error is the mean over rows and outputs, while nncore's absolute error is a sum
    over the outputs, so the learning rate is divided by their number. Weights and biases are drawn
    uniformly from [-k, k] with k = 1 / sqrt(inputs of the layer), as in the tutorial.
    """
    x, y = np.atleast_2d(numeric("inputs", inputs)), np.atleast_2d(numeric("targets", targets))
    if len(x) != len(y):
        raise ValueError(f"targets has {len(y)} rows, expected {len(x)}, as many as inputs has")
    rate = number("learning_rate", learning_rate)
    if not 0 <= rate < math.inf:
        raise ValueError(f"learning_rate must be 0 or a positive number, got {learning_rate}")
    sizes: Sequence[int] = (x.shape[1], positive_int("hidden_size", hidden_size), y.shape[1])
    net = MLP(sizes, "sigmoid", "identity", "absolute_error", weight_init="fan_in", rng=rng)
    optimizer = SGD(rate / y.shape[1])
    steps = positive_int("steps", steps)
    history = net.fit(x, y, optimizer=optimizer, epochs=steps, batch_size=len(x))
    return Regressor(net, history, x, y)
