"""The advice in errors about divergence."""

from __future__ import annotations

import numpy as np

from nncore.params import Array
from nncore.training.epochs.data import EpochData

LARGE = 1e3  # data with larger numbers is named as a likely cause


def advice_on_divergence(data: EpochData, weights: Array, rate: float | None) -> str:
    """Return advice for training that has diverged.

    `rate` is the learning rate; None before the first update, when only the data or the
    parameters can be the cause.
    """
    sizes = {name: size for name, size in data.largest().items() if size > LARGE}
    reach = " and ".join(f"{name} reaches {size:.4g}" for name, size in sizes.items())
    scale = f"{reach}: scale the data to numbers of about 1"
    if rate is None:
        largest = float(np.abs(weights).max())
        too_large = f"The parameters reach {largest:.4g}, too large for {weights.dtype}"
        return f"No update was made. {scale if sizes else too_large}"
    slower = f"a smaller learning rate (it is {rate:g}), clip_norm, or a schedule with warm-up"
    return f"{scale}, or try {slower}" if sizes else f"Try {slower}"
