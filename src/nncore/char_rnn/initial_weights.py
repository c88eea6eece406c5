"""Initial weights of character RNNs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from nncore.initializers import orthogonal
from nncore.params import Array
from nncore.registry import CELL_ROW

if TYPE_CHECKING:
    from nncore.char_rnn.settings import WeightInit

# Standard deviation of the first wxh, of which a step reads a single row, and the same for gates
FIRST_INPUTS, FIRST_GATES = 0.5, 1.0
SMALL = 0.01  # of all weights, as in min-char-rnn


def draw(
    parameters: dict[str, Array], cell: str, weight_init: WeightInit, rng: np.random.Generator
) -> None:
    """Draw the weights of parameters that are 0, in their order; biases stay 0, except one gate's.

    The gate that lets a state through starts open, so that gradients reach early steps from the
    beginning.

    References
    ----------
    Gers, Schmidhuber and Cummins 2000, Learning to forget; Jozefowicz, Zaremba and Sutskever 2015,
    An empirical exploration of recurrent network architectures (a bias of 1); Saxe, McClelland and
    Ganguli 2014, Exact solutions to the nonlinear dynamics of learning (orthogonal matrices).
    """
    gate = CELL_ROW[cell].open_gate
    first = FIRST_GATES if CELL_ROW[cell].gates > 1 else FIRST_INPUTS
    for name, array in parameters.items():
        if array.ndim == 2:
            normal = rng.standard_normal(array.shape)
            array[...] = SMALL * normal if weight_init == "small" else _scaled(name, normal, first)
        elif name.startswith("bh") and gate is not None:
            array.reshape(CELL_ROW[cell].gates, -1)[gate] = 1


def _scaled(name: str, normal: Array, scale: float) -> Array:
    """Return normal random numbers as weights whose layer keeps the size of its inputs.

    scale: that of the first wxh.
    """
    if name.startswith("whh"):
        gates = np.split(normal, normal.shape[1] // len(normal), axis=1)
        return np.concatenate([orthogonal(gate) for gate in gates], axis=1)
    return scale * normal if name == "wxh" else normal / math.sqrt(len(normal))
