"""The objectives of epochs, from those of their batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nncore.params import Array

CHUNK = 1 << 13  # numbers that are summed at once, if there are many rows of them


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
    """Return the sums over the last axis, which has at least one number, in a fixed order."""
    if array.ndim == 1 or array.size <= CHUNK:
        return np.asarray(np.cumsum(array, axis=-1)[..., -1])
    # Cumulative sums of all at once would be as large as the array, and not fit in a cache.
    sums = np.empty(array.shape[:-1])
    step = max(1, CHUNK // (array.size // len(array)))
    for start in range(0, len(array), step):
        part = slice(start, start + step)
        sums[part] = np.cumsum(array[part], axis=-1)[..., -1]
    return sums
