"""Activations that are linear for large inputs, and the exponential linear units."""

from __future__ import annotations

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.params import Array
from nncore.reference.output import deliver

__all__ = [
    "elu_backward",
    "elu_forward",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "relu_backward",
    "relu_forward",
    "selu_backward",
    "selu_forward",
    "softplus_backward",
    "softplus_forward",
]

LEAKY_SLOPE = 0.01
SELU_SCALE, SELU_ALPHA = 1.0507009873554804934, 1.6732632423543772848


def relu_forward(z: Array, *, out: Array | None = None) -> Array:
    """Return ``max(z, 0)``; NaN stays NaN."""
    (z,) = arguments.activation(False, z=z)
    with np.errstate(all="ignore"):
        return deliver(np.where(z < 0, np.zeros_like(z), z), out)


def relu_backward(dy: Array, y: Array, *, out: Array | None = None) -> Array:
    """Return the gradient with respect to the inputs of `relu_forward`.

    Notes
    -----
    It is ``dy`` where y > 0, else ``0 * dy``: the slope at 0 is 0.
    """
    dy, y = arguments.activation(False, dy=dy, y=y)
    with np.errstate(all="ignore"):
        return deliver(dy * (y > 0).astype(dy.dtype), out)


def leaky_relu_forward(z: Array, *, out: Array | None = None) -> Array:
    """Return ``z`` where z >= 0, else ``0.01 * z``."""
    (z,) = arguments.activation(False, z=z)
    with np.errstate(all="ignore"):
        return deliver(np.where(z < 0, z.dtype.type(LEAKY_SLOPE) * z, z), out)


def leaky_relu_backward(dy: Array, y: Array, *, out: Array | None = None) -> Array:
    """Return ``dy`` where y > 0, else ``0.01 * dy``, the gradient of `leaky_relu_forward`."""
    dy, y = arguments.activation(False, dy=dy, y=y)
    with np.errstate(all="ignore"):
        slope = np.where(y > 0, dy.dtype.type(1), dy.dtype.type(LEAKY_SLOPE))
        return deliver(dy * slope, out)


def elu_forward(z: Array, *, out: Array | None = None) -> Array:
    """Return ``z`` where z >= 0, else ``exp(z) - 1``: ELU with alpha = 1.

    References
    ----------
    Clevert, Unterthiner and Hochreiter 2016, Fast and accurate deep network learning by exponential
    linear units (ELUs).
    """
    (z,) = arguments.activation(False, z=z)
    with np.errstate(all="ignore"):
        return deliver(np.where(z < 0, np.expm1(np.minimum(z, 0)), z), out)


def elu_backward(dy: Array, y: Array, *, out: Array | None = None) -> Array:
    """Return ``dy`` where y > 0, else ``dy * (y + 1)``, the gradient of `elu_forward`."""
    dy, y = arguments.activation(False, dy=dy, y=y)
    with np.errstate(all="ignore"):
        return deliver(dy * np.where(y > 0, dy.dtype.type(1), y + 1), out)


def selu_forward(z: Array, *, out: Array | None = None) -> Array:
    """Return ``scale * z`` where z >= 0, else ``scale * alpha * (exp(z) - 1)``.

    Notes
    -----
    With scale = 1.0507 and alpha = 1.6733, outputs keep a mean of 0 and a variance of 1 from layer
    to layer.

    References
    ----------
    Klambauer, Unterthiner, Mayr and Hochreiter 2017, Self-normalizing neural networks.
    """
    (z,) = arguments.activation(False, z=z)
    with np.errstate(all="ignore"):
        low = SELU_ALPHA * np.expm1(np.minimum(z, 0))
        return deliver((SELU_SCALE * np.where(z < 0, low, z)).astype(z.dtype), out)


def selu_backward(dy: Array, y: Array, *, out: Array | None = None) -> Array:
    """Return the gradient with respect to the inputs of `selu_forward`.

    Notes
    -----
    It is ``dy * scale`` where y > 0, else ``dy * (y + scale * alpha)``.
    """
    dy, y = arguments.activation(False, dy=dy, y=y)
    with np.errstate(all="ignore"):
        slope = np.where(y > 0, SELU_SCALE, y + SELU_SCALE * SELU_ALPHA)
        return deliver(dy * slope.astype(dy.dtype), out)


def softplus_forward(z: Array, *, out: Array | None = None) -> Array:
    """Return ``ln(1 + exp(z))``.

    References
    ----------
    Dugas, Bengio, Belisle, Nadeau and Garcia 2001, Incorporating second-order functional knowledge
    for better option pricing.
    """
    (z,) = arguments.activation(False, z=z)
    with np.errstate(all="ignore"):
        return deliver(np.logaddexp(z, z.dtype.type(0)), out)


def softplus_backward(dy: Array, y: Array, *, out: Array | None = None) -> Array:
    """Return the gradient with respect to the inputs of `softplus_forward`.

    Notes
    -----
    It is ``dy * (1 - exp(-y))``.
    """
    dy, y = arguments.activation(False, dy=dy, y=y)
    with np.errstate(all="ignore"):
        return deliver(dy * -np.expm1(-y), out)
