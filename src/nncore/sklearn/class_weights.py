"""What rows count for their classes: `class_weight` as weights of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import compute_sample_weight

from nncore.params import Array


def of_rows(class_weight: Any, classes: Array, y: Array, weight: Array | None) -> Array | None:
    """A factor for each row of encoded labels (N,) or (N, O), or None for all alike.

    weight: what the rows count by themselves.
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


@np.errstate(all="ignore")  # what comes out is judged by `row_weights`
def balanced(y: Array, weight: Array) -> Array:
    """What the rows of labels (N,) or (N, O) count for their classes to count alike.

    Classes count by the rows' weights, so that a weight of 2 is a row given twice; of several
    labels a row, the product is taken.
    """
    factor = np.ones(len(y))
    for labels in y.reshape(len(y), -1).T:
        counts = np.bincount(labels.astype(np.intp), weight)
        counted = counts > 0
        shares = np.ones(len(counts))
        shares[counted] = counts.sum() / (counted.sum() * counts[counted])
        factor *= shares[labels.astype(np.intp)]
    return factor
