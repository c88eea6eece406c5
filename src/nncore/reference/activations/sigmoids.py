"""Identity, the bounded activations sigmoid, hard sigmoid and tanh, and softmax."""

from __future__ import annotations

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.params import Array
from nncore.reference.output import deliver

__all__ = [
    "hard_sigmoid_backward",
    "hard_sigmoid_forward",
    "identity_backward",
    "identity_forward",
    "sigmoid_backward",
    "sigmoid_forward",
    "softmax_backward",
    "softmax_forward",
    "tanh_backward",
    "tanh_forward",
]


def identity_forward(z: Array, *, out: Array | None = None) -> Array:
    """Return a copy of `z`."""
    (z,) = arguments.activation(False, z=z)
    return deliver(z.copy(), out)


def identity_backward(dy: Array, y: Array, *, out: Array | None = None) -> Array:
    """Return a copy of `dy`, the gradient with respect to the inputs of `identity_forward`."""
    dy, y = arguments.activation(False, dy=dy, y=y)
    return deliver(dy.copy(), out)


def sigmoid_forward(z: Array, *, out: Array | None = None) -> Array:
    """Return ``1 / (1 + exp(-z))``."""
    (z,) = arguments.activation(False, z=z)
    with np.errstate(all="ignore"):
        e = np.exp(-np.abs(z))
        return deliver(np.where(z < 0, e, np.ones_like(e)) / (1 + e), out)


def sigmoid_backward(dy: Array, y: Array, *, out: Array | None = None) -> Array:
    """Return ``dy * y * (1 - y)``, the gradient with respect to the inputs of `sigmoid_forward`."""
    dy, y = arguments.activation(False, dy=dy, y=y)
    with np.errstate(all="ignore"):
        return deliver(dy * (y * (1 - y)), out)


def tanh_forward(z: Array, *, out: Array | None = None) -> Array:
    """Return the hyperbolic tangent of each number."""
    (z,) = arguments.activation(False, z=z)
    with np.errstate(all="ignore"):
        return deliver(np.tanh(z), out)


def tanh_backward(dy: Array, y: Array, *, out: Array | None = None) -> Array:
    """Return ``dy * (1 - y**2)``, the gradient with respect to the inputs of `tanh_forward`."""
    dy, y = arguments.activation(False, dy=dy, y=y)
    with np.errstate(all="ignore"):
        return deliver(dy * (1 - y * y), out)


def hard_sigmoid_forward(z: Array, *, out: Array | None = None) -> Array:
    """Return ``z / 6 + 1 / 2``, clipped to [0, 1].

    Notes
    -----
    The slope is that of PyTorch and Keras; the paper has 1/2.

    References
    ----------
    Courbariaux, Bengio and David 2015, BinaryConnect: training deep neural networks with binary
    weights during propagations.
    """
    (z,) = arguments.activation(False, z=z)
    with np.errstate(all="ignore"):
        return deliver(np.clip(z * z.dtype.type(1 / 6) + z.dtype.type(0.5), 0, 1), out)


def hard_sigmoid_backward(dy: Array, y: Array, *, out: Array | None = None) -> Array:
    """Return ``dy / 6`` where 0 < y < 1, else 0, the gradient of `hard_sigmoid_forward`."""
    dy, y = arguments.activation(False, dy=dy, y=y)
    with np.errstate(all="ignore"):
        return deliver(dy * np.where((y > 0) & (y < 1), 1 / 6, 0).astype(dy.dtype), out)


def softmax_forward(z: Array, *, out: Array | None = None) -> Array:
    """Return ``exp(z) / sum(exp(z))``, with the sum over the last axis.

    Notes
    -----
    The maximum is subtracted first, so that large inputs do not overflow. At least one axis is
    required.
    """
    (z,) = arguments.activation(True, z=z)
    with np.errstate(all="ignore"):
        e = np.exp(z - z.max(axis=-1, keepdims=True, initial=-np.inf))
        return deliver(e / e.sum(axis=-1, keepdims=True), out)


def softmax_backward(dy: Array, y: Array, *, out: Array | None = None) -> Array:
    """Return the gradient with respect to the inputs of `softmax_forward`.

    Notes
    -----
    It is ``y * (dy - sum(dy * y))``. The sum is over the last axis. At least one axis is required.
    """
    dy, y = arguments.activation(True, dy=dy, y=y)
    with np.errstate(all="ignore"):
        return deliver(y * (dy - (dy * y).sum(axis=-1, keepdims=True)), out)
