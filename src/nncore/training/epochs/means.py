"""The objectives of epochs, from those of their batches."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nncore.params import Array

MANY_COLUMNS = 16  # of sums; a single one NumPy adds in pairs, not in order


@dataclass(frozen=True)
class Batches:
    """How an epoch is divided into batches, of which the last one may be smaller."""

    rows: int
    batch: int

    @property
    def per_epoch(self) -> int:
        """The number of updates of an epoch."""
        return -(-self.rows // self.batch)

    def means(self, losses: Array, done: int, loss_sum: Array | float) -> tuple[Array, Array]:
        """Return the objectives of the epochs that end, and the sums of the unfinished epoch.

        Every sum is accumulated in the order of the updates, whatever the number of updates of a
        compiled call is.

        Parameters
        ----------
        losses : ndarray of shape (n, ...)
            The objectives of the next n batches.
        done : int
            The number of updates before them.
        loss_sum : ndarray of shape (...) or float
            The sums of the unfinished epoch before them.

        Returns
        -------
        means : ndarray of shape (epochs, ...)
        loss_sum : ndarray of shape (...)
        """
        length, at, others = self.per_epoch, done % self.per_epoch, losses.shape[1:]
        if length == 1:
            return losses, np.zeros(others)
        with np.errstate(all="ignore"):  # a sum of huge objectives is infinite
            ended, lasts = [], []
            if at:
                head, losses = losses[: length - at], losses[length - at :]
                before = np.broadcast_to(np.asarray(loss_sum), others)[None]
                loss_sum = _sum(np.concatenate([before, head]), axis=0)
                if at + len(head) < length:
                    return losses, loss_sum
                ended, lasts = [loss_sum[None]], [head[-1:]]
            epochs = len(losses) // length
            whole = losses[: epochs * length].reshape(epochs, length, *others)
            tail = losses[epochs * length :]
            sums = np.concatenate([*ended, _sum(whole, axis=1)])
            last = np.concatenate([*lasts, whole[:, -1]])
            return self.of_sums(sums, last), _sum(tail, axis=0) if len(tail) else np.zeros(others)

    @property
    def missing(self) -> int:
        """The number of rows that the last batch of an epoch lacks."""
        return self.batch * self.per_epoch - self.rows

    def of_sums(self, sums: Array, last: Array | float = 0.0) -> Array:
        """Return the objectives of epochs from the sums of those of all batches, and the last."""
        return (self.batch * sums - self.missing * last) / self.rows


def _sum(array: Array, axis: int) -> Array:
    """Return the sums over an axis, which has at least one number, in its order."""
    if math.prod(array.shape[axis + 1 :]) < MANY_COLUMNS:
        return np.asarray(np.cumsum(array, axis=axis).take(-1, axis=axis))
    # NumPy adds whole rows in order, several times as fast as numbers that wait for the last sum.
    return np.asarray(np.add.reduce(array, axis=axis))
