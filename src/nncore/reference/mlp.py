"""The multi-layer perceptron: prediction, evaluation, and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nncore.arguments import mlp as mlp_arguments
from nncore.arguments.mlp import ACTIVATION, INPUTS, OUTPUTS
from nncore.params import Array, mlp_shapes, views
from nncore.reference import activations
from nncore.reference.hashing import Scales, no_dropout
from nncore.reference.layers import linear_backward, linear_forward
from nncore.reference.mean_loss import mean_loss, row_fractions
from nncore.reference.output import deliver
from nncore.registry import ACTIVATION_ROWS, ACTIVATIONS
from nncore.sparse import SparseRows

__all__ = [
    "mlp_evaluate",
    "mlp_gradients",
    "mlp_predict",
]

Rows = Any  # an array (N, I), or sparse rows


def _parameters(vector: Array, layers: Array) -> list[tuple[Array, Array]]:
    """Return the weights and biases of each layer as views into a flat vector."""
    sizes = [int(layers[0, INPUTS]), *map(int, layers[:, OUTPUTS])]
    arrays = list(views(vector, mlp_shapes(sizes)).values())
    return list(zip(arrays[::2], arrays[1::2], strict=True))


def _activation(layer: Array, direction: str) -> Callable[..., Array]:
    name = ACTIVATIONS[int(layer[ACTIVATION])]
    function: Callable[..., Array] = getattr(activations, f"{name}_{direction}")
    return function


def _slope_from(layer: Array, z: Array, a: Array) -> Array:
    """Return the input or the output of an activation, from which its slope is computed."""
    return z if ACTIVATION_ROWS[int(layer[ACTIVATION])].slope_from_input else a


def _forward(
    weights: Array, layers: Array, x: Array, scales: Scales = no_dropout
) -> tuple[list[Array], list[Array], list[Array], list[Array | float]]:
    """Return for each layer its inputs, weighted sums, outputs and factors of dropout."""
    inputs, sums, outputs, kept = [x], [], [], []
    for i, (w, b) in enumerate(_parameters(weights, layers)):
        sums.append(linear_forward(inputs[-1], w, b))
        outputs.append(_activation(layers[i], "forward")(sums[-1]))
        if i < len(layers) - 1:
            kept.append(scales(i, outputs[-1].shape))
            inputs.append(outputs[-1] * kept[-1])
    return inputs, sums, outputs, kept


def dense(x: Array | SparseRows) -> Array:
    """Return rows as a dense array."""
    return x.toarray() if isinstance(x, SparseRows) else x


def mlp_predict(weights: Array, layers: Array, x: Rows, *, out: Array | None = None) -> Array:
    """Return the outputs of a multi-layer perceptron.

    Parameters
    ----------
    weights : ndarray of shape (P,)
        Flat vector with the layout of `nncore.params.mlp_shapes`, float32 or float64.
    layers : ndarray of int64 of shape (L, 3)
        The number of inputs, the number of outputs and the activation of each layer, as its index
        in `nncore.registry.ACTIVATIONS`.
    x : ndarray or sparse matrix of shape (N, I)
        The inputs, which are converted to the dtype of the weights. A sparse matrix has the
        interface of SciPy's CSR format.
    out : ndarray of shape (N, O), optional
        Where the result is stored. It may overlap the inputs.

    Returns
    -------
    ndarray of shape (N, O)

    Raises
    ------
    TypeError, ValueError, IndexError
        If an array has the wrong type or shape, or the indices of a sparse matrix are invalid.

    Notes
    -----
    The compiled kernel treats subnormal numbers as 0.
    """
    x = dense(mlp_arguments.predict(weights, layers, x)[2])
    with np.errstate(all="ignore"):
        return deliver(_forward(weights, layers, x.astype(weights.dtype))[2][-1], out)


def gradients_into(
    weights: Array,
    layers: Array,
    x: Array,
    y: Array,
    loss: str,
    l1: float,
    l2: float,
    fractions: Array | None,
    into: Array,
    scales: Scales = no_dropout,
) -> tuple[float, float]:
    """Return the objective and the penalties in it; store the flat gradient in `into`."""
    inputs, sums, outputs, kept = _forward(weights, layers, x.astype(weights.dtype), scales)
    penalty = 0.0
    objective, gradient = mean_loss(loss, outputs[-1], y, fractions)
    parameters, gradients = _parameters(weights, layers), _parameters(into, layers)
    for i in reversed(range(len(layers))):
        known = _slope_from(layers[i], sums[i], outputs[i])
        dz = _activation(layers[i], "backward")(gradient, known)
        (w, _), (dw, db) = parameters[i], gradients[i]
        gradient, dw[...], db[...] = linear_backward(dz, inputs[i], w)
        if i:
            gradient = gradient * kept[i - 1]
        wide = w.astype(np.float64)
        if l1:  # 0 times an infinite weight would be NaN
            penalty += l1 * float(np.sum(np.abs(wide)))
            dw += l1 * np.sign(w)
        if l2:
            penalty += l2 / 2 * float(np.sum(wide * wide))
            dw += l2 * w
    return objective + penalty, penalty


def mlp_gradients(
    weights: Array,
    layers: Array,
    x: Rows,
    y: Array,
    *,
    loss: str,
    l1: float = 0.0,
    l2: float = 0.0,
    sample_weight: Array | None = None,
    out: Array | None = None,
) -> tuple[float, Array]:
    """Return the objective of a multi-layer perceptron and its gradient.

    Parameters
    ----------
    weights, layers, x
        As for `mlp_predict`.
    y : ndarray of shape (N, O), or of intp of shape (N,)
        The targets; class labels for losses that take labels.
    loss : str
        A name in `nncore.registry.LOSSES`, applied to the outputs.
    l1, l2 : float
        Factors of the penalties, at least 0.
    sample_weight : ndarray of shape (N,), optional
        Weights of the rows.
    out : ndarray of shape (P,), optional
        Where the gradient is stored. It may overlap the other arrays.

    Returns
    -------
    objective : float
        The mean over rows, weighted by `sample_weight`, of the loss summed over outputs, plus `l1`
        times the sum of ``|w|`` and ``l2 / 2`` times the sum of ``w**2`` over all weights without
        the biases.
    gradient : ndarray of shape (P,)
        Gradient of the objective with respect to `weights`.

    Raises
    ------
    TypeError, ValueError, IndexError
        If an array has the wrong type or shape, or a label or an index is out of range.

    Notes
    -----
    The compiled kernel treats subnormal numbers as 0.
    """
    x = dense(mlp_arguments.gradients(weights, layers, x, y, loss, l1, l2, sample_weight)[2])
    gradient = np.zeros_like(weights)
    with np.errstate(all="ignore"):
        fractions = row_fractions(sample_weight)
        objective, _ = gradients_into(weights, layers, x, y, loss, l1, l2, fractions, gradient)
    return objective, deliver(gradient, out)


def mlp_evaluate(
    weights: Array,
    layers: Array,
    x: Rows,
    y: Array,
    *,
    loss: str,
    sample_weight: Array | None = None,
) -> tuple[float, Array]:
    """Return the mean loss of a multi-layer perceptron, and its outputs.

    Parameters
    ----------
    weights, layers, x, y, loss, sample_weight
        As for `mlp_gradients`.

    Returns
    -------
    loss : float
        The objective of `mlp_gradients` without penalties, to the last bit.
    outputs : ndarray of shape (N, O)

    Raises
    ------
    TypeError, ValueError, IndexError
        If an array has the wrong type or shape, or a label or an index is out of range.

    Notes
    -----
    The compiled kernel treats subnormal numbers as 0.
    """
    x = dense(mlp_arguments.gradients(weights, layers, x, y, loss, 0.0, 0.0, sample_weight)[2])
    with np.errstate(all="ignore"):
        outputs = _forward(weights, layers, x.astype(weights.dtype))[2][-1]
        return mean_loss(loss, outputs, y, row_fractions(sample_weight))[0], outputs
