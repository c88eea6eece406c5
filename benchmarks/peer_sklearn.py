"""Dense networks in scikit-learn: MLPClassifier, which has softmax with cross-entropy, and Adam.

A timed fit continues from given parameters for a fixed number of epochs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from mlp_problems import EPSILON, Problem
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from nncore.params import Array


def fit(net: Any, x: Array, y: Array) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # all epochs are used, as intended
        net.fit(x, y)


def network(problem: Problem) -> Any:
    """The initial network: fitted for one epoch, and then set to the parameters."""
    net = MLPClassifier(
        problem.sizes[1:-1],
        activation={"sigmoid": "logistic"}.get(problem.hidden, problem.hidden),
        solver=problem.optimizer,
        alpha=0.0,
        epsilon=EPSILON,
        batch_size=problem.batch,
        learning_rate_init=problem.learning_rate,
        max_iter=1,
        shuffle=False,
        tol=0.0,
        n_iter_no_change=1_000_000,
        warm_start=True,
    )
    x, y = problem.data()
    fit(net, x, y if problem.classes else y[:, 0])
    arrays = list(problem.parameters().values())
    net.coefs_, net.intercepts_ = arrays[::2], arrays[1::2]
    return net


def can(problem: Problem) -> bool:
    return problem.classes


class Trainer:
    def __init__(self, problem: Problem) -> None:
        self.problem, self.net = problem, network(problem)

    def train(self, epochs: int, shuffle: bool) -> None:
        self.net.set_params(max_iter=epochs, shuffle=shuffle)
        fit(self.net, *self.problem.data())

    def parameters(self) -> list[Array]:
        pairs = zip(self.net.coefs_, self.net.intercepts_, strict=True)
        return [array for pair in pairs for array in pair]


def predictor(problem: Problem, x: Array) -> Callable[[], Array]:
    """The call to be timed: outputs (N, 1) for rows x; predict_proba returns two columns."""
    net = network(problem)

    def predict() -> Array:
        chances: Array = net.predict_proba(x)[:, 1:]
        return chances

    return predict
