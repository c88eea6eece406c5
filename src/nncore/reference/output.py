"""Results, which are stored in the caller's `out` if there is one."""

from __future__ import annotations

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.params import Array


def deliver(result: Array, out: Array | None) -> Array:
    """Return the result, stored in `out` if it is given."""
    if out is None:
        return np.asarray(result)
    arguments.check_out(out, result.shape, result.dtype)
    out[...] = result
    return out
