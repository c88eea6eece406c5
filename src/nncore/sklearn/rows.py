"""The rows of training and validation data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nncore import kernels
from nncore.params import Array
from nncore.sklearn import flat


@dataclass(frozen=True)
class Rows:
    """x (N, I), an array or `SparseRows`; y as the kernels read it; weights (N,) or None."""

    x: Any
    y: Array
    weight: Array | None

    def __len__(self) -> int:
        return len(self.x)

    def take(self, at: Any) -> Rows:
        """Return some of the rows."""
        return Rows(self.x[at], self.y[at], None if self.weight is None else self.weight[at])


class Subset:
    """Some rows of others, which are copied only if they are read.

    Parameters
    ----------
    whole : Rows
        Rows without weights.
    at : ndarray of intp of shape (n,)
        Which of them, in this order.
    """

    weight = None

    def __init__(self, whole: Rows, at: Array) -> None:
        self.whole, self.at = whole, at

    def __len__(self) -> int:
        return len(self.at)

    @cached_property
    def x(self) -> Any:
        """The inputs."""
        return self.whole.x[self.at]

    @cached_property
    def y(self) -> Array:
        """The targets."""
        return self.whole.y[self.at]

    def take(self, at: Any) -> Subset:
        """Return some of the rows."""
        return Subset(self.whole, self.at[at])


@dataclass(frozen=True)
class HeldOut:
    """Validation rows, and how their loss and score are measured."""

    rows: Rows | Subset
    loss: str
    scale: float  # of the loss: 1 / O if it is reported as a mean over outputs
    score_of: Callable[[Array, Array, Array | None], float]  # of outputs before activation

    def measure(self, weights: Array, layers: Array) -> tuple[float, float]:
        """Return the loss, without penalties, and the score; NaN if outputs are non-finite."""
        rows, dtype = self.rows, weights.dtype
        loss, z = kernels.mlp_evaluate(
            weights,
            layers,
            flat.readable(rows.x, dtype),
            _typed(rows.y, dtype),
            loss=self.loss,
            sample_weight=None if rows.weight is None else _typed(rows.weight, dtype),
        )
        if not np.isfinite(z).all():
            return float("nan"), float("nan")
        return self.scale * loss, float(self.score_of(z, rows.y, rows.weight))


def _typed(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return targets or weights in this dtype; class labels stay integers."""
    if array.dtype.kind == "i":
        return array
    with np.errstate(all="ignore"):
        return np.ascontiguousarray(array, dtype)
