"""Update rules in place, on arrays that may overlap or not be contiguous."""

from __future__ import annotations

from typing import Any

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.params import Array


def update_arrays(params: Array, grads: Array, slots: dict[str, Array], rule: Any) -> None:
    """Call rule(w, g, *slots) with writable arrays; copy results back if necessary."""
    arrays = arguments.update(params, grads, slots)
    with np.errstate(all="ignore"):
        rule(*arrays)
    arguments.write_back([arrays[0], *arrays[2:]], [params, *slots.values()])
