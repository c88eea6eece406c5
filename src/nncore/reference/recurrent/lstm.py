"""The LSTM cell, with a forget gate."""

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
    no_recurrent,
)

__all__ = ["lstm_step_backward", "lstm_step_forward"]


def _forward(sums: Array, recurrent: Array, before: States) -> tuple[States, Array]:
    gates = sigmoid_forward(sums)
    i, f, g, o = np.split(gates, 4, axis=1)
    g[...] = np.tanh(np.split(sums, 4, axis=1)[2])
    c = f * before[1] + i * g
    return (o * np.tanh(c), c), gates


def _backward(dstates: States, part: Part) -> tuple[Array, Array, tuple[None, Array]]:
    (dh, dc), (_, c_prev), (_, c) = dstates, part.before, part.states
    i, f, g, o = np.split(part.gates, 4, axis=1)
    tanh_c = np.tanh(c)
    dc = dc + dh * o * (1 - tanh_c * tanh_c)
    dsums = np.concatenate(
        (
            dc * g * (i * (1 - i)),
            dc * c_prev * (f * (1 - f)),
            dc * i * (1 - g * g),
            dh * tanh_c * (o * (1 - o)),
        ),
        axis=1,
    )
    return dsums, part.recurrent, (None, dc * f)


CELL = CellFunctions(
    _forward,
    _backward,
    {
        "i": "sigmoid(s_i)",
        "f": "sigmoid(s_f)",
        "g": "tanh(s_g)",
        "o": "sigmoid(s_o)",
        "h": "o * tanh(c)",
        "c": "f * c_prev + i * g",
    },
)


def lstm_step_forward(
    xw: Array, h_prev: Array, c_prev: Array, whh: Array, bh: Array
) -> tuple[Array, Array, Array]:
    """Return the states of an LSTM layer after one time step, and its gates.

    Parameters
    ----------
    xw : ndarray of shape (N, 4H)
        The inputs of the step multiplied by the input weights; float32 or float64, as all arrays
        of the call. Its four blocks of H columns are the gates i, f, g and o, as in all arrays
        with 4H columns.
    h_prev, c_prev : ndarray of shape (N, H)
        The hidden states and the cell states before the step.
    whh : ndarray of shape (H, 4H)
        Recurrent weights.
    bh : ndarray of shape (4H,)
        Biases.

    Returns
    -------
    h, c : ndarray of shape (N, H)
        The hidden states and the cell states after the step.
    gates : ndarray of shape (N, 4H)
        The outputs of the gates, which `lstm_step_backward` takes.

    Notes
    -----
    With the blocks z_i, z_f, z_g and z_o of ``xw + h_prev @ whh + bh``::

        i, f, o = sigmoid(z_i), sigmoid(z_f), sigmoid(z_o)
        g = tanh(z_g)
        c = f * c_prev + i * g
        h = o * tanh(c)

    References
    ----------
    Hochreiter and Schmidhuber 1997, Long short-term memory. Gers, Schmidhuber and Cummins 2000,
    Learning to forget: continual prediction with LSTM.
    """
    xw, h_prev, c_prev, whh, bh = arguments.lstm_step_forward(xw, h_prev, c_prev, whh, bh)
    with np.errstate(all="ignore"):
        sums, recurrent = gate_sums(xw + bh, h_prev, whh, no_recurrent(bh))
        (h, c), gates = _forward(sums, recurrent, (h_prev, c_prev))
        return h, c, gates


def lstm_step_backward(
    dh: Array, dc: Array, c_prev: Array, c: Array, gates: Array, whh: Array
) -> tuple[Array, Array, Array]:
    """Return the gradients of one time step of an LSTM layer.

    Parameters
    ----------
    dh, dc : ndarray of shape (N, H)
        Gradients of the loss with respect to the hidden states and the cell states after the step.
    c_prev, c : ndarray of shape (N, H)
        The cell states before and after the step.
    gates : ndarray of shape (N, 4H)
        The outputs of the gates, which `lstm_step_forward` returned.
    whh : ndarray of shape (H, 4H)
        Recurrent weights.

    Returns
    -------
    dz : ndarray of shape (N, 4H)
        The gradient with respect to the inputs of the gates.
    dh_prev, dc_prev : ndarray of shape (N, H)
        The gradients with respect to the states before the step.

    Notes
    -----
    ::

        dc = dc + dh * o * (1 - tanh(c)**2)
        dz_i, dz_f = dc * g * i * (1 - i), dc * c_prev * f * (1 - f)
        dz_g, dz_o = dc * i * (1 - g**2), dh * tanh(c) * o * (1 - o)
        dh_prev, dc_prev = dz @ whh.T, dc * f

    The gradients of the parameters follow from `dz`: ``dwhh = h_prev.T @ dz``, `dbh` is the sum of
    the rows of `dz`, and ``dxw = dz``.
    """
    dh, dc, c_prev, c, gates, whh = arguments.lstm_step_backward(dh, dc, c_prev, c, gates, whh)
    with np.errstate(all="ignore"):
        part = Part((dh, c_prev), (dh, c), gates, no_recurrent(c))  # the hidden states are not used
        dz, _, (_, dc_prev) = _backward((dh, dc), part)
        return dz, dz @ whh.T, dc_prev
