"""One flat vector for all parameters of a network, and named views into it.

An optimizer step is then one loop over one vector, and a gradient or an optimizer's
state is a vector with the same layout. Each parameter starts on a 64-byte line; the
gaps between them hold zeros and stay zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Shapes = dict[str, tuple[int, ...]]  # names of parameters, in the order of the flat vector
ALIGN = 16  # numbers: 64 bytes of float32


def aligned_zeros(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """Zeros whose first element lies on a 64-byte line; MemoryError for more than there is room."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) if isinstance(shape, tuple) else shape
    try:
        room = np.zeros(size + 64 // dtype.itemsize, dtype)
    except ValueError:  # NumPy's way to say that no address space holds it
        raise MemoryError(f"no memory is large enough for {size} numbers of {dtype}") from None
    start = -room.ctypes.data % 64 // dtype.itemsize
    return room[start : start + size].reshape(shape)


def aligned(n: int) -> int:
    """n rounded up to a whole 64-byte line of float32."""
    return -(-n // ALIGN) * ALIGN


def char_rnn_shapes(vocabulary: int, hidden: int) -> Shapes:
    """Shapes of the parameters, in the order of the flat vector."""
    v, h = int(vocabulary), int(hidden)  # sizes in int8 would overflow
    return {"wxh": (v, h), "whh": (h, h), "why": (h, v), "bh": (h,), "by": (v,)}


def mlp_shapes(sizes: Sequence[int]) -> Shapes:
    """Shapes of the parameters of a multi-layer perceptron with layers of these sizes."""
    shapes: Shapes = {}
    for i, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
        shapes |= {f"w{i}": (inputs, outputs), f"b{i}": (outputs,)}
    return shapes


def padded_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a parameter with its padding, which the kernels' plans repeat.

    Every row of wxh and whh starts on a line of its own: a recurrent network reads a row of
    the one and all of the other at every time step. The rest are only padded at their end.
    """
    if name in ("wxh", "whh"):
        return (*shape[:-1], aligned(shape[-1]))
    return (aligned(math.prod(shape)),)


def flat_size(shapes: Shapes) -> int:
    """Length of the flat vector that holds parameters of these shapes."""
    return sum(math.prod(padded_shape(name, shape)) for name, shape in shapes.items())


def views(vector: Array, shapes: Shapes) -> dict[str, Array]:
    """The named parameters inside a flat vector; writing to one changes the vector."""
    result, start = {}, 0
    for name, shape in shapes.items():
        padded = padded_shape(name, shape)
        part = vector[start : start + math.prod(padded)]
        start += part.size
        if len(padded) == len(shape):
            result[name] = part.reshape(padded)[..., : shape[-1]]
        else:
            result[name] = part[: math.prod(shape)].reshape(shape)
    return result
