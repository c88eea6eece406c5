"""Initial weights of recurrent networks for sequences of vectors."""

from __future__ import annotations

import numpy as np

from nncore.initializers import INITIALIZERS, orthogonal
from nncore.params import Array, Shapes
from nncore.registry import CELL_ROW


def draw(shapes: Shapes, cell: str, rng: np.random.Generator) -> dict[str, Array]:
    """Return initial arrays of all parameters; biases are 0, except those of one gate.

    The gate that lets a state through starts open, so that gradients reach early steps from the
    beginning. Each gate's inputs have Glorot's weights, and its states an orthogonal matrix.

    References
    ----------
    Glorot and Bengio 2010, Understanding the difficulty of training deep feedforward networks;
    Gers, Schmidhuber and Cummins 2000, Learning to forget; Jozefowicz, Zaremba and Sutskever 2015,
    An empirical exploration of recurrent network architectures (a bias of 1); Saxe, McClelland and
    Ganguli 2014, Exact solutions to the nonlinear dynamics of learning (orthogonal matrices).
    """
    gates, gate, parameters = CELL_ROW[cell].gates, CELL_ROW[cell].open_gate, {}
    for name, shape in shapes.items():
        if len(shape) == 2:
            blocks = 1 if name == "why" else gates
            parameters[name] = np.hstack([_block(name, shape, blocks, rng) for _ in range(blocks)])
        else:
            parameters[name] = np.zeros(shape)
            if name.startswith("bh") and gate is not None:
                parameters[name].reshape(gates, -1)[gate] = 1
    return parameters


def _block(name: str, shape: tuple[int, ...], blocks: int, rng: np.random.Generator) -> Array:
    """Return the columns of one gate."""
    rows, columns = shape[0], shape[1] // blocks
    if name.startswith("whh"):
        return orthogonal(rng.standard_normal((rows, columns)))
    return INITIALIZERS["glorot_uniform"](rng, rows, columns)[0]
