"""Random numbers by hashing: the units that dropout drops, and the order of an epoch's rows.

A number depends only on seed, step and position. It needs no state and no memory, and is the same
in every build and after training has been resumed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nncore.arguments.mlp import MOST_LAYERS
from nncore.params import Array

Scales = Callable[[int, tuple[int, ...]], "Array | float"]  # factors of dropout, of a layer
U32, U64 = np.uint32, np.uint64
SHUFFLE = MOST_LAYERS  # a use of keys that no layer's dropout has


def _key(seed: int, step: int, use: int) -> tuple[int, int]:
    """Return 64 mixed bits in two halves: the finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    wrap = (1 << 64) - 1
    x = (seed + step * 0x9E3779B97F4A7C15 + use * 0xD1B54A32D192ED03) & wrap
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & wrap
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & wrap
    x ^= x >> 31
    return x & 0xFFFFFFFF, x >> 32


def _hashed(n: int, key: tuple[int, int]) -> Array:
    """Return n hashed numbers of 32 bits, by Wellons' "lowbias32" (2018)."""
    x = np.arange(n, dtype=U64).astype(U32) ^ U32(key[0])
    x ^= x >> U32(16)
    x *= U32(0x7FEB352D)
    x ^= x >> U32(15)
    x += U32(key[1])
    x *= U32(0x846CA68B)
    x ^= x >> U32(16)
    return x


def dropout_scale(
    seed: int, step: int, layer: int, shape: tuple[int, ...], rate: float, dtype: np.dtype[Any]
) -> Array:
    """Return factors for a layer's outputs: 0 with probability `rate`, else 1 / (1 - rate)."""
    x = _hashed(math.prod(shape), _key(seed, step, layer))
    kept = x >= U32(min(int(rate * 2.0**32), 2**32 - 1))
    scale = np.asarray(1 / (1 - rate), dtype)
    return np.where(kept, scale, np.zeros_like(scale)).reshape(shape)


def dropout_scales(seed: int, step: int, rates: Sequence[float], dtype: np.dtype[Any]) -> Scales:
    """Return a function of layer and shape that gives the factors, for a rate for each layer."""

    def scales(layer: int, shape: tuple[int, ...]) -> Array | float:
        if not rates or rates[layer] == 0:
            return 1.0
        return dropout_scale(seed, step, layer, shape, rates[layer], dtype)

    return scales


def no_dropout(layer: int, shape: tuple[int, ...]) -> float:
    """Return the factor of layers without dropout."""
    return 1.0


def shuffled(n: int, seed: int, epoch: int) -> Array:
    """Return 0 to n - 1 in the order of an epoch (Durstenfeld 1964)."""
    # A number below i + 1 without a division (Lemire 2019); its bias is below n / 2^32.
    bits: Array = _hashed(n, _key(seed, epoch, SHUFFLE)).astype(U64)
    chosen = bits * np.arange(1, n + 1).astype(U64)
    order = [0] * n
    for i, j in enumerate((chosen >> U64(32)).tolist()):
        order[i] = order[j]
        order[j] = i
    return np.array(order, np.intp)
