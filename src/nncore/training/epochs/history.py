"""The record of the training of a network by epochs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nncore.params import Array


@dataclass
class EpochHistory:
    """Record of training by epochs; `nncore.MLPHistory` documents the attributes."""

    loss: Array = field(default_factory=lambda: np.empty(0))
    validation_loss: Array = field(default_factory=lambda: np.empty(0))
    validation_accuracy: Array = field(default_factory=lambda: np.empty(0))
    updates: int = 0
    best_epoch: int = 0
    seconds: float = 0.0

    @property
    def epochs(self) -> int:
        """Number of epochs so far."""
        return len(self.loss)

    def __repr__(self) -> str:
        name = type(self).__name__
        if not self.epochs:
            return f"<{name}: no epochs yet>"
        text = (
            f"<{name}: {self.epochs} epochs, {self.updates} updates in "
            f"{self.seconds:.3g} s, loss {self.loss[-1]:.4g}"
        )
        if np.isfinite(self.validation_loss[-1]):
            text += f", validation loss {self.validation_loss[-1]:.4g}"
        if np.isfinite(self.validation_accuracy[-1]):
            text += f", validation accuracy {self.validation_accuracy[-1]:.4f}"
        if self.best_epoch:
            text += f", best after epoch {self.best_epoch}"
        return text + ">"
