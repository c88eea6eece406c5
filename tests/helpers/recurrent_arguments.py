"""Arguments of the kernels of one time step of an LSTM and of a GRU."""

import numpy as np

from nncore.reference.recurrent import gru, lstm


def normal(rng, shape, dtype, scale=1.0):
    return (scale * rng.standard_normal(shape)).astype(dtype)


def lstm_arguments(rng, n, units, dtype):
    """Arguments of lstm_step_forward for n rows."""
    scale = 0.3 / np.sqrt(max(1, units))
    return (
        normal(rng, (n, 4 * units), dtype),
        np.tanh(normal(rng, (n, units), dtype)),
        normal(rng, (n, units), dtype),
        normal(rng, (units, 4 * units), dtype, scale),
        normal(rng, (4 * units,), dtype),
    )


def gru_arguments(rng, n, units, dtype):
    """Arguments of gru_step_forward for n rows."""
    scale = 0.3 / np.sqrt(max(1, units))
    return (
        normal(rng, (n, 3 * units), dtype),
        np.tanh(normal(rng, (n, units), dtype)),
        normal(rng, (units, 3 * units), dtype, scale),
        normal(rng, (3 * units,), dtype),
        normal(rng, (units,), dtype),
    )


def lstm_backward_arguments(rng, n, units, dtype):
    forward = lstm_arguments(rng, n, units, dtype)
    _, c, gates = lstm.lstm_step_forward(*forward)
    dh, dc = (normal(rng, (n, units), dtype) for _ in range(2))
    return dh, dc, forward[2], c, gates, forward[3]


def gru_backward_arguments(rng, n, units, dtype):
    forward = gru_arguments(rng, n, units, dtype)
    _, gates, recurrent = gru.gru_step_forward(*forward)
    return normal(rng, (n, units), dtype), forward[1], gates, recurrent, forward[2]


# By kernel: make(rng, n, units, dtype)
MAKERS = {
    "lstm_step_forward": lstm_arguments,
    "lstm_step_backward": lstm_backward_arguments,
    "gru_step_forward": gru_arguments,
    "gru_step_backward": gru_backward_arguments,
}
