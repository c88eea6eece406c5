"""Validation data, given by the user or held out, and their score."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import _check_sample_weight, validate_data

from nncore.checks import number
from nncore.params import Array
from nncore.sklearn.conversion import row_weights
from nncore.sklearn.flat import Flat
from nncore.sklearn.rows import HeldOut, Rows, Subset

FLOATS = (np.float64, np.float32)


@dataclass(frozen=True)
class ScoredByUser(HeldOut):
    """Validation rows that are scored by the estimator's `scoring`.

    estimator: the one in training, whose network has the weights to be measured. labels: the
    targets in their original form.
    """

    estimator: Any
    labels: Array

    def measure(self, weights: Array, layers: Array) -> tuple[float, float]:
        """Return the loss, without penalties, and the score; NaN if outputs are non-finite."""
        loss, score = super().measure(weights, layers)
        if np.isfinite(loss):
            score = -loss if self.estimator.scoring == "loss" else self._score()
        return loss, score

    def _score(self) -> float:
        """Return the score by the user's scorer."""
        estimator, rows = self.estimator, self.rows
        scorer = check_scoring(estimator, estimator.scoring)
        weighted = rows.weight is not None and _takes_weights(scorer)
        weight = {"sample_weight": rows.weight} if weighted else {}
        estimator._measured = rows.x  # already validated, and without feature names
        try:
            return number("the score of scoring", scorer(estimator, rows.x, self.labels, **weight))
        finally:
            del estimator._measured


def _takes_weights(scorer: Any) -> bool:
    """Whether a scorer, or the metric in it, has an argument sample_weight."""
    names = inspect.signature(getattr(scorer, "_score_func", scorer)).parameters
    return "sample_weight" in names


def of_fit(validation_data: Any, X_val: Any, y_val: Any, sample_weight_val: Any) -> Any:
    """Return the validation data of `fit` as one argument, or None."""
    if X_val is None and y_val is None:
        if sample_weight_val is not None:
            raise ValueError("sample_weight_val is provided, but X_val and y_val were not provided")
        return validation_data
    if y_val is None:
        raise ValueError("X_val is provided, but y_val was not provided")
    if X_val is None:
        raise ValueError("y_val is provided, but X_val was not provided")
    if validation_data is not None:
        raise ValueError("X_val and y_val cannot be combined with validation_data")
    return X_val, y_val, sample_weight_val


@np.errstate(all="ignore")  # in the sums by which scikit-learn detects non-finite numbers
def validated(estimator: Any, X: Any, *y: Any, **how: Any) -> Any:
    """Return X, or X and y, validated by scikit-learn's `validate_data`."""
    return validate_data(estimator, X, *y, accept_sparse=["csr", "csc"], **how)


def given(estimator: Any, validation_data: Any, network: Flat) -> HeldOut:
    """Return the user's validation data, (X, y) or (X, y, sample_weight)."""
    if not isinstance(validation_data, tuple | list) or len(validation_data) not in (2, 3):
        raise TypeError(
            f"validation_data must be a tuple (X, y) or (X, y, sample_weight), got "
            f"{type(validation_data).__name__}"
        )
    X, y, *weight = validation_data
    X, y = validated(estimator, X, y, multi_output=True, dtype=FLOATS, reset=False)
    estimator._check_targets("y of validation_data", y)
    rows = estimator._unweighted(X, estimator._encoded(y), network)
    if weight and weight[0] is not None:
        counts = _check_sample_weight(weight[0], X)
        row_weights("sample_weight of validation_data", counts, network.weights.dtype)
        rows = replace(rows, weight=counts)
    return held_out(estimator, rows)


def split(
    estimator: Any, rows: Rows | Subset, rng: np.random.RandomState
) -> tuple[Rows | Subset, HeldOut]:
    """Return the training rows, and a random fraction held out for validation."""
    train, test = train_test_split(
        np.arange(len(rows)),
        random_state=rng,
        test_size=estimator.validation_fraction,
        stratify=estimator._strata(rows.y),
    )
    if len(test) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of "
            "your dataset."
        )
    parts = rows.take(train), rows.take(test)
    for what, part in zip(("to train on", "held out"), parts, strict=True):
        if part.weight is not None:
            row_weights(f"sample_weight of the rows {what}", part.weight, part.weight.dtype)
    return parts[0], held_out(estimator, parts[1])


def held_out(estimator: Any, rows: Rows | Subset) -> HeldOut:
    """Return validation rows that are scored by the estimator's `scoring`."""
    how = rows, estimator._kernel_loss(), estimator._loss_scale(), estimator._score_of
    if estimator.scoring is None:
        return HeldOut(*how)
    return ScoredByUser(*how, estimator, estimator._decoded(rows.y))
