"""Classification losses. Each returns its sum over rows and outputs, and its gradient."""

from __future__ import annotations

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.params import Array
from nncore.reference.activations import sigmoid_forward

__all__ = [
    "binary_cross_entropy",
    "focal",
    "hinge",
    "kl_divergence",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "squared_hinge",
]


def binary_cross_entropy(pred: Array, target: Array) -> tuple[float, Array]:
    """Return the cross-entropy of probabilities and its gradient.

    Parameters
    ----------
    pred : ndarray
        Probabilities, of any shape, float32 or float64.
    target : ndarray
        Probabilities, such as the classes 0 and 1, of the same shape and dtype.

    Returns
    -------
    loss : float
        The sum of ``-(target ln pred + (1 - target) ln(1 - pred))``, in nats.
    dpred : ndarray
        ``(pred - target) / (pred * (1 - pred))``.

    Notes
    -----
    Predictions are clipped to [epsilon, 1 - epsilon], where epsilon is the machine epsilon of the
    dtype, so that loss and gradient are finite for predictions of exactly 0 and 1.
    """
    pred, target = arguments.loss(pred, target)
    low = np.finfo(pred.dtype).eps
    with np.errstate(all="ignore"):
        p = np.clip(pred, low, 1 - low)
        dpred = (p - target) / (p * (1 - p))
        q, t = p.astype(np.float64), target.astype(np.float64)
        return float(-np.sum(t * np.log(q) + (1 - t) * np.log(1 - q))), np.asarray(dpred)


def sigmoid_cross_entropy(pred: Array, target: Array) -> tuple[float, Array]:
    """Return the binary cross-entropy of ``sigmoid(pred)``, computed from logits, and its gradient.

    Parameters
    ----------
    pred : ndarray
        Logits, of any shape, float32 or float64.
    target : ndarray
        Probabilities, such as the classes 0 and 1, of the same shape and dtype.

    Returns
    -------
    loss : float
        The sum of ``max(z, 0) - z * target + ln(1 + exp(-|z|))`` with ``z = pred``, in nats.
    dpred : ndarray
        ``sigmoid(pred) - target``.

    Notes
    -----
    Because no probability is rounded to 0 or 1, the loss is exact for logits of any size.
    """
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        z, t = pred.astype(np.float64), target.astype(np.float64)
        loss = np.maximum(z, 0) - z * t + np.log(1 + np.exp(-np.abs(z)))
        return float(np.sum(loss)), np.asarray(sigmoid_forward(pred) - target)


def softmax_cross_entropy(logits: Array, labels: Array) -> tuple[float, Array]:
    """Return the cross-entropy of ``softmax(logits)``, summed over rows, and its gradient.

    Parameters
    ----------
    logits : ndarray of shape (N, V)
        One row for each example, one column for each class; float32 or float64.
    labels : ndarray of shape (N,)
        The class of each row, 0 to V - 1, of any integer type.

    Returns
    -------
    loss : float
        The sum over rows of ``-ln softmax(logits)[label]``, in nats.
    dlogits : ndarray of shape (N, V)
        ``softmax(logits)`` minus the one-hot labels.

    Raises
    ------
    IndexError
        If a label is outside 0 to V - 1.
    """
    logits, labels = arguments.softmax_cross_entropy(logits, labels)
    with np.errstate(all="ignore"):
        return checked_cross_entropy(logits, labels)


def checked_cross_entropy(logits: Array, labels: Array) -> tuple[float, Array]:
    """Return the results of `softmax_cross_entropy` for arguments that are checked."""
    if logits.size == 0:
        return 0.0, logits.copy()
    shifted = logits - logits.max(axis=1, keepdims=True)
    e = np.exp(shifted)
    total = e.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    chosen = shifted[rows, labels].astype(np.float64)
    dlogits = e / total
    dlogits[rows, labels] -= 1
    return float(np.sum(np.log(total[:, 0].astype(np.float64)) - chosen)), dlogits


def focal(pred: Array, target: Array) -> tuple[float, Array]:
    """Return the focal loss of ``sigmoid(pred)``, computed from logits, and its gradient.

    Parameters
    ----------
    pred : ndarray
        Logits, of any shape, float32 or float64.
    target : ndarray
        Probabilities, such as the classes 0 and 1, of the same shape and dtype.

    Returns
    -------
    loss : float
        The sum of ``(1 - q)**2 * -ln q``, in nats, with q the probability that is predicted for
        the true class. Targets between 0 and 1 mix the terms of both classes.
    dpred : ndarray
        Gradient with respect to the logits.

    Notes
    -----
    Examples that are classified well contribute little. The exponent gamma is 2, and the classes
    are not weighted (alpha).

    References
    ----------
    Lin, Goyal, Girshick, He and Dollar 2017, Focal loss for dense object detection.
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


def hinge(pred: Array, target: Array) -> tuple[float, Array]:
    """Return the hinge loss and its gradient.

    Parameters
    ----------
    pred : ndarray
        Scores, of any shape, float32 or float64; their sign is the predicted class.
    target : ndarray
        The classes, -1 and 1, of the same shape and dtype.

    Returns
    -------
    loss : float
        The sum of ``max(0, 1 - target * pred)``.
    dpred : ndarray
        ``-target`` where ``target * pred < 1``, 0 elsewhere.

    References
    ----------
    Cortes and Vapnik 1995, Support-vector networks.
    """
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        product = np.asarray(pred * target)
        wide = 1 - pred.astype(np.float64) * target.astype(np.float64)
        slope = np.where(product >= 1, product.dtype.type(0), product)  # NaN stays
        slope = np.where(product < 1, -target, slope)
        return float(np.sum(np.where(wide < 0, 0, wide))), slope


def squared_hinge(pred: Array, target: Array) -> tuple[float, Array]:
    """Return the squared hinge loss and its gradient.

    Parameters
    ----------
    pred : ndarray
        Scores, of any shape, float32 or float64; their sign is the predicted class.
    target : ndarray
        The classes, -1 and 1, of the same shape and dtype.

    Returns
    -------
    loss : float
        The sum of ``max(0, 1 - target * pred)**2``.
    dpred : ndarray
        ``-2 * target * max(0, 1 - target * pred)``.
    """
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        wide = 1 - pred.astype(np.float64) * target.astype(np.float64)
        margin = 1 - pred * target
        slope = -2 * target * np.where(margin < 0, margin.dtype.type(0), margin)
        return float(np.sum(np.where(wide < 0, 0, wide) ** 2)), np.asarray(slope)


def kl_divergence(pred: Array, target: Array) -> tuple[float, Array]:
    """Return the Kullback-Leibler divergence of `target` from `pred` and its gradient.

    Parameters
    ----------
    pred : ndarray
        Probabilities, of any shape, float32 or float64.
    target : ndarray
        Probabilities, of the same shape and dtype.

    Returns
    -------
    loss : float
        The sum of ``target ln(target / pred)``, in nats; terms with a target of 0 are 0.
    dpred : ndarray
        ``-target / pred``.

    Notes
    -----
    Predictions below the machine epsilon of the dtype are raised to it.

    References
    ----------
    Kullback and Leibler 1951, On information and sufficiency.
    """
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        low = np.finfo(pred.dtype).eps
        p = np.where(pred < low, low, pred).astype(pred.dtype)
        q, t = p.astype(np.float64), target.astype(np.float64)
        loss = np.where(t == 0, 0.0, t * (np.log(t) - np.log(q)))
        return float(np.sum(loss)), np.asarray(-target / p)
