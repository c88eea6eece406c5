"""The cell of a plain recurrent layer: tanh."""

from __future__ import annotations

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.params import Array
from nncore.reference.recurrent.cell import CellFunctions, Part, States, no_recurrent

__all__ = ["rnn_step_backward", "rnn_step_forward"]


def _forward(sums: Array, recurrent: Array, before: States) -> tuple[States, Array]:
    h = np.tanh(sums, out=sums)
    return (h,), h


def _backward(dstates: States, part: Part) -> tuple[Array, Array, tuple[None]]:
    (dh,), (h,) = dstates, part.states
    return dh * (1 - h * h), part.recurrent, (None,)


CELL = CellFunctions(_forward, _backward, {"h": "tanh(s)"})


def rnn_step_forward(xw: Array, h_prev: Array, whh: Array, bh: Array) -> Array:
    """Return the hidden states after one time step, ``tanh(xw + h_prev @ whh + bh)``.

    Parameters
    ----------
    xw : ndarray of shape (N, H)
        The inputs of the step multiplied by the input weights; float32 or float64, as all arrays
        of the call.
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
        dz, *_ = _backward((dh,), Part((h_prev,), (h,), h, no_recurrent(h)))
        return dz, dz @ whh.T
