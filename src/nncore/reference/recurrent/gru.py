"""The GRU cell, whose reset gate is applied after the recurrent product."""

from __future__ import annotations

import numpy as np

from nncore.arguments import recurrent as arguments
from nncore.params import Array
from nncore.reference.activations import sigmoid_forward
from nncore.reference.recurrent.cell import (
    CellFunctions,
    Part,
    States,
    gate_sums,
    product_gradient,
)

__all__ = ["gru_step_backward", "gru_step_forward"]


def _forward(sums: Array, recurrent: Array, before: States) -> tuple[States, Array]:
    gates = sigmoid_forward(sums)
    r, z, n = np.split(gates, 3, axis=1)
    n[...] = np.tanh(np.split(sums, 3, axis=1)[2] + r * recurrent)
    return ((1 - z) * n + z * before[0],), gates


def _backward(dstates: States, part: Part) -> tuple[Array, Array, tuple[Array]]:
    (dh,), (h_prev,), recurrent = dstates, part.before, part.recurrent
    r, z, n = np.split(part.gates, 3, axis=1)
    dn = dh * (1 - z) * (1 - n * n)
    dr = dn * recurrent * (r * (1 - r))
    dz = dh * (h_prev - n) * (z * (1 - z))
    return np.concatenate((dr, dz, dn), axis=1), dn * r, (dh * z,)


CELL = CellFunctions(
    _forward,
    _backward,
    {
        "r": "sigmoid(s_r)",
        "z": "sigmoid(s_z)",
        "n": "tanh(s_n + r * u)",
        "h": "(1 - z) * n + z * h_prev",
    },
)


def gru_step_forward(
    xw: Array, h_prev: Array, whh: Array, bh: Array, bn: Array
) -> tuple[Array, Array, Array]:
    """Return the hidden states of a GRU layer after one time step, and its gates.

    Parameters
    ----------
    xw : ndarray of shape (N, 3H)
        The inputs of the step multiplied by the input weights; float32 or float64, as all arrays
        of the call. Its three blocks of H columns are the gates r, z and n, as in all arrays with
        3H columns.
    h_prev : ndarray of shape (N, H)
        The hidden states before the step.
    whh : ndarray of shape (H, 3H)
        Recurrent weights.
    bh : ndarray of shape (3H,)
        Biases.
    bn : ndarray of shape (H,)
        Recurrent bias of the last gate.

    Returns
    -------
    h : ndarray of shape (N, H)
        The hidden states after the step.
    gates : ndarray of shape (N, 3H)
        The outputs of the gates, which `gru_step_backward` takes.
    recurrent : ndarray of shape (N, H)
        ``h_prev @ whh[:, 2 * H:] + bn``, which `gru_step_backward` takes.

    Notes
    -----
    With the blocks x_r, x_z and x_n of ``xw + bh``, and u_r, u_z and u_n of ``h_prev @ whh``::

        r, z = sigmoid(x_r + u_r), sigmoid(x_z + u_z)
        n = tanh(x_n + r * (u_n + bn))
        h = (1 - z) * n + z * h_prev

    The reset gate r is applied after the product, as in cuDNN, PyTorch and ONNX with
    ``linear_before_reset=1``.

    References
    ----------
    Cho et al. 2014, Learning phrase representations using RNN encoder-decoder for statistical
    machine translation.
    """
    xw, h_prev, whh, bh, bn = arguments.gru_step_forward(xw, h_prev, whh, bh, bn)
    with np.errstate(all="ignore"):
        sums, recurrent = gate_sums(xw + bh, h_prev, whh, bn)
        (h,), gates = _forward(sums, recurrent, (h_prev,))
        return h, gates, recurrent


def gru_step_backward(
    dh: Array, h_prev: Array, gates: Array, recurrent: Array, whh: Array
) -> tuple[Array, Array, Array]:
    """Return the gradients of one time step of a GRU layer.

    Parameters
    ----------
    dh : ndarray of shape (N, H)
        Gradient of the loss with respect to the hidden states after the step.
    h_prev : ndarray of shape (N, H)
        The hidden states before the step.
    gates : ndarray of shape (N, 3H)
        The outputs of the gates, which `gru_step_forward` returned.
    recurrent : ndarray of shape (N, H)
        ``h_prev @ whh[:, 2 * H:] + bn``, which `gru_step_forward` returned.
    whh : ndarray of shape (H, 3H)
        Recurrent weights.

    Returns
    -------
    dz : ndarray of shape (N, 3H)
        The gradient with respect to the inputs of the gates.
    drecurrent : ndarray of shape (N, H)
        The gradient with respect to `recurrent`.
    dh_prev : ndarray of shape (N, H)
        The gradient with respect to the hidden states before the step.

    Notes
    -----
    ::

        dz_n = dh * (1 - z) * (1 - n**2)
        dz_r, dz_z = dz_n * recurrent * r * (1 - r), dh * (h_prev - n) * z * (1 - z)
        drecurrent = dz_n * r
        du = dz_r, dz_z, drecurrent
        dh_prev = dh * z + du @ whh.T

    The gradients of the parameters follow: ``dwhh = h_prev.T @ du``, `dbh` and `dbn` are the sums
    of the rows of `dz` and `drecurrent`, and ``dxw = dz``.
    """
    dh, h_prev, gates, recurrent, whh = arguments.gru_step_backward(
        dh, h_prev, gates, recurrent, whh
    )
    with np.errstate(all="ignore"):
        part = Part((h_prev,), (dh,), gates, recurrent)  # the states after the step are not used
        dz, drecurrent, (passed,) = _backward((dh,), part)
        return dz, drecurrent, passed + product_gradient(dz, drecurrent) @ whh.T
