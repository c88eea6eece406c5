"""The linear layer, and one time step of a recurrent layer."""

from __future__ import annotations

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.params import Array
from nncore.reference.output import deliver

__all__ = [
    "linear_backward",
    "linear_forward",
    "rnn_step_backward",
    "rnn_step_forward",
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
        Gradient of the loss with respect to the outputs ``y = x @ w + b``.
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


def rnn_step_forward(xw: Array, h_prev: Array, whh: Array, bh: Array) -> Array:
    """Return the hidden states after one time step, ``tanh(xw + h_prev @ whh + bh)``.

    Parameters
    ----------
    xw : ndarray of shape (N, H)
        The inputs of the step multiplied by the input weights.
    h_prev : ndarray of shape (N, H)
        The hidden states before the step.
    whh : ndarray of shape (H, H)
        Recurrent weights.
    bh : ndarray of shape (H,)
        Biases.

    Returns
    -------
    ndarray of shape (N, H)

    References
    ----------
    Elman 1990, Finding structure in time.
    """
    xw, h_prev, whh, bh = arguments.rnn_step_forward(xw, h_prev, whh, bh)
    with np.errstate(all="ignore"):
        return np.asarray(np.tanh(xw + h_prev @ whh + bh))


def rnn_step_backward(dh: Array, h: Array, h_prev: Array, whh: Array) -> tuple[Array, Array]:
    """Return the gradients of one time step.

    Parameters
    ----------
    dh : ndarray of shape (N, H)
        Gradient of the loss with respect to the hidden states after the step.
    h : ndarray of shape (N, H)
        The hidden states after the step.
    h_prev : ndarray of shape (N, H)
        The hidden states before the step. Only their shape is used; they are an argument so that
        forward and backward take the same arrays.
    whh : ndarray of shape (H, H)
        Recurrent weights.

    Returns
    -------
    dz : ndarray of shape (N, H)
        ``dh * (1 - h**2)``, the gradient with respect to the inputs of tanh.
    dh_prev : ndarray of shape (N, H)
        ``dz @ whh.T``, the gradient with respect to the hidden states before the step.

    Notes
    -----
    The gradients of the parameters follow from `dz`: ``dwhh = h_prev.T @ dz``, `dbh` is the sum of
    the rows of `dz`, and ``dxw = dz``.
    """
    dh, h, h_prev, whh = arguments.rnn_step_backward(dh, h, h_prev, whh)
    with np.errstate(all="ignore"):
        dz = dh * (1 - h * h)
        return dz, dz @ whh.T
