"""Which units a training step drops: a hash of seed, step, layer and place.

So the mask needs no memory, is the same in every backend and on every instruction-set
level, and training that is resumed goes on with the same masks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nncore.params import Array

U32, U64 = np.uint32, np.uint64


def _key(seed: int, step: int, layer: int) -> tuple[int, int]:
    """64 mixed bits in two halves: the finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    wrap = (1 << 64) - 1
    x = (seed + step * 0x9E3779B97F4A7C15 + layer * 0xD1B54A32D192ED03) & wrap
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & wrap
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & wrap
    x ^= x >> 31
    return x & 0xFFFFFFFF, x >> 32


def dropout_scale(
    seed: int, step: int, layer: int, shape: tuple[int, int], rate: float, dtype: np.dtype[Any]
) -> Array:
    """What to multiply a layer's outputs by: 0 with probability `rate`, else 1 / (1 - rate).

    The multipliers and shifts are those of Wellons' 32-bit hash "lowbias32" (2018).
    """
    low, high = _key(seed, step, layer)
    x = np.arange(shape[0] * shape[1], dtype=U64).astype(U32) ^ U32(low)
    x ^= x >> U32(16)
    x *= U32(0x7FEB352D)
    x ^= x >> U32(15)
    x += U32(high)
    x *= U32(0x846CA68B)
    x ^= x >> U32(16)
    kept = x >= U32(min(int(rate * 2.0**32), 2**32 - 1))
    scale = np.asarray(1 / (1 - rate), dtype)
    return np.where(kept, scale, np.zeros_like(scale)).reshape(shape)
