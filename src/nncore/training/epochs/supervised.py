"""The base class of networks whose outputs are compared with targets or labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nncore.params import Array
from nncore.registry import ACTIVATION_ROW, LOSS_ROW, SIGNS
from nncore.training.epochs.checks import numeric
from nncore.training.epochs.data import EpochData
from nncore.training.epochs.model import EpochModel
from nncore.training.epochs.targets import labels, targets


def classes(outputs: Array, threshold: float) -> Array:
    """Return the class (N,) of each row of outputs or targets (N, O)."""
    if outputs.shape[1] > 1:
        return np.asarray(outputs.argmax(axis=1))
    return np.asarray(outputs[:, 0] > threshold, np.intp)


class SupervisedModel(EpochModel):
    """A network with a loss of its outputs, which can be classes.

    A subclass sets `_sizes` and `_loss` in its constructor, and then calls `_choose_kernel_loss`.
    """

    _sizes: tuple[int, ...]  # of all layers
    _loss: str

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Numbers of inputs, hidden units and outputs."""
        return self._sizes

    @property
    def loss_name(self) -> str:
        """Name of the loss."""
        return self._loss

    @property
    def _activation(self) -> str:
        """The activation of the outputs."""
        raise NotImplementedError

    @property
    def _middle(self) -> float:
        """The threshold between the two classes of a single output."""
        signed = ACTIVATION_ROW[self._activation].signed
        return 0.0 if signed or LOSS_ROW[self._loss].targets == SIGNS else 0.5

    def _choose_kernel_loss(self) -> None:
        """Set the loss that the kernels compute, and the activation of the outputs it takes."""
        # Some losses are computed from the logits: the last activation is part of them.
        by_logits = LOSS_ROW[self._loss].by_logits
        from_logits = by_logits and LOSS_ROW[by_logits].takes_logits == self._activation
        self._kernel_loss = by_logits if from_logits else self._loss
        takes_logits = LOSS_ROW[self._kernel_loss].takes_logits
        self._kernel_activation = "identity" if takes_logits else self._activation

    def _targets(self, name: str, value: Any, rows: int) -> Array:
        """Return the labels or targets of rows of outputs, as the loss takes them."""
        row, outputs = LOSS_ROW[self._loss], self._sizes[-1]
        if row.takes_labels:
            return labels(name, value, rows, outputs)
        return targets(name, value, rows, outputs, self._dtype, row)

    def _classes(self, outputs: Array, place: Callable[[int], str] = "row {}".format) -> Array:
        """Return classes (N,) for outputs (N, O); `place` names a row in errors."""
        lost = np.isnan(outputs).any(axis=1)
        if lost.any():
            raise ValueError(
                f"X leads to NaN in {place(int(lost.argmax()))}, which has no class: X or the "
                f"parameters have NaN, or numbers that are too large for {self._dtype}"
            )
        return classes(outputs, self._middle)

    def _classes_of(self, Y: Any, rows: int) -> Array:
        """Return the classes (N,) of targets."""
        y, outputs = numeric("Y", Y), self._sizes[-1]
        if outputs > 1 and (y.ndim == 1 or y.shape[1:] == (1,)):
            return labels("Y", y, rows, outputs)
        y = targets("Y", y, rows, outputs, np.dtype(np.float64))
        low = 2 * self._middle - 1  # 0, or -1 by tanh
        other = (y != low) & (y != 1)
        if outputs == 1 and other.any():
            raise ValueError(f"Y has {y[other][0]:g}, expected {low:g} and 1, the two classes")
        return classes(y, self._middle)

    def _check_classes(self, y: Array) -> None:
        """Raise ValueError if a classifier would be trained on rows of one class."""
        if LOSS_ROW[self._loss].of_classes and len(y) > 1 and (y == y[0]).all():
            one = y[0] if y.ndim == 1 else y[0].tolist()
            raise ValueError(f"Y has only one class ({one}) to train on, expected at least 2")

    def _held_out_accuracy(self, outputs: Array, data: EpochData) -> float | None:
        """Return the weighted fraction of rows classified correctly; None without classes.

        The outputs are those that the loss takes: logits for some losses.
        """
        y = data.y
        lows = {2 * self._middle - 1} if self._sizes[-1] == 1 else {-1.0, 0.0}
        if y.ndim == 2 and not any(((y == low) | (y == 1)).all() for low in lows):
            return None
        from_logits = bool(LOSS_ROW[self._kernel_loss].takes_logits)
        predicted = classes(outputs, 0.0 if from_logits else self._middle)
        expected = y if y.ndim == 1 else classes(y, self._middle)
        return float(np.average(predicted == expected, weights=data.weight_of_targets))

    def _layers_described(self) -> str:
        """Return what networks must have in common to start from each other's weights."""
        return str(self._sizes)

    def _take_weights_of(self, other: SupervisedModel, path: str) -> None:
        """Copy the weights of a network from a file, unless this one was trained or differs."""
        if self.history.updates:
            raise ValueError(
                f"the network was already trained: {self.history.updates} updates; make a new one"
            )
        if other._layers_described() != self._layers_described():
            raise ValueError(
                f"the model in {path} has layers of {other._layers_described()}, expected "
                f"{self._layers_described()} as in this network"
            )
        weights = other._weights.astype(self._dtype)  # first, as a warning can be an error
        self._weights[...] = weights  # all at once, which Ctrl-C cannot interrupt
