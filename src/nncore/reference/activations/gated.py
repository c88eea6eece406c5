"""Activations that multiply their inputs by a sigmoid or a distribution function."""

from __future__ import annotations

import math

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.params import Array
from nncore.reference.output import deliver

__all__ = [
    "gelu_backward",
    "gelu_forward",
    "silu_backward",
    "silu_forward",
]

FAR = 760.0  # z * exp(-z) is 0 for larger z


def silu_forward(z: Array, *, out: Array | None = None) -> Array:
    """Return ``z * sigmoid(z)``, also known as swish with beta = 1.

    References
    ----------
    Elfwing, Uchibe and Doya 2018, Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning.
    """
    (z,) = arguments.activation(False, z=z)
    with np.errstate(all="ignore"):
        size = np.minimum(np.abs(z), z.dtype.type(FAR))
        root = np.exp(-size / 2)  # multiplied in twice, as exp(-size) may be subnormal
        total = 1 + root * root
        return deliver(np.where(z < 0, -size * root / total * root, z / total), out)


def silu_backward(dy: Array, z: Array, *, out: Array | None = None) -> Array:
    """Return the gradient with respect to the inputs of `silu_forward`.

    Notes
    -----
    It is ``dy * s * (1 + z * (1 - s))`` with ``s = sigmoid(z)``.
    """
    dy, z = arguments.activation(False, dy=dy, z=z)
    with np.errstate(all="ignore"):
        size = np.minimum(np.abs(z), z.dtype.type(FAR))
        root = np.exp(-size / 2)
        total = 1 + root * root
        low = root * (total - size) / (total * total) * root  # the slope at -size
        return deliver(dy * np.where(z < 0, low, 1 - low), out)


def _square(t: Array) -> tuple[Array, Array]:
    """Return t**2 as a sum of two numbers, the first of which is exact."""
    high = t.astype(np.float32).astype(np.float64)
    return high * high, (t - high) * (t + high)


def _normal(z: Array) -> tuple[Array, Array, Array]:
    """Return t = abs(z), limited to where 1 - Phi(t) is 0, 1 - Phi(t), and the density, in float64.

    exp and erfc enlarge the rounding of t**2 and of x = t / sqrt(2): both are corrected.
    """
    t = np.minimum(np.abs(z.astype(np.float64)), 40.0)
    x = t * math.sqrt(0.5)
    (square, rest), (x_square, x_rest) = _square(t), _square(x)
    erfc = np.vectorize(math.erfc, otypes=[np.float64])(x)
    tail = erfc / 2 * np.exp((x_square - square / 2) + (x_rest - rest / 2))
    return t, tail, np.exp(-square / 2) * np.exp(-rest / 2) / math.sqrt(2 * math.pi)


def gelu_forward(z: Array, *, out: Array | None = None) -> Array:
    """Return ``z * Phi(z)`` with the standard normal distribution function Phi.

    Notes
    -----
    The exact function, as by default in PyTorch, not its approximation by tanh.

    References
    ----------
    Hendrycks and Gimpel 2016, Gaussian error linear units (GELUs).
    """
    (z,) = arguments.activation(False, z=z)
    with np.errstate(all="ignore"):
        t, tail, _ = _normal(z)
        return deliver((np.where(z < 0, -0.0, z) - t * tail).astype(z.dtype), out)


def gelu_backward(dy: Array, z: Array, *, out: Array | None = None) -> Array:
    """Return the gradient with respect to the inputs of `gelu_forward`.

    Notes
    -----
    It is ``dy * (Phi(z) + z * phi(z))`` with the standard normal distribution function Phi and its
    density phi.
    """
    dy, z = arguments.activation(False, dy=dy, z=z)
    with np.errstate(all="ignore"):
        t, tail, density = _normal(z)
        low = tail - t * density  # the slope at -t
        return deliver(dy * np.where(z < 0, low, 1 - low).astype(dy.dtype), out)
