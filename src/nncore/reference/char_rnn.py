"""The character RNN: gradients of a window of text, and evaluation."""

from __future__ import annotations

import numpy as np

from nncore.arguments import char_rnn as char_rnn_arguments
from nncore.params import Array, char_rnn_shapes, views
from nncore.reference.losses import softmax_cross_entropy
from nncore.reference.recurrent.ids import forward, gradients, window

__all__ = [
    "char_rnn_evaluate",
    "char_rnn_gradients",
]


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
        ids, following = np.atleast_2d(x).T, np.atleast_2d(y).T
        loss, last = gradients("tanh", w, ids, following, np.atleast_2d(h), into)
    return loss, into, last.reshape(h.shape)


def char_rnn_evaluate(
    weights: Array,
    text: Array,
    h: Array,
    *,
    vocabulary: int,
    cell: str = "tanh",
    layers: int = 1,
) -> float:
    """Return the total negative log-likelihood, in nats, of all ids of a text after the first.

    Parameters
    ----------
    weights : ndarray of shape (P,)
        Flat vector with the layout of `nncore.params.char_rnn_shapes`.
    text : one-dimensional ndarray of uint8 or uint16
        Ids.
    h : ndarray of shape (1, S)
        The states, updated in place: one layer after the other, the hidden states of a
        layer and then, for "lstm", its cell states.
    vocabulary : int
        V, the number of ids.
    cell : str
        A name in `nncore.registry.CELLS`.
    layers : int
        Number of recurrent layers, all of the same size.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError, IndexError
        If an argument has the wrong type, shape or value, or an id is outside 0 to V - 1.
    """
    weights, text, h, sizes = char_rnn_arguments.evaluate(
        weights, text, h, vocabulary, cell, layers
    )
    w = views(weights, char_rnn_shapes(*sizes))
    nats = 0.0
    for start in range(0, len(text) - 1, 64):
        ids = window(text[start : start + 65], 1, 0, 65, sizes.vocabulary)
        with np.errstate(all="ignore"):
            _, last, logits = forward(sizes.cell, w, ids[:-1], h)
            nats += softmax_cross_entropy(logits, ids[1:, 0])[0]
        h[...] = last
    return nats
