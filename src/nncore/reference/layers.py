"""The linear layer and the recurrent time step."""

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
    """y (N, O) = x (N, I) @ w (I, O) + b (O,)."""
    x, w, b = arguments.linear_forward(x, w, b)
    with np.errstate(all="ignore"):
        y = x @ w
        return deliver(y if b is None else y + b, out)


def linear_backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """dx (N, I) = dy @ w.T, dw (I, O) = x.T @ dy, db (O,) = the sum of dy's rows.

    dy (N, O) is the gradient of y = x @ w + b.
    """
    dy, x, w = arguments.linear_backward(dy, x, w)
    with np.errstate(all="ignore"):
        return dy @ w.T, x.T @ dy, dy.sum(axis=0)


def rnn_step_forward(xw: Array, h_prev: Array, whh: Array, bh: Array) -> Array:
    """h (N, H) = tanh(xw + h_prev @ whh + bh), one time step.

    xw (N, H) is the step's input times its weights; h_prev (N, H), whh (H, H), bh (H,).
    """
    xw, h_prev, whh, bh = arguments.rnn_step_forward(xw, h_prev, whh, bh)
    with np.errstate(all="ignore"):
        return np.asarray(np.tanh(xw + h_prev @ whh + bh))


def rnn_step_backward(dh: Array, h: Array, h_prev: Array, whh: Array) -> tuple[Array, Array]:
    """dz (N, H) = dh * (1 - h**2) and dh_prev (N, H) = dz @ whh.T, one time step back.

    The gradients of the weights follow from dz: dwhh = h_prev.T @ dz, dbh = its sum over
    rows, dxw = dz. h_prev is taken so that forward and backward read alike; only its
    shape matters.
    """
    dh, h, h_prev, whh = arguments.rnn_step_backward(dh, h, h_prev, whh)
    with np.errstate(all="ignore"):
        dz = dh * (1 - h * h)
        return dz, dz @ whh.T
