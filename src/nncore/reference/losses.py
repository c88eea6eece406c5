"""Losses: each returns its sum over rows and outputs, a float, and its gradient."""

from __future__ import annotations

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.params import Array
from nncore.reference.elementwise import sigmoid_forward

__all__ = [
    "absolute_error",
    "binary_cross_entropy",
    "focal",
    "half_poisson_deviance",
    "half_squared_error",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "squared_error",
    "squared_hinge",
]


def squared_error(pred: Array, target: Array) -> tuple[float, Array]:
    """Sum of (pred - target)**2, and its gradient 2 (pred - target)."""
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        d = pred - target
        return float(np.sum(np.square(d, dtype=np.float64))), np.asarray(2 * d)


def half_squared_error(pred: Array, target: Array) -> tuple[float, Array]:
    """Sum of (pred - target)**2 / 2, and its gradient pred - target."""
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        d = np.asarray(pred - target)
        wide = d.astype(np.float64)
        return float(np.sum(0.5 * wide * wide)), d


def absolute_error(pred: Array, target: Array) -> tuple[float, Array]:
    """Sum of |pred - target|, and its gradient: the sign, 0 at 0."""
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        d = pred - target
        return float(np.sum(np.abs(d), dtype=np.float64)), np.asarray(np.sign(d))


def huber(pred: Array, target: Array) -> tuple[float, Array]:
    """Sum of d**2 / 2 where |d| <= 1, |d| - 1/2 beyond, d = pred - target (Huber 1964)."""
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        d = pred - target
        size = np.abs(d.astype(np.float64))
        loss = float(np.sum(np.where(size > 1, size - 0.5, 0.5 * size * size)))
        return loss, np.asarray(np.clip(d, -1, 1))


def binary_cross_entropy(pred: Array, target: Array) -> tuple[float, Array]:
    """Sum of -(target ln pred + (1 - target) ln(1 - pred)), in nats, and its gradient.

    pred are probabilities, clipped to [epsilon, 1 - epsilon] of the dtype, so that
    exact 0 and 1 give a finite loss and gradient.
    """
    pred, target = arguments.loss(pred, target)
    low = np.finfo(pred.dtype).eps
    with np.errstate(all="ignore"):
        p = np.clip(pred, low, 1 - low)
        dpred = (p - target) / (p * (1 - p))
        q, t = p.astype(np.float64), target.astype(np.float64)
        return float(-np.sum(t * np.log(q) + (1 - t) * np.log(1 - q))), np.asarray(dpred)


def sigmoid_cross_entropy(pred: Array, target: Array) -> tuple[float, Array]:
    """binary_cross_entropy of sigmoid(pred), from the logits, and its gradient by the logits.

    Sum of max(z, 0) - z target + ln(1 + exp(-|z|)), z = pred: no probability is rounded to 0
    or 1. The gradient is sigmoid(z) - target.
    """
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        z, t = pred.astype(np.float64), target.astype(np.float64)
        loss = np.maximum(z, 0) - z * t + np.log(1 + np.exp(-np.abs(z)))
        return float(np.sum(loss)), np.asarray(sigmoid_forward(pred) - target)


def half_poisson_deviance(pred: Array, target: Array) -> tuple[float, Array]:
    """Half the Poisson deviance of means exp(pred), and its gradient by pred, exp(pred) - target.

    Sum of target ln(target / mean) - target + mean. pred are the logs of the means, so that no
    mean is 0 or below; targets are counts, 0 or more.
    """
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        z, t = pred.astype(np.float64), target.astype(np.float64)
        constant = np.where(t == 0, 0.0, t * np.log(t)) - t
        loss = float(np.sum(np.exp(z) - t * z + constant))
        return loss, np.asarray(np.exp(pred) - target)


def softmax_cross_entropy(logits: Array, labels: Array) -> tuple[float, Array]:
    """Sum over rows of -ln softmax(logits)[label], in nats, and dlogits = softmax - one-hot.

    logits (N, V), labels (N,) of any integer type, 0 to V - 1.
    """
    logits, labels = arguments.softmax_cross_entropy(logits, labels)
    if logits.size == 0:
        return 0.0, logits.copy()
    with np.errstate(all="ignore"):
        shifted = logits - logits.max(axis=1, keepdims=True)
        e = np.exp(shifted)
        total = e.sum(axis=1, keepdims=True)
        rows = np.arange(len(labels))
        chosen = shifted[rows, labels].astype(np.float64)
        dlogits = e / total
        dlogits[rows, labels] -= 1
        return float(np.sum(np.log(total[:, 0].astype(np.float64)) - chosen)), dlogits


def log_cosh(pred: Array, target: Array) -> tuple[float, Array]:
    """Sum of ln cosh(pred - target), and its gradient tanh(pred - target).

    Like squared error near 0, like absolute error far from it.
    """
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        d = np.asarray(pred - target)
        wide = np.abs(d.astype(np.float64))
        far = wide + np.log1p(np.exp(-2 * wide)) - np.log(2)
        near = wide**2 * (0.5 - wide**2 * (1 / 12 - wide**2 * (1 / 45 - wide**2 * (17 / 2520))))
        return float(np.sum(np.where(wide < 0.02, near, far))), np.tanh(d)


def hinge(pred: Array, target: Array) -> tuple[float, Array]:
    """Sum of max(0, 1 - target pred), and its gradient: -target where that is above 0, else 0.

    Targets are -1 and 1 (Cortes and Vapnik 1995).
    """
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        product = np.asarray(pred * target)
        wide = 1 - pred.astype(np.float64) * target.astype(np.float64)
        slope = np.where(product >= 1, product.dtype.type(0), product)  # NaN stays
        slope = np.where(product < 1, -target, slope)
        return float(np.sum(np.where(wide < 0, 0, wide))), slope


def squared_hinge(pred: Array, target: Array) -> tuple[float, Array]:
    """Sum of max(0, 1 - target pred)**2, and its gradient -2 target max(0, 1 - target pred).

    Targets are -1 and 1.
    """
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        wide = 1 - pred.astype(np.float64) * target.astype(np.float64)
        margin = 1 - pred * target
        slope = -2 * target * np.where(margin < 0, margin.dtype.type(0), margin)
        return float(np.sum(np.where(wide < 0, 0, wide) ** 2)), np.asarray(slope)


def kl_divergence(pred: Array, target: Array) -> tuple[float, Array]:
    """Sum of target ln(target / pred), in nats, and its gradient -target / pred.

    The Kullback-Leibler divergence of rows of probabilities; where target is 0 there is no term.
    pred are probabilities, clipped from below to epsilon of the dtype.
    """
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        low = np.finfo(pred.dtype).eps
        p = np.where(pred < low, low, pred).astype(pred.dtype)
        q, t = p.astype(np.float64), target.astype(np.float64)
        loss = np.where(t == 0, 0.0, t * (np.log(t) - np.log(q)))
        return float(np.sum(loss)), np.asarray(-target / p)


def focal(pred: Array, target: Array) -> tuple[float, Array]:
    """Sum of binary cross-entropies weighted by how wrong they are, and its gradient by the logits.

    Each is multiplied by the square of 1 minus the probability of its target, so that rows that
    are classified well count little (Lin et al. 2017, gamma 2 and no balancing). pred are logits.
    """
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        z, t = pred.astype(np.float64), target.astype(np.float64)
        q, other = sigmoid_forward(z), sigmoid_forward(-z)
        low, high = np.logaddexp(0, -z), np.logaddexp(0, z)
        loss = t * (other**2 * low) + (1 - t) * (q**2 * high)
        q, other = sigmoid_forward(pred), sigmoid_forward(-pred)
        low, high = np.logaddexp(0, -pred), np.logaddexp(0, pred)
        right = -target * (other * other * (2 * q * low + other))
        slope = right + (1 - target) * (q * q * (2 * other * high + q))
        return float(np.sum(loss)), slope.astype(pred.dtype)
