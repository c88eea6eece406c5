"""The training loop of the multi-layer perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nncore.arguments import mlp as mlp_arguments
from nncore.arguments.train_call import TrainCall
from nncore.params import Array
from nncore.reference.hashing import dropout_scales, shuffled
from nncore.reference.mean_loss import row_fractions
from nncore.reference.mlp import Rows, dense, gradients_into
from nncore.reference.steps import update_by
from nncore.registry import UpdateRule

__all__ = ["mlp_train"]


def mlp_train(
    weights: Array,
    gradient: Array,
    slots: Array,
    layers: Array,
    x: Rows,
    y: Array,
    order: Array | None,
    counters: Array,
    rates: Array,
    losses: Array,
    *,
    loss: str,
    optimizer: UpdateRule,
    epoch_rows: int,
    batch_size: int,
    l1: float = 0.0,
    l2: float = 0.0,
    sample_weight: Array | None = None,
    dropout: Sequence[float] = (),
    seed: int = 0,
    first: int = 0,
    clip_value: float = 0.0,
    clip_norm: float = 0.0,
    alpha: float = 0.0,
    penalties: Array | None = None,
    shuffle: bool = True,
    mean_weight: float = 0.0,
) -> int:
    """Train a multi-layer perceptron over ``len(losses)`` mini-batches in one call.

    Parameters
    ----------
    weights, gradient : ndarray of shape (P,)
        Flat vectors: the parameters, and scratch memory for their gradient.
    slots : ndarray of shape (K, P)
        The state of the optimizer, K vectors.
    layers, x, y, loss, l1, l2, sample_weight
        As for `mlp_gradients`.
    order : ndarray of intp of shape (epoch_rows,), or None
        With `shuffle`, it is filled with a random order of the rows at the beginning of every
        epoch. Without `shuffle`, it contains the orders of all epochs of this call, one after the
        other, and is not changed. If None, the rows are taken in sequence.
    counters : ndarray of int64 of shape (4,)
        Numbers of updates, of updates of this optimizer, of rows of this epoch, and of epochs so
        far.
    rates, losses : ndarray of float64 of shape (U,)
        The step size of each of the U updates, and where its objective is stored.
    optimizer : UpdateRule
        The update rule and its constants.
    epoch_rows : int
        Number of rows in an epoch. Its last batch can be smaller than the others.
    batch_size : int
        Number of rows in a batch.
    dropout : sequence of float
        A dropout rate for each hidden layer; empty for no dropout.
    seed : int
        Seed of dropout and of the order of rows, which also depend on the updates and epochs so
        far.
    first : int
        If `order` is None, the position in the epoch of the first row of `x`.
    clip_value, clip_norm : float
        Limits of the gradient's absolute values and of its Euclidean norm; 0 for none.
    alpha : float
        Strength of a further L2 penalty: alpha divided by the number of rows in the batch, or by
        the sum of their weights, is added to `l2`.
    penalties : ndarray of float64 of shape (U,), optional
        Where the penalties in the objectives are stored.
    shuffle : bool
        Whether each epoch has a new random order.
    mean_weight : float
        The mean of `sample_weight` over all rows. If it is not 0, the weights in a batch are
        divided by it and by the number of rows in the batch, so that the mean of the objectives of
        an epoch is the weighted loss. If it is 0, they are divided by their sum.

    Returns
    -------
    int
        The number of updates made. It is smaller than ``len(losses)`` if an objective was not
        finite, in which case the update of that batch is not applied.

    Raises
    ------
    TypeError, ValueError, IndexError
        If an argument has the wrong type, shape or value.

    Notes
    -----
    All arrays except `x`, `y`, `rates` and `sample_weight` change in place, only at the end of an
    update. The compiled kernel treats subnormal numbers as 0.
    """
    call = TrainCall(
        weights, gradient, slots, layers, x, y, order, counters, rates, losses, loss, optimizer,
        epoch_rows, batch_size, l1, l2, sample_weight, dropout, seed, first, clip_value, clip_norm,
        alpha, penalties, shuffle, mean_weight,
    )  # fmt: skip
    mlp_arguments.train(call)
    first_epoch = int(call.counters[3])
    for i in range(len(call.losses)):
        with np.errstate(all="ignore"):
            call.losses[i], penalty = _batch_gradients(call, _batch_rows(call, first_epoch))
        if call.penalties is not None:
            call.penalties[i] = penalty
        if not np.isfinite(call.losses[i]):
            return i
        _update(call, float(call.rates[i]))
    return len(call.losses)


def _batch_rows(call: TrainCall, first_epoch: int) -> Any:
    """Return the index of the rows of the next batch; make the order when an epoch begins."""
    position, epoch = int(call.counters[2]), int(call.counters[3])
    end = min(position + call.batch_size, call.epoch_rows)
    if call.order is None:
        return slice(position - call.first, end - call.first)
    if position == 0 and call.shuffle:
        call.order[...] = shuffled(call.epoch_rows, call.seed, epoch)
    before = 0 if call.shuffle else (epoch - first_epoch) * call.epoch_rows
    return call.order[before + position : before + end]


def _batch_gradients(call: TrainCall, rows: Any) -> tuple[float, float]:
    """Return the objective of a batch and the penalties in it; store the gradient."""
    x, y, step = dense(call.x[rows]), call.y[rows], int(call.counters[0])
    fractions, counts = _batch_fractions(call, rows, len(y))
    scales = dropout_scales(call.seed, step, call.dropout, call.weights.dtype)
    l2 = call.l2 + (call.alpha / counts if counts > 0 else 0.0)
    return gradients_into(
        call.weights, call.layers, x, y, call.loss, call.l1, l2, fractions, call.gradient, scales
    )


def _batch_fractions(call: TrainCall, rows: Any, count: int) -> tuple[Array | None, float]:
    """Return the weights of the rows in the mean over a batch, and their divisor."""
    if call.sample_weight is None:
        return None, float(count)
    weight = call.sample_weight[rows]
    if not call.mean_weight:
        return row_fractions(weight), float(weight.sum(dtype=np.float64))
    counts = call.mean_weight * count
    return (weight / counts).astype(call.weights.dtype), counts


def _update(call: TrainCall, rate: float) -> None:
    """Apply the gradient to the parameters, and count the update."""
    step, position = int(call.counters[1]) + 1, int(call.counters[2])
    rows = min(call.batch_size, call.epoch_rows - position)
    update_by(
        call.optimizer, rate, step, call.weights, call.gradient, call.slots, call.clip_value,
        call.clip_norm,
    )  # fmt: skip
    ended = position + rows == call.epoch_rows
    call.counters += (1, 1, -position if ended else rows, ended)
    call.shown[...] = call.counters
