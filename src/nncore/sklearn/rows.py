"""The rows that a network is trained on, or measured on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nncore import kernels
from nncore.params import Array
from nncore.sklearn import flat

SOME = 1024  # rows whose gradients are taken at once


@dataclass(frozen=True)
class Rows:
    """x (N, I), an array or `SparseRows`; y as kernels take it; weight (N,), None for all alike."""

    x: Any
    y: Array
    weight: Array | None

    def __len__(self) -> int:
        return len(self.x)

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
        loss = self._loss(z) if rows.weight is None else self._weighted_loss(weights, layers)
        return self.scale * loss, score

    def _loss(self, z: Array) -> float:
        y = self.rows.y
        y = y if y.dtype.kind == "i" else y.astype(z.dtype, copy=False)
        return float(getattr(kernels, self.loss)(z, y)[0]) / len(y)

    def _weighted_loss(self, weights: Array, layers: Array) -> float:
        """By way of the gradients, as the kernels of losses know no weights of rows."""
        losses, counts = [], []
        for start in range(0, len(self.rows), SOME):
            part = self.rows.take(slice(start, start + SOME))
            y = part.y if part.y.dtype.kind == "i" else part.y.astype(weights.dtype, copy=False)
            weight = np.ascontiguousarray(part.weight, weights.dtype)
            x = flat.readable(part.x, weights.dtype)
            loss, _ = kernels.mlp_gradients(
                weights, layers, x, y, loss=self.loss, sample_weight=weight
            )
            losses.append(loss)
            counts.append(weight.sum(dtype=np.float64))
        return float(np.average(losses, weights=counts))
