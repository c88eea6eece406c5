"""The training loop of the character RNN."""

from __future__ import annotations

import numpy as np

from nncore.arguments import char_rnn as char_rnn_arguments
from nncore.arguments.char_rnn_train_call import CharRNNTrainCall
from nncore.params import Array, char_rnn_shapes, views
from nncore.reference.hashing import Scales, dropout_scales
from nncore.reference.recurrent.ids import gradients, window
from nncore.reference.steps import update_by
from nncore.registry import UpdateRule

__all__ = ["char_rnn_train"]


def char_rnn_train(
    weights: Array,
    gradient: Array,
    slots: Array,
    text: Array,
    counters: Array,
    h: Array,
    rates: Array,
    losses: Array,
    *,
    vocabulary: int,
    seq_length: int,
    optimizer: UpdateRule,
    clip_value: float = 0.0,
    clip_norm: float = 0.0,
    cell: str = "tanh",
    layers: int = 1,
    dropout: float = 0.0,
    seed: int = 0,
) -> int:
    """Train a character RNN over ``len(losses)`` windows of text in one call.

    Parameters
    ----------
    weights, gradient : ndarray of shape (P,)
        Flat vectors with the layout of `nncore.params.char_rnn_shapes`.
    slots : ndarray of shape (K, P)
        The state of the optimizer, K vectors.
    text : one-dimensional ndarray of uint8 or uint16
        Ids, which are split into N streams of equal length.
    counters : ndarray of int64 of shape (2,)
        Number of iterations so far, and the position in the streams.
    h : ndarray of shape (N, S)
        The states of each stream: one layer after the other, the hidden states of a layer and
        then, for "lstm", its cell states.
    rates, losses : ndarray of float64 of shape (U,)
        The step size of each of the U iterations, and where its loss, in nats, is stored.
    vocabulary : int
        V, the number of ids.
    seq_length : int
        T, the length of a window.
    optimizer : UpdateRule
        The update rule and its constants.
    clip_value, clip_norm : float
        Limits of the gradient's absolute values and of its Euclidean norm; 0 for none.
    cell : str
        A name in `nncore.registry.CELLS`.
    layers : int
        Number of recurrent layers, all of the same size.
    dropout : float
        Fraction of the outputs of each layer but the last that is set to 0 in training, in [0, 1).
        The others are divided by 1 - dropout.
    seed : int
        Seed of dropout, which also depends on the iterations so far.

    Returns
    -------
    int
        The number of iterations run. It is smaller than ``len(losses)`` if a loss was not finite,
        in which case the update of that iteration is not applied.

    Raises
    ------
    TypeError, ValueError, IndexError
        If an argument has the wrong type, shape or value, or an id is outside 0 to V - 1.

    Notes
    -----
    All arrays except `text` and `rates` change in place, only at the end of an iteration. Each
    window starts `seq_length` ids after the one before. If fewer than ``seq_length + 2`` ids are
    left, the next window starts at the beginning of the text with zero states.
    """
    call = CharRNNTrainCall(
        weights,
        gradient,
        slots,
        text,
        counters,
        h,
        rates,
        losses,
        vocabulary,
        seq_length,
        optimizer,
        clip_value,
        clip_norm,
        cell,
        layers,
        dropout,
        seed,
    )
    return _train(char_rnn_arguments.train(call))


def _train(call: CharRNNTrainCall) -> int:
    """Make all updates of a checked call, or fewer if a loss is not finite; return how many."""
    shapes = char_rnn_shapes(*call.sizes)
    w, into = views(call.weights, shapes), views(call.gradient, shapes)
    streams, steps = call.h.shape[0], call.seq_length
    for i in range(len(call.losses)):
        position = int(call.shown[1])
        if position + steps + 1 >= len(call.text) // streams:
            position = 0
            call.h[...] = 0
        ids = window(call.text, streams, position, steps + 1, call.vocabulary)
        with np.errstate(all="ignore"):
            call.losses[i], last = gradients(
                call.cell, w, ids[:-1], ids[1:], call.h, into, _scales(call)
            )
        if not np.isfinite(call.losses[i]):
            return i
        _update(call, float(call.rates[i]))
        call.h[...] = last
        call.shown += (1, position + steps - int(call.shown[1]))
    return len(call.losses)


def _scales(call: CharRNNTrainCall) -> Scales:
    """Return the factors of dropout of the next iteration."""
    rates = [call.dropout] * (call.layers - 1)
    return dropout_scales(call.seed, int(call.shown[0]), rates, call.weights.dtype)


def _update(call: CharRNNTrainCall, rate: float) -> None:
    """Update the parameters from their gradient."""
    update_by(
        call.optimizer,
        rate,
        int(call.shown[0]) + 1,
        call.weights,
        call.gradient,
        call.slots,
        call.clip_value,
        call.clip_norm,
    )
