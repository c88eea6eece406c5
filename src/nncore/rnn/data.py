"""The data of a run of `RNN.fit`: sequences, and the targets at their ends or at every step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from nncore.params import Array
from nncore.training import fingerprint
from nncore.training.epochs.data import EpochData


@dataclass(frozen=True)
class SequenceData(EpochData):
    """Sequences to train on or to evaluate, as kernels read them: x (R, I) has all steps."""

    x: Array
    starts: Array  # (N + 1,), where each sequence begins in x
    last: bool  # whether y has a row for each sequence, or one for each step

    @property
    def rows(self) -> int:
        """The number of sequences."""
        return len(self.starts) - 1

    @property
    def weight_of_targets(self) -> Array | None:
        """The weights of the rows of y."""
        if self.last or self.weight is None:
            return self.weight
        return np.repeat(self.weight, np.diff(self.starts))

    def take(self, rows: Array | slice) -> Self:
        """Return some of the sequences."""
        chosen = np.arange(self.rows)[rows]
        lengths = np.diff(self.starts)[chosen]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        steps = np.arange(starts[-1]) + np.repeat(self.starts[chosen] - starts[:-1], lengths)
        weight = None if self.weight is None else self.weight[chosen]
        y = self.y[chosen if self.last else steps]
        return replace(self, x=self.x[steps], y=y, weight=weight, starts=starts)

    def fingerprint(self) -> list[int]:
        """Return the shape and a checksum of a sample of the data, to recognise it by."""
        # Whole arrays of a number for each sequence, of which a sample by steps has too few.
        own = [self.starts, self.y if self.last else None, self.weight]
        arrays = [array for array in own if array is not None]
        return super().fingerprint() + fingerprint(self.starts.shape, arrays)
