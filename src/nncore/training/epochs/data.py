"""The data of a run by epochs, checked: inputs, targets and weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from nncore.params import Array
from nncore.sparse import SparseRows
from nncore.training import fingerprint
from nncore.training.epochs.arrays import chunks, converted, readable_in_place
from nncore.training.epochs.checks import mean_of_one


@dataclass(frozen=True)
class EpochData:
    """Rows to train on or to evaluate: x (N, ...) as passed, the rest as kernels read it."""

    x: Array | SparseRows
    y: Array
    weight: Array | None

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.x)

    @property
    def weight_of_targets(self) -> Array | None:
        """The weights of the rows of y."""
        return self.weight

    def take(self, rows: Array | slice) -> Self:
        """Return some of the rows."""
        weight = None if self.weight is None else self.weight[rows]
        return replace(self, x=self.x[rows], y=self.y[rows], weight=weight)

    def fingerprint(self) -> list[int]:
        """Return the shape and a checksum of a sample of the data, to recognise it by."""
        x = self.x
        inputs = [x.data, x.indices, x.indptr] if isinstance(x, SparseRows) else [x]
        every = max(1, -(-inputs[0].size // 65536))
        arrays = [a for a in (*inputs, self.y, self.weight) if a is not None]
        return fingerprint(x.shape, arrays, every)

    def split(self, fraction: float, rng: np.random.Generator) -> tuple[Self, Self]:
        """Return the remaining rows, and a random fraction of the rows."""
        if not 0 < fraction < 1:
            raise ValueError(f"validation_fraction must be in [0, 1), got {fraction}")
        held_out = int(self.rows * fraction)
        if not 1 <= held_out < self.rows:
            raise ValueError(
                f"validation_fraction of {fraction} holds out {held_out} of {self.rows} rows, "
                f"expected at least 1 and fewer than all"
            )
        rows = rng.permutation(self.rows)
        parts = self.take(np.sort(rows[held_out:])), self.take(np.sort(rows[:held_out]))
        for name, part in zip(("to train on", "held out"), parts, strict=True):
            if part.weight is not None and not part.weight.any():
                raise ValueError(f"sample_weight is 0 for all rows {name}, expected some above 0")
        return parts[0].balanced(), parts[1]

    def balanced(self) -> Self:
        """Return the rows with weights of mean 1, so that objectives of batches add up."""
        if self.weight is None:
            return self
        return replace(self, weight=mean_of_one(self.weight).astype(self.weight.dtype))

    def pieces(self, dtype: np.dtype[Any]) -> Iterator[Self]:
        """Yield the rows with x as kernels read it, in pieces if it has to be converted."""
        if isinstance(self.x, SparseRows) or readable_in_place(self.x):
            yield replace(self, x=converted(self.x, dtype))
            return
        starts = chunks(self.x)
        for start in starts:
            part = self.take(slice(start, start + starts.step))
            yield replace(part, x=converted(part.x, dtype))

    def largest(self) -> dict[str, float]:
        """Return the largest absolute values of the inputs, and of targets other than labels."""
        arrays = {"X": self.x, "Y": self.y} if self.y.dtype.kind == "f" else {"X": self.x}
        return {name: _largest(array) for name, array in arrays.items()}


def _largest(array: Array | SparseRows) -> float:
    """Return the largest absolute value."""
    numbers = array.data[array.entries] if isinstance(array, SparseRows) else array
    if not numbers.size:
        return 0.0
    return float(max(np.float64(numbers.max()), -np.float64(numbers.min())))
