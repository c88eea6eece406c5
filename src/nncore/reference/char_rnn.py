"""The character RNN: gradients of a window, training, evaluation, sampling."""

from __future__ import annotations

import numpy as np

from nncore.arguments import char_rnn as char_rnn_arguments
from nncore.arguments.char_rnn_train_call import CharRNNTrainCall
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
    """Return states (T + 1, N, H), the first of them h0, and logits (T * N, V); inputs (T, N)."""
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
    """Return loss and last states of a window of ids (T, N); the gradients are stored in `into`."""
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
    """Return loss, gradients and last states of a character RNN over one window of text.

    Parameters
    ----------
    inputs, targets : ndarray of shape (T,) or (N, T)
        Integer ids, of one text or of N parallel streams.
    h0 : ndarray of shape (H,) or (N, H)
        The hidden states before the window.
    wxh, whh, why : ndarray of shape (V, H), (H, H), (H, V)
        Input, recurrent and output weights.
    bh, by : ndarray of shape (H,), (V,)
        Hidden and output biases.

    Returns
    -------
    loss : float
        In nats, summed over the steps and averaged over the streams.
    gradients : dict of str to ndarray
        The gradients under the names of the parameters.
    h : ndarray of the shape of `h0`
        The hidden states after the window.

    Raises
    ------
    IndexError
        If an id is outside 0 to V - 1.

    Notes
    -----
    ::

        h[t] = tanh(wxh[inputs[t]] + bh + h[t-1] @ whh)
        loss = sum over t of -ln softmax(h[t] @ why + by)[targets[t]]

    References
    ----------
    Karpathy 2015, The unreasonable effectiveness of recurrent neural networks (min-char-rnn).
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
    """Return the next ids (length, N) of each of the text's streams, which are equally long."""
    lines = text[: len(text) // streams * streams].reshape(streams, -1)
    ids = lines[:, start : start + length].T.astype(np.int32)
    for i in ids[ids >= vocabulary]:
        raise IndexError(f"text has id {i}, expected 0 to {vocabulary - 1}")
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
    """Train a character RNN over ``len(losses)`` windows of text in one call.

    Parameters
    ----------
    weights, gradient : ndarray of shape (P,)
        Flat vectors with the layout of `nncore.params.char_rnn_shapes`.
    slots : ndarray of shape (S, P)
        The state of the optimizer.
    text : ndarray of uint8 or uint16
        Ids, which are split into N streams of equal length.
    counters : ndarray of shape (2,), int64
        The iterations so far, and the position in the streams.
    h : ndarray of shape (N, H)
        The hidden states.
    rates, losses : ndarray of float64
        The step size of each iteration, and where its loss is stored.
    vocabulary : int
        V, the number of ids.
    seq_length : int
        T, the length of a window.
    optimizer : UpdateRule
        The update rule and its constants.
    clip_value, clip_norm : float
        Limits of the gradient's entries and of its norm; 0 for none.

    Returns
    -------
    int
        The number of iterations run. It is smaller than ``len(losses)`` if a loss was not finite,
        in which case the update of that iteration is not applied.

    Notes
    -----
    All arrays except `text` and `rates` change in place, only at the end of an iteration. Each
    window starts `seq_length` ids after the one before. If fewer than ``seq_length + 2`` ids are
    left, the next window starts at the beginning with states of 0.
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
    )
    return _train(char_rnn_arguments.train(call))


def _train(call: CharRNNTrainCall) -> int:
    """Make all updates of a checked call, or fewer if a loss is not finite; return how many."""
    shapes = char_rnn_shapes(call.vocabulary, call.h.shape[1])
    w, into = views(call.weights, shapes), views(call.gradient, shapes)
    streams, steps = call.h.shape[0], call.seq_length
    for i in range(len(call.losses)):
        position = int(call.shown[1])
        if position + steps + 1 >= len(call.text) // streams:
            position = 0
            call.h[...] = 0
        ids = _window(call.text, streams, position, steps + 1, call.vocabulary)
        with np.errstate(all="ignore"):
            call.losses[i], last = _gradients(w, ids[:-1], ids[1:], call.h, into)
        if not np.isfinite(call.losses[i]):
            return i
        _update(call, float(call.rates[i]))
        call.h[...] = last
        call.shown += (1, position + steps - int(call.shown[1]))
    return len(call.losses)


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


def char_rnn_evaluate(weights: Array, text: Array, h: Array, *, vocabulary: int) -> float:
    """Return the total negative log-likelihood, in nats, of all ids of a text after the first.

    Parameters
    ----------
    weights : ndarray of shape (P,)
        Flat vector with the layout of `nncore.params.char_rnn_shapes`.
    text : ndarray of uint8 or uint16
        Ids.
    h : ndarray of shape (1, H)
        The hidden state, updated in place.
    vocabulary : int
        V, the number of ids.

    Returns
    -------
    float
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
    """Return an id drawn from softmax(logits / temperature) by a uniform number in [0, 1)."""
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
    """Draw ids from a character RNN, each of which is the input of the next step.

    Parameters
    ----------
    weights : ndarray of shape (P,)
        Flat vector with the layout of `nncore.params.char_rnn_shapes`.
    h : ndarray of shape (1, H)
        The hidden state, updated in place.
    last : int
        The id to start from.
    uniforms : ndarray of float64
        A uniform number in [0, 1) for each draw.
    vocabulary : int
        V, the number of ids.
    temperature : float
        Divides the logits; 0 always chooses the most likely id.
    top_k : int
        Draw from the `top_k` most likely ids only; 0 for all.
    top_p : float
        Draw from the smallest set of most likely ids whose probabilities sum to `top_p` only.

    Returns
    -------
    ndarray of int32
        As many ids as there are uniform numbers.
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
