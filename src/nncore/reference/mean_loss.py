"""The mean of a loss over rows, and the weights of the rows in it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nncore.params import Array
from nncore.reference import losses


def mean_loss(name: str, outputs: Array, y: Array, fractions: Array | None) -> tuple[float, Array]:
    """Return the mean loss over rows and its gradient; fractions (N,): the weights of the rows."""
    function: Callable[[Array, Array], tuple[float, Array]] = getattr(losses, name)
    if fractions is None:
        total, gradient = function(outputs, y)
        return total / len(outputs), gradient / outputs.dtype.type(len(outputs))
    each = [function(outputs[i : i + 1], y[i : i + 1]) for i in range(len(outputs))]
    gradient = np.concatenate([g for _, g in each]) * fractions[:, None]
    return float(np.dot(fractions.astype(np.float64), [total for total, _ in each])), gradient


def row_fractions(sample_weight: Array | None) -> Array | None:
    """Return the weights of the rows divided by their sum."""
    return None if sample_weight is None else sample_weight / (sample_weight.sum() or 1)
