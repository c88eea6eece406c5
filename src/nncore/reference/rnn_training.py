"""The training loop of recurrent networks over sequences of vectors."""

from __future__ import annotations

import numpy as np

from nncore.arguments import rnn as rnn_arguments
from nncore.arguments.rnn import RNNLayout
from nncore.arguments.rnn_train_call import RNNTrainCall
from nncore.params import Array
from nncore.reference.hashing import dropout_scales, shuffled
from nncore.reference.mean_loss import mean_loss
from nncore.reference.recurrent.packing import pack
from nncore.reference.rnn import backward, forward, no_states, output_rows, parameters
from nncore.reference.steps import update_by
from nncore.registry import UpdateRule

__all__ = ["rnn_train"]


def rnn_train(
    weights: Array,
    gradient: Array,
    slots: Array,
    x: Array,
    starts: Array,
    y: Array,
    order: Array | None,
    counters: Array,
    rates: Array,
    losses: Array,
    *,
    sizes: tuple[int, ...],
    cell: str,
    activation: str,
    loss: str,
    last: bool,
    optimizer: UpdateRule,
    batch_size: int,
    sample_weight: Array | None = None,
    dropout: float = 0.0,
    seed: int = 0,
    clip_value: float = 0.0,
    clip_norm: float = 0.0,
    l2: float = 0.0,
    shuffle: bool = True,
) -> int:
    """Train a recurrent network over ``len(losses)`` mini-batches of sequences in one call.

    Parameters
    ----------
    weights, gradient : ndarray of shape (P,)
        Flat vectors: the parameters, and scratch memory for their gradient.
    slots : ndarray of shape (K, P)
        The state of the optimizer, K vectors.
    x, starts, y, sizes, cell, activation, loss, last
        As for `rnn_gradients`.
    order : ndarray of intp of shape (N,), or None
        With `shuffle`, it is filled with a random order of the sequences at the beginning of every
        epoch. Without `shuffle`, it contains the orders of all epochs of this call, one after the
        other, and is not changed. If None, the sequences are taken one after the other.
    counters : ndarray of int64 of shape (4,)
        Numbers of updates, of updates of this optimizer, of sequences of this epoch, and of epochs
        so far.
    rates, losses : ndarray of float64 of shape (U,)
        The step size of each of the U updates, and where its objective is stored.
    optimizer : UpdateRule
        The update rule and its constants.
    batch_size : int
        Number of sequences in a batch. The last one of an epoch can be smaller than the others.
    sample_weight : ndarray of shape (N,), optional
        Weights of the sequences, whose mean over all sequences should be 1. The weights in a batch
        are divided by the number of the rows of its outputs.
    dropout : float
        Fraction of the outputs of each recurrent layer but the last that is set to 0, in [0, 1).
        The others are divided by 1 - dropout.
    seed : int
        Seed of dropout and of the order of sequences, which also depend on the updates and epochs
        so far.
    clip_value, clip_norm : float
        Limits of the gradient's absolute values and of its Euclidean norm; 0 for none.
    l2 : float
        Factor of the penalty, at least 0: ``l2 / 2`` times the sum of ``w**2`` over all matrices
        is added to the loss.
    shuffle : bool
        Whether each epoch has a new random order.

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
    All arrays except `x`, `starts`, `y`, `rates` and `sample_weight` change in place, only at the
    end of an update. The initial states of each sequence are zero. In a batch, the losses are
    summed in the order of its sequences if `last` is true, and otherwise as in `rnn_gradients`. The
    compiled kernel treats subnormal numbers as 0.
    """
    call = RNNTrainCall(
        weights, gradient, slots, x, starts, y, order, counters, rates, losses, sizes, cell,
        activation, loss, last, optimizer, batch_size, sample_weight, dropout, seed, clip_value,
        clip_norm, l2, shuffle,
    )  # fmt: skip
    rnn_arguments.train(call)
    net = RNNLayout(call.sizes, call.cell, call.activation, call.last)
    first_epoch = int(call.counters[3])
    for i in range(len(call.losses)):
        with np.errstate(all="ignore"):
            objective = _batch_gradients(call, net, _batch(call, first_epoch))
            call.losses[i] = objective + _penalty(call, net)
        if not np.isfinite(call.losses[i]):
            return i
        _update(call, float(call.rates[i]))
    return len(call.losses)


def _batch(call: RNNTrainCall, first_epoch: int) -> Array:
    """Return the sequences of the next batch; make the order when an epoch begins."""
    sequences, position, epoch = len(call.starts) - 1, *map(int, call.counters[2:])
    end = min(position + call.batch_size, sequences)
    if call.order is None:
        return np.arange(position, end)
    if position == 0 and call.shuffle:
        call.order[...] = shuffled(sequences, call.seed, epoch)
    before = 0 if call.shuffle else (epoch - first_epoch) * sequences
    return call.order[before + position : before + end]


def _batch_gradients(call: RNNTrainCall, net: RNNLayout, chosen: Array) -> float:
    """Return the loss of a batch, and store its gradient."""
    packing, dtype = pack(call.starts, chosen), call.weights.dtype
    rates = [call.dropout] * (len(net.hidden) - 1)
    scales = dropout_scales(call.seed, int(call.counters[0]), rates, dtype)
    state = no_states(net, len(chosen), dtype)
    run = forward(net, call.weights, call.x, packing, state, scales)
    rows, sequences = output_rows(net, packing, chosen)
    fractions = None
    if call.sample_weight is not None:
        fractions = (call.sample_weight[sequences] / len(rows)).astype(dtype)
    loss, doutputs = mean_loss(call.loss, run.outputs, call.y[rows], fractions)
    backward(net, call.weights, run, packing, doutputs, call.gradient)
    return loss


def _penalty(call: RNNTrainCall, net: RNNLayout) -> float:
    """Return the penalty, and add its gradient."""
    total = 0.0
    if call.l2:  # 0 times an infinite weight would be NaN
        gradients = parameters(call.gradient, net)
        for name, w in parameters(call.weights, net).items():
            if w.ndim == 2:
                total += call.l2 / 2 * float(np.sum(np.square(w, dtype=np.float64)))
                gradients[name] += call.l2 * w
    return total


def _update(call: RNNTrainCall, rate: float) -> None:
    """Apply the gradient to the parameters, and count the update."""
    sequences, position = len(call.starts) - 1, int(call.counters[2])
    count = min(call.batch_size, sequences - position)
    update_by(
        call.optimizer, rate, int(call.counters[1]) + 1, call.weights, call.gradient, call.slots,
        call.clip_value, call.clip_norm,
    )  # fmt: skip
    ended = position + count == sequences
    call.counters += (1, 1, -position if ended else count, ended)
    call.shown[...] = call.counters
