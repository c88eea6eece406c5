"""The rows that a network is trained on, or measured on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nncore import kernels
from nncore.params import Array
from nncore.sklearn import flat


@dataclass(frozen=True)
class Rows:
    """x (N, I), dense or sparse; y as the kernels take it; weight (N,), or None for all alike."""

    x: Any
    y: Array
    weight: Array | None

    def __len__(self) -> int:
        return int(self.x.shape[0])

    @property
    def sparse(self) -> bool:
        return hasattr(self.x, "toarray")

    def take(self, at: Any) -> Rows:
        return Rows(self.x[at], self.y[at], None if self.weight is None else self.weight[at])


@dataclass(frozen=True)
class HeldOut:
    """Rows to measure on: their loss, and a score of what the network says of them."""

    rows: Rows
    loss: str
    scale: float  # of the loss: 1 / O where it is a mean over outputs
    score_of: Callable[[Array, Array, Array | None], float]  # outputs before the last activation

    def measure(self, weights: Array, layers: Array) -> tuple[float, float]:
        """Loss, without penalties, and score; NaN for outputs that are not finite."""
        rows = self.rows
        z = flat.outputs(weights, layers, rows.x)
        if not np.isfinite(z).all():
            return float("nan"), float("nan")
        score = float(self.score_of(z, rows.y, rows.weight))
        return self.scale * self._loss(z), score

    def _loss(self, z: Array) -> float:
        function = getattr(kernels, self.loss)
        rows = self.rows
        y = rows.y if rows.y.dtype.kind == "i" else rows.y.astype(z.dtype, copy=False)
        if rows.weight is None:
            return float(function(z, y)[0]) / len(rows)
        each = [function(z[i : i + 1], y[i : i + 1])[0] for i in range(len(rows))]
        return float(np.average(each, weights=rows.weight))
