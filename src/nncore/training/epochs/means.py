"""The objectives of epochs, from those of their batches."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nncore.params import Array

MANY_ROWS = 16  # of sums; a single one NumPy adds in pairs, not in order


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
        losses : ndarray of shape (..., n)
            The objectives of the next n batches.
        done : int
            The number of updates before them.
        loss_sum : ndarray of shape (...) or float
            The sums of the unfinished epoch before them.

        Returns
        -------
        means : ndarray of shape (..., epochs)
        loss_sum : ndarray of shape (...)
        """
        length, at = self.per_epoch, done % self.per_epoch
        if length == 1:
            return losses, np.zeros(losses.shape[:-1])
        missing = self.batch * length - self.rows  # rows, in the last batch of an epoch
        with np.errstate(all="ignore"):  # a sum of huge objectives is infinite
            ended, lasts = [], []
            if at:
                head, losses = losses[..., : length - at], losses[..., length - at :]
                before = np.broadcast_to(np.asarray(loss_sum), head.shape[:-1])[..., None]
                loss_sum = _sum(np.concatenate([before, head], axis=-1))
                if at + head.shape[-1] < length:
                    return losses, loss_sum
                ended, lasts = [loss_sum[..., None]], [head[..., -1:]]
            epochs = losses.shape[-1] // length
            whole = losses[..., : epochs * length].reshape(*losses.shape[:-1], epochs, length)
            tail = losses[..., epochs * length :]
            sums = np.concatenate([*ended, _sum(whole)], axis=-1)
            last = np.concatenate([*lasts, whole[..., -1]], axis=-1)
            tail_sum = _sum(tail) if tail.shape[-1] else np.zeros(losses.shape[:-1])
            return (self.batch * sums - missing * last) / self.rows, tail_sum


def _sum(array: Array) -> Array:
    """Return the sums over the last axis, which has at least one number, in its order."""
    rows = math.prod(array.shape[:-1])
    if rows < MANY_ROWS:
        return np.asarray(np.cumsum(array, axis=-1)[..., -1])
    # NumPy adds whole rows in order, several times as fast as numbers that wait for the last sum.
    columns = np.ascontiguousarray(array.reshape(rows, array.shape[-1]).T)
    return np.asarray(np.add.reduce(columns, axis=0).reshape(array.shape[:-1]))
