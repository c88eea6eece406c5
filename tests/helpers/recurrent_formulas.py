"""Recurrent networks written out for one sequence, independently of nncore's modules."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def tanh_step(x, states, w):
    return (np.tanh(x @ w["wxh"] + states[0] @ w["whh"] + w["bh"]),)


def lstm_step(x, states, w):
    h, c = states
    i, f, g, o = np.split(x @ w["wxh"] + h @ w["whh"] + w["bh"], 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(x, states, w):
    (h,) = states
    (xr, xz, xn), (hr, hz, hn) = np.split(x @ w["wxh"] + w["bh"], 3), np.split(h @ w["whh"], 3)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    return ((1 - z) * np.tanh(xn + r * (hn + w["bn"])) + z * h,)


STEP = {"tanh": tanh_step, "lstm": lstm_step, "gru": gru_step}


def layers_of(parameters):
    """The parameters of each layer under the names of the first."""
    count = sum(name.startswith("whh") for name in parameters)
    numbers = ["", *map(str, range(2, count + 1))]
    names = ("wxh", "whh", "bh", "bn")
    return [{n: parameters[n + k] for n in names if n + k in parameters} for k in numbers]


def outputs_of(cell, parameters, x, state, masks=None):
    """Outputs (T, O) of one sequence x (T, I), and the flat state (S,) after it.

    `masks` (layers - 1, T, H) are factors on the outputs of the layers but the last.
    """
    layers = layers_of(parameters)
    count = 2 if cell == "lstm" else 1
    ends = np.cumsum([w["whh"].shape[0] for w in layers for _ in range(count)])[:-1]
    flat = np.split(state, ends)
    states = [tuple(flat[i * count : (i + 1) * count]) for i in range(len(layers))]
    outputs = []
    for t, row in enumerate(x):
        inputs = row
        for i, w in enumerate(layers):
            states[i] = STEP[cell](inputs, states[i], w)
            inputs = states[i][0] * (masks[i][t] if masks and i < len(layers) - 1 else 1)
        outputs.append(inputs @ parameters["why"] + parameters["by"])
    return np.array(outputs), np.concatenate([part for each in states for part in each])
