"""Return results, in `out=` where the caller gave one."""

from __future__ import annotations

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.params import Array


def deliver(result: Array, out: Array | None) -> Array:
    """Return the result, stored in `out` where one was given."""
    if out is None:
        return np.asarray(result)
    arguments.check_out(out, result.shape, result.dtype)
    out[...] = result
    return out
