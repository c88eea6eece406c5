"""The objectives of epochs, from those of their batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nncore.params import Array


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
        head, rest = losses[..., : length - at], losses[..., length - at :]
        epochs = rest.shape[-1] // length
        whole = rest[..., : epochs * length].reshape(*rest.shape[:-1], epochs, length)
        tail = rest[..., epochs * length :]
        before = np.broadcast_to(np.asarray(loss_sum if at else 0.0), losses.shape[:-1])
        with np.errstate(all="ignore"):  # a sum of huge objectives is infinite
            sum_of_head = _sum(np.concatenate([before[..., None], head], axis=-1))
            if at + head.shape[-1] < length:
                return losses[..., :0], sum_of_head
            sums = np.concatenate([sum_of_head[..., None], _sum(whole)], axis=-1)
            last = np.concatenate([head[..., -1:], whole[..., -1]], axis=-1)
            missing = self.batch * length - self.rows  # rows, in the last batch of an epoch
            rest_sum = _sum(tail) if tail.shape[-1] else np.zeros(losses.shape[:-1])
            return (self.batch * sums - missing * last) / self.rows, rest_sum


def _sum(array: Array) -> Array:
    """Return the sums over the last axis, which has at least one number, in a fixed order."""
    return np.asarray(np.cumsum(array, axis=-1)[..., -1])
