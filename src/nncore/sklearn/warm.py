"""What training goes on with under `warm_start` and in `partial_fit`: checks and records.

The parameters that shape the network have to stay as they were; all others may change between two
calls, and the values of the moment count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

# What a stochastic solver leaves behind, which says nothing of a network that lbfgs has trained.
RECORDS = (
    "loss_curve_",
    "validation_loss_curve_",
    "validation_scores_",
    "best_validation_score_",
    "best_loss_",
    "_best",
    "_loss_of_best",
    "_no_improvement_count",
    "_goal",
    "_optimizer",
)
SAME = {"logistic": "sigmoid"}  # two names of one activation


def check_hidden_layers(estimator: Any, sizes: Sequence[int]) -> None:
    """ValueError where the parameters ask for other hidden layers than the network has."""
    kept = [np.size(biases) for biases in estimator.intercepts_[:-1]]
    if list(sizes) != kept:
        raise _changed("hidden_layer_sizes", tuple(kept), tuple(sizes))
    trained_with = vars(estimator).get("_activation", estimator.activation)
    if SAME.get(trained_with, trained_with) != SAME.get(estimator.activation, estimator.activation):
        raise _changed("activation", trained_with, estimator.activation)


def check_outputs(estimator: Any, activation: str) -> None:
    """ValueError where the loss asks for other outputs than the network has."""
    if activation != estimator.out_activation_:
        raise ValueError(
            f"loss={estimator.loss!r} needs outputs of activation {activation!r}, but the network "
            f"was trained with {estimator.out_activation_!r}: under warm_start and in partial_fit "
            f"the loss cannot change to or from 'poisson'; {REMEDY}"
        )


REMEDY = "set it back, or fit a new network with warm_start=False"


def _changed(name: str, kept: object, now: object) -> ValueError:
    return ValueError(
        f"{name} is {now!r}, but the network that training goes on with (warm_start or "
        f"partial_fit) has {kept!r}: {REMEDY}"
    )


def forget(estimator: Any) -> None:
    """Remove the records of stochastic solvers."""
    for name in RECORDS:
        vars(estimator).pop(name, None)


def prepare(estimator: Any, validated: bool) -> None:
    """Have the records that a stochastic solver writes, new where the old ones do not fit.

    Losses and scores of different kinds cannot be compared: where another one is to become
    better, the best one so far is forgotten. validated: whether there are rows to measure on.
    """
    if not hasattr(estimator, "loss_curve_"):
        estimator.loss_curve_ = []
    if not validated:
        estimator.validation_loss_curve_ = None
    elif getattr(estimator, "validation_loss_curve_", None) is None:
        estimator.validation_loss_curve_ = []
    goal = _goal(estimator)
    if vars(estimator).get("_goal") != goal:
        stopping = estimator.early_stopping
        estimator._goal, estimator._best, estimator._loss_of_best = goal, None, None
        estimator._no_improvement_count = 0
        estimator.validation_scores_ = [] if stopping else None
        estimator.best_validation_score_ = -np.inf if stopping else None
        estimator.best_loss_ = None if stopping else np.inf


def _goal(estimator: Any) -> tuple[Any, ...]:
    """What has to become better, from iteration to iteration."""
    loss = getattr(estimator, "loss", None)
    if estimator.early_stopping:
        return True, estimator.scoring, loss
    return False, loss, float(estimator.alpha), float(estimator.l1)
