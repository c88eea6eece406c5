"""Checks and records of training that continues, with `warm_start` and in `partial_fit`.

The parameters that determine the network's shape must stay the same; all others may change
between two calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

# The records of a stochastic solver, which do not apply to a network that "lbfgs" has trained.
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
    """Raise ValueError if the parameters differ from the network's hidden layers."""
    kept = [np.size(biases) for biases in estimator.intercepts_[:-1]]
    if list(sizes) != kept:
        raise _changed("hidden_layer_sizes", tuple(kept), tuple(sizes))
    trained_with = vars(estimator).get("_activation", estimator.activation)
    if SAME.get(trained_with, trained_with) != SAME.get(estimator.activation, estimator.activation):
        raise _changed("activation", trained_with, estimator.activation)


def check_outputs(estimator: Any, activation: str) -> None:
    """Raise ValueError if the loss needs another output activation than the network's."""
    if activation != estimator.out_activation_:
        raise ValueError(
            f"loss={estimator.loss!r} needs the output activation {activation!r}, but the network "
            f"was trained with {estimator.out_activation_!r}: with warm_start and in partial_fit "
            f"the loss cannot be changed to or from 'poisson'; {REMEDY}"
        )


REMEDY = "restore it, or fit a new network with warm_start=False"


def _changed(name: str, kept: object, now: object) -> ValueError:
    """Return the error for a parameter that differs from the network's."""
    return ValueError(
        f"{name} cannot be changed with warm_start or in partial_fit, expected {kept!r}, got "
        f"{now!r}; {REMEDY}"
    )


def forget(estimator: Any) -> None:
    """Remove the records of stochastic solvers."""
    for name in RECORDS:
        vars(estimator).pop(name, None)


def prepare(estimator: Any, validated: bool) -> None:
    """Create the records of a stochastic solver, or continue those that still apply.

    Losses and scores of different kinds cannot be compared, so the best one is reset if the
    criterion changes. validated: whether there is validation data.
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
    """Return an identifier of the criterion that has to improve."""
    loss = getattr(estimator, "loss", None)
    if estimator.early_stopping:
        return True, estimator.scoring, loss
    return False, loss, float(estimator.alpha), float(estimator.l1)
