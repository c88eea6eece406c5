"""One window of a character RNN: loss and flat gradient."""

from __future__ import annotations

import numpy as np

from nncore.arguments import char_rnn as char_rnn_arguments
from nncore.params import Array, char_rnn_shapes, views
from nncore.reference.recurrent.ids import gradients

__all__ = ["char_rnn_window"]


def char_rnn_window(
    weights: Array,
    inputs: Array,
    targets: Array,
    h: Array,
    *,
    vocabulary: int,
    cell: str = "tanh",
    layers: int = 1,
) -> tuple[float, Array, Array]:
    """Return loss, gradient and last states of a character RNN over one window of text.

    Parameters
    ----------
    weights : ndarray of shape (P,)
        Flat vector with the layout of `nncore.params.char_rnn_shapes`.
    inputs, targets : ndarray of shape (N, T)
        Integer ids, of N parallel streams.
    h : ndarray of shape (N, S)
        The states before the window, which are not changed: one layer after the other, the
        hidden states of a layer and then, for "lstm", its cell states.
    vocabulary : int
        V, the number of ids.
    cell : str
        A name in `nncore.registry.CELLS`.
    layers : int
        Number of recurrent layers.

    Returns
    -------
    loss : float
        In nats, summed over the steps and averaged over the streams.
    gradient : ndarray of shape (P,)
        Gradient of the loss with respect to `weights`.
    h : ndarray of shape (N, S)
        The states after the window.

    Raises
    ------
    TypeError, ValueError, IndexError
        If an argument has the wrong type or shape, or an id is outside 0 to V - 1.
    """
    weights, inputs, targets, h, sizes = char_rnn_arguments.window(
        weights, inputs, targets, h, vocabulary, cell, layers
    )
    gradient = np.zeros_like(weights)
    w, into = (views(vector, char_rnn_shapes(*sizes)) for vector in (weights, gradient))
    with np.errstate(all="ignore"):
        loss, last = gradients(sizes.cell, w, inputs.T, targets.T, h, into)
    return loss, gradient, last
