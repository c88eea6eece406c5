"""One flat vector for all parameters of a network, and named views into it.

An optimizer step is then one loop over one vector, and a gradient or an optimizer's
state is a vector with the same layout. Each parameter starts on a 64-byte line; the
gaps between them hold zeros and stay zero.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Shapes = dict[str, tuple[int, ...]]  # names of parameters, in the order of the flat vector
ALIGN = 16  # numbers: 64 bytes of float32


def aligned_zeros(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """Zeros whose first element lies on a 64-byte line."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) if isinstance(shape, tuple) else shape
    room = np.zeros(size + 64 // dtype.itemsize, dtype)
    start = -room.ctypes.data % 64 // dtype.itemsize
    return room[start : start + size].reshape(shape)


def aligned(n: int) -> int:
    """n rounded up to a whole 64-byte line of float32."""
    return -(-n // ALIGN) * ALIGN


def char_rnn_shapes(vocabulary: int, hidden: int) -> Shapes:
    """Shapes of the parameters, in the order of the flat vector."""
    v, h = vocabulary, hidden
    return {"wxh": (v, h), "whh": (h, h), "why": (h, v), "bh": (h,), "by": (v,)}


def flat_size(shapes: Shapes) -> int:
    """Length of the flat vector that holds parameters of these shapes."""
    return sum(aligned(math.prod(shape)) for shape in shapes.values())


def views(vector: Array, shapes: Shapes) -> dict[str, Array]:
    """The named parameters inside a flat vector; writing to one changes the vector."""
    result, start = {}, 0
    for name, shape in shapes.items():
        result[name] = vector[start : start + math.prod(shape)].reshape(shape)
        start += aligned(math.prod(shape))
    return result
