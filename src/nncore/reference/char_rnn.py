"""The character RNN: gradients of a window, training, evaluation, sampling."""

from __future__ import annotations

import numpy as np

from nncore.arguments import char_rnn as char_rnn_arguments
from nncore.params import Array, char_rnn_shapes, views
from nncore.reference.losses import softmax_cross_entropy
from nncore.reference.steps import update_by
from nncore.registry import UpdateRule

__all__ = [
    "char_rnn_evaluate",
    "char_rnn_gradients",
    "char_rnn_sample",
    "char_rnn_train",
]


def _forward(w: dict[str, Array], inputs: Array, h0: Array) -> tuple[Array, Array]:
    """States (T + 1, N, H), the first h0, and logits (T * N, V), for inputs (T, N)."""
    h = np.empty((len(inputs) + 1, *h0.shape), h0.dtype)
    h[0] = h0
    np.add(w["wxh"][inputs], w["bh"], out=h[1:])
    for t in range(len(inputs)):
        h[t + 1] += h[t] @ w["whh"]
        np.tanh(h[t + 1], out=h[t + 1])
    return h, h[1:].reshape(inputs.size, h.shape[2]) @ w["why"] + w["by"]


def _gradients(
    w: dict[str, Array], inputs: Array, targets: Array, h0: Array, into: dict[str, Array]
) -> tuple[float, Array]:
    """Loss and last states of a window of ids (T, N); its gradients go into `into`."""
    steps, streams = inputs.shape
    h, logits = _forward(w, inputs, h0)
    loss, dlogits = softmax_cross_entropy(logits, targets.reshape(-1))
    dlogits /= streams
    rows = (inputs.size, h.shape[2])
    after, before = h[1:].reshape(rows), h[:-1].reshape(rows)
    dz = (dlogits @ w["why"].T).reshape(steps, streams, h.shape[2])
    slope = 1 - np.square(h[1:])
    for t in range(steps - 1, -1, -1):
        dz[t] *= slope[t]
        if t > 0:
            dz[t - 1] += dz[t] @ w["whh"].T
    dz = dz.reshape(rows)
    np.matmul(before.T, dz, out=into["whh"])
    np.matmul(after.T, dlogits, out=into["why"])
    np.sum(dz, axis=0, out=into["bh"])
    np.sum(dlogits, axis=0, out=into["by"])
    into["wxh"][...] = 0
    np.add.at(into["wxh"], inputs.reshape(-1), dz)
    return loss / streams, h[-1]


def char_rnn_gradients(
    inputs: Array,
    targets: Array,
    h0: Array,
    wxh: Array,
    whh: Array,
    why: Array,
    bh: Array,
    by: Array,
) -> tuple[float, dict[str, Array], Array]:
    """Loss, gradients and last state of a character RNN over one window of text.

        h[t] = tanh(wxh[inputs[t]] + bh + h[t-1] @ whh)
        loss = sum over t of -ln softmax(h[t] @ why + by)[targets[t]]

    inputs, targets: integers of shape (T,), or (N, T) for N parallel streams; h0 (H,)
    or (N, H); wxh (V, H), whh (H, H), why (H, V), bh (H,), by (V,). The loss, in nats,
    is summed over the steps and is the mean over the streams. Returns (loss, a dict of
    gradients under the parameters' names, the states after the last step, as h0).
    From Karpathy's min-char-rnn (2015).
    """
    x, y, h, *arrays = char_rnn_arguments.char_rnn_gradients(
        inputs, targets, h0, wxh, whh, why, bh, by
    )
    w = dict(zip(("wxh", "whh", "why", "bh", "by"), arrays, strict=True))
    into = {name: np.empty_like(array) for name, array in w.items()}
    with np.errstate(all="ignore"):
        loss, last = _gradients(w, np.atleast_2d(x).T, np.atleast_2d(y).T, np.atleast_2d(h), into)
    return loss, into, last.reshape(h.shape)


def _window(text: Array, streams: int, start: int, length: int, vocabulary: int) -> Array:
    """ids (length, N): the next ones of each of the text's equal streams."""
    lines = text[: len(text) // streams * streams].reshape(streams, -1)
    ids = lines[:, start : start + length].T.astype(np.int32)
    for i in ids[ids >= vocabulary]:
        raise IndexError(f"text has id {i}; the vocabulary has {vocabulary}")
    return ids


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
) -> int:
    """Train a character RNN over len(losses) windows of text, all in one call.

    weights, gradient (P,), and slots, the optimizer's state, one such vector each: flat
    vectors with the layout of `nncore.params.char_rnn_shapes`. text: uint8 or uint16 ids, cut
    into N equal streams. counters: int64 [iterations so far, position in the streams]. h
    (N, H): the states. rates, losses: float64, the step size of each iteration, and
    where its loss goes. A clip of 0 is none. All but text and rates change in place, at
    the end of each iteration only. A window starts `seq_length` on from the last; where
    less than a window and a half character is left, at the beginning with zero states.

    Returns the number of iterations run: fewer than asked for if a loss was not finite,
    whose update is then left out.
    """
    char_rnn_arguments.char_rnn_train(
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
    )
    shapes = char_rnn_shapes(vocabulary, h.shape[1])
    w, into = views(weights, shapes), views(gradient, shapes)
    streams = h.shape[0]
    for i in range(len(losses)):
        position = int(counters[1])
        if position + seq_length + 1 >= len(text) // streams:
            position = 0
            h[...] = 0
        ids = _window(text, streams, position, seq_length + 1, vocabulary)
        with np.errstate(all="ignore"):
            losses[i], last = _gradients(w, ids[:-1], ids[1:], h, into)
        if not np.isfinite(losses[i]):
            return i
        rate, step = float(rates[i]), int(counters[0]) + 1
        update_by(optimizer, rate, step, weights, gradient, slots, clip_value, clip_norm)
        h[...] = last
        counters += (1, position + seq_length - int(counters[1]))
    return len(losses)


def char_rnn_evaluate(weights: Array, text: Array, h: Array, *, vocabulary: int) -> float:
    """Total nats a character RNN spends on text: -ln p of each id after the first.

    weights: flat vector; text: uint8 or uint16 ids; h (1, H): the state, moved on in place.
    """
    char_rnn_arguments.char_rnn_evaluate(weights, text, h, vocabulary)
    w = views(weights, char_rnn_shapes(vocabulary, h.shape[1]))
    nats = 0.0
    for start in range(0, len(text) - 1, 64):
        ids = _window(text[start : start + 65], 1, 0, 65, vocabulary)
        with np.errstate(all="ignore"):
            states, logits = _forward(w, ids[:-1], h)
            nats += softmax_cross_entropy(logits, ids[1:, 0])[0]
        h[...] = states[-1]
    return nats


def _choose(logits: Array, temperature: float, top_k: int, top_p: float, uniform: float) -> int:
    """An id drawn from softmax(logits / temperature) by a uniform number in [0, 1)."""
    top = logits[0] if np.isnan(logits[0]) else np.fmax.reduce(logits)  # as the kernels' row_max
    if temperature == 0:
        return int(np.argmax(logits == top))
    weight = np.exp((logits.astype(np.float64) - float(top)) / temperature)
    weight[np.isnan(weight)] = 0
    ids = np.arange(len(weight))
    if top_k > 0 or top_p < 1:
        ids = np.lexsort((ids, -weight))[: top_k or None]
        total = np.cumsum(weight[ids])
        ids = ids[: int(np.argmax(total >= top_p * total[-1])) + 1]
    total = np.cumsum(weight[ids])
    at = int(np.searchsorted(total, uniform * total[-1], side="right"))
    return int(ids[min(at, len(ids) - 1)])


def char_rnn_sample(
    weights: Array,
    h: Array,
    last: int,
    uniforms: Array,
    *,
    vocabulary: int,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
) -> Array:
    """Draw len(uniforms) ids from a character RNN, each fed back as the next input.

    h (1, H): the state, moved on in place; last: the id to start from; uniforms: float64
    in [0, 1), one a draw. temperature divides the logits (0: always the likeliest); only
    the top_k likeliest ids (0: all), and of these the fewest that hold top_p of the
    probability, can be drawn. Returns int32 ids.
    """
    char_rnn_arguments.char_rnn_sample(
        weights, h, last, uniforms, vocabulary, temperature, top_k, top_p
    )
    w = views(weights, char_rnn_shapes(vocabulary, h.shape[1]))
    ids = np.empty(len(uniforms), np.int32)
    with np.errstate(all="ignore"):
        for i, uniform in enumerate(uniforms):
            states, logits = _forward(w, np.array([[last]]), h)
            h[...] = states[-1]
            last = ids[i] = _choose(logits[0], temperature, top_k, top_p, float(uniform))
    return ids
