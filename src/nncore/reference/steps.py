"""One step of a training loop: clipping of gradients, and an update rule by its name, in place."""

from __future__ import annotations

import math

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.checks import positive_number
from nncore.params import Array
from nncore.reference import updates
from nncore.registry import UPDATE_ROW, UpdateRule

__all__ = ["clip_by_norm", "clip_by_value"]


def update_by(
    rule: UpdateRule,
    rate: float,
    step: int,
    w: Array,
    g: Array,
    slots: Array,
    clip_value: float,
    clip_norm: float,
) -> None:
    """Clip the gradient, unless the limits are 0, and take one optimizer step."""
    if clip_norm > 0:
        clip_by_norm(g, clip_norm)
    if clip_value > 0:
        clip_by_value(g, clip_value)
    row = UPDATE_ROW[rule.kind]
    constants = {constant.name: getattr(rule, constant.field) for constant in row.constants}
    if rule.epsilon_hat:
        constants["epsilon"] = rule.epsilon / math.sqrt(1 - rule.decay2**step)
    if row.takes_step:
        constants["step"] = step
    update = getattr(updates, f"{rule.kind}_update")
    update(w, g, *slots, learning_rate=rate, **constants)


def clip_by_value(grads: Array, limit: float) -> None:
    """Clip every number of `grads` to [-limit, limit], in place; NaN stays NaN.

    Parameters
    ----------
    grads : ndarray
        Gradients, of any shape, float32 or float64.
    limit : float
        A positive number.

    Raises
    ------
    TypeError, ValueError
        If `grads` is not a writable array of floats, or `limit` is not a positive number.
    """
    at = positive_number("limit", limit)
    (array,) = arguments.in_place(grads=grads)
    with np.errstate(all="ignore"):
        np.clip(array, -at, at, out=array)
    arguments.write_back([array], [grads])


def clip_by_norm(grads: Array, limit: float) -> float:
    """Scale `grads` in place so that its Euclidean norm is at most `limit`.

    Parameters
    ----------
    grads : ndarray
        Gradients, of any shape, float32 or float64.
    limit : float
        A positive number.

    Returns
    -------
    float
        The norm before scaling.

    Raises
    ------
    TypeError, ValueError
        If `grads` is not a writable array of floats, or `limit` is not a positive number.
    """
    at = positive_number("limit", limit)
    (array,) = arguments.in_place(grads=grads)
    with np.errstate(all="ignore"):
        norm = float(np.sqrt(np.sum(np.square(array, dtype=np.float64))))
        if norm > at:
            array *= at / norm
    arguments.write_back([array], [grads])
    return norm
