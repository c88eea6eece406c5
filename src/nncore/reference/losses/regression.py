"""Regression losses. Each returns its sum over rows and outputs, and its gradient."""

from __future__ import annotations

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.params import Array

__all__ = [
    "absolute_error",
    "half_poisson_deviance",
    "half_squared_error",
    "huber",
    "log_cosh",
    "squared_error",
]


def squared_error(pred: Array, target: Array) -> tuple[float, Array]:
    """Return the sum of squared errors and its gradient.

    Parameters
    ----------
    pred : ndarray
        Predictions, of any shape, float32 or float64.
    target : ndarray
        Targets, of the same shape and dtype.

    Returns
    -------
    loss : float
        The sum of ``(pred - target)**2``.
    dpred : ndarray
        ``2 * (pred - target)``.
    """
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        d = pred - target
        return float(np.sum(np.square(d, dtype=np.float64))), np.asarray(2 * d)


def half_squared_error(pred: Array, target: Array) -> tuple[float, Array]:
    """Return half the sum of squared errors and its gradient.

    Parameters
    ----------
    pred : ndarray
        Predictions, of any shape, float32 or float64.
    target : ndarray
        Targets, of the same shape and dtype.

    Returns
    -------
    loss : float
        The sum of ``(pred - target)**2 / 2``.
    dpred : ndarray
        ``pred - target``.
    """
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        d = np.asarray(pred - target)
        wide = d.astype(np.float64)
        return float(np.sum(0.5 * wide * wide)), d


def absolute_error(pred: Array, target: Array) -> tuple[float, Array]:
    """Return the sum of absolute errors and its gradient.

    Parameters
    ----------
    pred : ndarray
        Predictions, of any shape, float32 or float64.
    target : ndarray
        Targets, of the same shape and dtype.

    Returns
    -------
    loss : float
        The sum of ``|pred - target|``.
    dpred : ndarray
        The sign of ``pred - target``, 0 where they are equal.
    """
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        d = pred - target
        return float(np.sum(np.abs(d), dtype=np.float64)), np.asarray(np.sign(d))


def huber(pred: Array, target: Array) -> tuple[float, Array]:
    """Return the Huber loss, squared near the target and absolute far from it, and its gradient.

    Parameters
    ----------
    pred : ndarray
        Predictions, of any shape, float32 or float64.
    target : ndarray
        Targets, of the same shape and dtype.

    Returns
    -------
    loss : float
        With ``d = pred - target``, the sum of ``d**2 / 2`` where ``|d| <= 1`` and of ``|d| - 1/2``
        elsewhere.
    dpred : ndarray
        ``d``, clipped to [-1, 1].

    References
    ----------
    Huber 1964, Robust estimation of a location parameter.
    """
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        d = pred - target
        size = np.abs(d.astype(np.float64))
        loss = float(np.sum(np.where(size > 1, size - 0.5, 0.5 * size * size)))
        return loss, np.asarray(np.clip(d, -1, 1))


def log_cosh(pred: Array, target: Array) -> tuple[float, Array]:
    """Return the log-cosh loss, which is smooth everywhere, and its gradient.

    Parameters
    ----------
    pred : ndarray
        Predictions, of any shape, float32 or float64.
    target : ndarray
        Targets, of the same shape and dtype.

    Returns
    -------
    loss : float
        The sum of ``ln cosh(pred - target)``.
    dpred : ndarray
        ``tanh(pred - target)``.

    Notes
    -----
    It behaves like half the squared error near 0 and like the absolute error far from it.
    """
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        d = np.asarray(pred - target)
        wide = np.abs(d.astype(np.float64))
        far = wide + np.log1p(np.exp(-2 * wide)) - np.log(2)
        near = wide**2 * (0.5 - wide**2 * (1 / 12 - wide**2 * (1 / 45 - wide**2 * (17 / 2520))))
        return float(np.sum(np.where(wide < 0.02, near, far))), np.tanh(d)


def half_poisson_deviance(pred: Array, target: Array) -> tuple[float, Array]:
    """Return half the Poisson deviance of means ``exp(pred)`` and its gradient.

    Parameters
    ----------
    pred : ndarray
        Logarithms of the means, of any shape, float32 or float64.
    target : ndarray
        Counts, at least 0, of the same shape and dtype.

    Returns
    -------
    loss : float
        The sum of ``target ln(target / mean) - target + mean``.
    dpred : ndarray
        ``exp(pred) - target``.
    """
    pred, target = arguments.loss(pred, target)
    with np.errstate(all="ignore"):
        z, t = pred.astype(np.float64), target.astype(np.float64)
        constant = np.where(t == 0, 0.0, t * np.log(t)) - t
        loss = float(np.sum(np.exp(z) - t * z + constant))
        return loss, np.asarray(np.exp(pred) - target)
