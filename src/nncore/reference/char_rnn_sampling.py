"""Sampling from a character RNN."""

from __future__ import annotations

import numpy as np

from nncore.arguments import char_rnn as char_rnn_arguments
from nncore.params import Array, char_rnn_shapes, views
from nncore.reference.recurrent.ids import forward

__all__ = ["char_rnn_sample"]


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
    cell: str = "tanh",
    layers: int = 1,
) -> Array:
    """Draw ids from a character RNN, each of which is the input of the next step.

    Parameters
    ----------
    weights : ndarray of shape (P,)
        Flat vector with the layout of `nncore.params.char_rnn_shapes`.
    h : ndarray of shape (1, S)
        The states, updated in place: one layer after the other, the hidden states of a
        layer and then, for "lstm", its cell states.
    last : int
        The id to start from.
    uniforms : ndarray of float64 of shape (U,)
        A uniform number in [0, 1) for each draw.
    vocabulary : int
        V, the number of ids.
    temperature : float
        Divides the logits; 0 always chooses the most likely id.
    top_k : int
        Draw only from the `top_k` most likely ids; 0 for all.
    top_p : float
        Draw only from the smallest set of most likely ids whose probabilities sum to at least
        `top_p`.
    cell : str
        A name in `nncore.registry.CELLS`.
    layers : int
        Number of recurrent layers, all of the same size.

    Returns
    -------
    ndarray of int32 of shape (U,)
        The ids.

    Raises
    ------
    TypeError, ValueError, IndexError
        If an argument has the wrong type, shape or value, or `last` is outside 0 to V - 1.
    """
    weights, h, last, uniforms, sizes, temperature, top_k, top_p = char_rnn_arguments.sample(
        weights, h, last, uniforms, vocabulary, temperature, top_k, top_p, cell, layers
    )
    w = views(weights, char_rnn_shapes(*sizes))
    ids = np.empty(len(uniforms), np.int32)
    with np.errstate(all="ignore"):
        for i, uniform in enumerate(uniforms):
            _, h[...], logits = forward(sizes.cell, w, np.array([[last]]), h)
            last = ids[i] = _choose(logits[0], temperature, top_k, top_p, float(uniform))
    return ids
