"""Weights of rows by their classes, from the parameter `class_weight`."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import compute_sample_weight

from nncore.params import Array


def of_rows(class_weight: Any, classes: Array, y: Array, weight: Array | None) -> Array | None:
    """Return a factor for each row of encoded labels (N,) or (N, O), or None without weights.

    weight: the sample weights, or None.
    """
    if class_weight is None:
        return None
    if class_weight == "balanced" and weight is not None:
        return balanced(y, weight)
    if y.ndim == 1:
        return compute_sample_weight(class_weight, classes[y])
    if y.shape[1] == 1 and len(classes) > 1:
        return compute_sample_weight(class_weight, classes[y[:, 0].astype(int)])
    return compute_sample_weight(class_weight, y.astype(int))


@np.errstate(all="ignore")  # `row_weights` checks the result
def balanced(y: Array, weight: Array) -> Array:
    """Return factors that give all classes of labels (N,) or (N, O) the same total weight.

    The size of a class is the sum of its rows' weights, so that a weight of 2 is equivalent to a
    duplicated row. For several labels per row, the factors of its labels are multiplied.
    """
    factor = np.ones(len(y))
    for labels in y.reshape(len(y), -1).T:
        counts = np.bincount(labels.astype(np.intp), weight)
        counted = counts > 0
        factors = np.ones(len(counts))
        factors[counted] = counts.sum() / (counted.sum() * counts[counted])
        factor *= factors[labels.astype(np.intp)]
    return factor
