"""exp, log and the activations.

`reference` completes the docstrings with the sections Parameters and Returns.
"""

from __future__ import annotations

import math

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.params import Array
from nncore.reference.output import deliver

__all__ = [
    "elu_backward",
    "elu_forward",
    "exp",
    "gelu_backward",
    "gelu_forward",
    "hard_sigmoid_backward",
    "hard_sigmoid_forward",
    "identity_backward",
    "identity_forward",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "log",
    "relu_backward",
    "relu_forward",
    "selu_backward",
    "selu_forward",
    "sigmoid_backward",
    "sigmoid_forward",
    "silu_backward",
    "silu_forward",
    "softmax_backward",
    "softmax_forward",
    "softplus_backward",
    "softplus_forward",
    "tanh_backward",
    "tanh_forward",
]

LEAKY_SLOPE = 0.01


def exp(x: Array, *, out: Array | None = None) -> Array:
    """Return the exponential of each number."""
    (x,) = arguments.activation(False, x=x)
    with np.errstate(all="ignore"):
        return deliver(np.exp(x), out)


def log(x: Array, *, out: Array | None = None) -> Array:
    """Return the natural logarithm of each number: -inf for 0, NaN for negative numbers."""
    (x,) = arguments.activation(False, x=x)
    with np.errstate(all="ignore"):
        return deliver(np.log(x), out)


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


SELU_SCALE, SELU_ALPHA = 1.0507009873554804934, 1.6732632423543772848


def selu_forward(z: Array, *, out: Array | None = None) -> Array:
    """Return ``scale * z`` where z >= 0, else ``scale * alpha * (exp(z) - 1)``.

    Notes
    -----
    With scale = 1.0507 and alpha = 1.6733, outputs of mean 0 and variance 1 keep them from layer
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
    """Return t = abs(z) up to where the rest is 0, 1 - Phi(t), and the density at t, in float64.

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
    It is ``dy * (Phi(z) + z * phi(z))`` with the normal density phi.
    """
    dy, z = arguments.activation(False, dy=dy, z=z)
    with np.errstate(all="ignore"):
        t, tail, density = _normal(z)
        low = tail - t * density  # the slope at -t
        return deliver(dy * np.where(z < 0, low, 1 - low).astype(dy.dtype), out)
