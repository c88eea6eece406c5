"""The flat vector that holds all parameters of a network, and named views into it.

An optimizer step is thus one loop over one vector, and a gradient or the state of an optimizer is
a vector of the same layout. Each parameter is 64-byte aligned; the gaps between parameters hold
zeros and stay zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from nncore.registry import CELL_ROW

Array = npt.NDArray[Any]
Shapes = dict[str, tuple[int, ...]]  # names of parameters, in the order of the flat vector
ALIGN = 16  # numbers: 64 bytes of float32


def aligned_zeros(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """Return an array of zeros that is 64-byte aligned; MemoryError if it is too large."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) if isinstance(shape, tuple) else shape
    try:
        room = np.zeros(size + 64 // dtype.itemsize, dtype)
    except ValueError:  # raised by NumPy if the array exceeds the address space
        raise MemoryError(f"no memory is large enough for {size} numbers of {dtype}") from None
    start = -room.ctypes.data % 64 // dtype.itemsize
    return room[start : start + size].reshape(shape)


def aligned(n: int) -> int:
    """Return a number of elements, rounded up to a multiple of 64 bytes of float32."""
    return -(-n // ALIGN) * ALIGN


def recurrent_shapes(
    inputs: int, hidden: Sequence[int], outputs: int, cell: str = "tanh"
) -> Shapes:
    """Return the shapes of a recurrent network's parameters, in the order of the flat vector.

    Parameters
    ----------
    inputs, outputs : int
        Numbers of inputs (I) and outputs (O).
    hidden : sequence of int
        Number of units (H) of each recurrent layer.
    cell : str
        A name in `nncore.registry.CELLS`.

    Returns
    -------
    dict of str to tuple of int
        For the first layer wxh (I, G * H), whh (H, G * H) and bh (G * H,), where the G blocks of H
        columns are the gates of the cell, and, for "gru", bn (H,), the recurrent bias of the last
        gate. The names of further layers end with a number, such as wxh2. The output layer has why
        (H, O), with the H of the last layer, and by (O,).
    """
    row, h, o = CELL_ROW[cell], [int(n) for n in hidden], int(outputs)  # int8 would overflow
    sizes = [int(inputs), *h]
    shapes: Shapes = {}
    for i, (x, n) in enumerate(pairwise(sizes)):
        number = str(i + 1) if i else ""
        columns = row.gates * n
        shapes |= {f"wxh{number}": (x, columns), f"whh{number}": (n, columns)}
        if i == 0:
            shapes["why"] = (h[-1], o)
        shapes[f"bh{number}"] = (columns,)
        if i == 0:
            shapes["by"] = (o,)
        if row.recurrent_bias:
            shapes[f"bn{number}"] = (n,)
    return shapes


def char_rnn_shapes(vocabulary: int, hidden: int, cell: str = "tanh", layers: int = 1) -> Shapes:
    """Return the shapes of a character RNN's parameters, in the order of the flat vector.

    They are those of `recurrent_shapes` with `vocabulary` inputs and outputs, and `layers` layers
    of `hidden` units.
    """
    return recurrent_shapes(vocabulary, [hidden] * layers, vocabulary, cell)


def mlp_shapes(sizes: Sequence[int]) -> Shapes:
    """Return the shapes of a perceptron's parameters, in the order of the flat vector.

    `sizes` are the numbers of inputs, of units of each hidden layer, and of outputs. Layer i,
    counted from 1, has weights ``w{i}`` (inputs, outputs) and biases ``b{i}`` (outputs,).
    """
    shapes: Shapes = {}
    for i, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
        shapes |= {f"w{i}": (inputs, outputs), f"b{i}": (outputs,)}
    return shapes


def _padded(shapes: Shapes) -> Shapes:
    """Return the shapes of parameters with their padding, which the kernels' plans repeat.

    Every row of wxh and whh is 64-byte aligned, as a recurrent network reads rows of wxh and all
    of whh at every time step. Rows of several gates are an odd number of lines apart, so that
    columns do not share few sets of the cache. The other parameters are only padded at their end.
    """
    units, columns = shapes.get("whh", (0, 0))
    result: Shapes = {}
    for name, shape in shapes.items():
        if not name.startswith(("wxh", "whh")):
            result[name] = (aligned(math.prod(shape)),)
            continue
        row = aligned(shape[-1])
        if columns > units and row % (2 * ALIGN) == 0:
            row += ALIGN
        result[name] = (*shape[:-1], row)
    return result


def flat_size(shapes: Shapes) -> int:
    """Return the length of the flat vector for parameters of these shapes, including gaps."""
    return sum(map(math.prod, _padded(shapes).values()))


def views(vector: Array, shapes: Shapes) -> dict[str, Array]:
    """Return the parameters by name as views into a flat vector."""
    result, start = {}, 0
    for name, padded in _padded(shapes).items():
        shape = shapes[name]
        part = vector[start : start + math.prod(padded)]
        start += part.size
        if len(padded) == len(shape):
            result[name] = part.reshape(padded)[..., : shape[-1]]
        else:
            result[name] = part[: math.prod(shape)].reshape(shape)
    return result


def compact(vector: Array, shapes: Shapes) -> Array:
    """Return a flat vector without its padding."""
    return np.concatenate([part.ravel() for part in views(vector, shapes).values()])


def padded(vector: Array, shapes: Shapes) -> Array:
    """Return the flat vector whose `compact` form is given."""
    result, start = aligned_zeros(flat_size(shapes), vector.dtype), 0
    for part in views(result, shapes).values():
        part[...] = vector[start : start + part.size].reshape(part.shape)
        start += part.size
    return result
