"""The linear layer."""

from __future__ import annotations

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.params import Array
from nncore.reference.output import deliver

__all__ = [
    "linear_backward",
    "linear_forward",
]


def linear_forward(
    x: Array, w: Array, b: Array | None = None, *, out: Array | None = None
) -> Array:
    """Return ``x @ w + b``, the outputs of a linear layer.

    Parameters
    ----------
    x : ndarray of shape (N, I)
        Inputs, one row each; float32 or float64, as all arrays of the call.
    w : ndarray of shape (I, O)
        Weights.
    b : ndarray of shape (O,), optional
        Biases.
    out : ndarray of shape (N, O), optional
        Where the result is stored. It may overlap the inputs.

    Returns
    -------
    ndarray of shape (N, O)
    """
    x, w, b = arguments.linear_forward(x, w, b)
    with np.errstate(all="ignore"):
        y = x @ w
        return deliver(y if b is None else y + b, out)


def linear_backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """Return the gradients of a linear layer.

    Parameters
    ----------
    dy : ndarray of shape (N, O)
        Gradient of the loss with respect to the outputs ``y = x @ w + b``; float32 or float64, as
        all arrays of the call.
    x : ndarray of shape (N, I)
        The inputs of the forward pass.
    w : ndarray of shape (I, O)
        Weights.

    Returns
    -------
    dx : ndarray of shape (N, I)
        ``dy @ w.T``.
    dw : ndarray of shape (I, O)
        ``x.T @ dy``.
    db : ndarray of shape (O,)
        The sum of the rows of `dy`.
    """
    dy, x, w = arguments.linear_backward(dy, x, w)
    with np.errstate(all="ignore"):
        return dy @ w.T, x.T @ dy, dy.sum(axis=0)
