"""A forward and a backward pass of a multi-layer perceptron, with every intermediate result."""

from __future__ import annotations

import numpy as np

from nncore.mlp.state import MLPState
from nncore.params import Array
from nncore.registry import ACTIVATION_ROW, LOSS_ROW
from nncore.trace import Trace


@np.errstate(all="ignore")
def trace(model: MLPState, x: Array, y: Array) -> Trace:
    """Run both passes with the backend's single kernels, for x (N, I) and y as kernels read it."""
    result, x = Trace(), x.astype(model.dtype)
    result.note("x", x, "")
    outputs = _trace_forward(model, x, result)
    result.note("y", y.copy(), "")
    total, gradient = getattr(model._ops, model._kernel_loss)(outputs, y)
    last = len(model.activations)
    penalties = " + penalties" if model.l1 or model.l2 else ""
    objective = float(total) / len(x) + _penalty(model, result)
    result.note("loss", objective, f"{model.loss_name}(a{last}, y){penalties}")
    _trace_backward(model, gradient / x.dtype.type(len(x)), result)
    return result


def _from_logits(model: MLPState) -> bool:
    """Whether the loss is computed from the last z instead of the last a."""
    return bool(LOSS_ROW[model._kernel_loss].takes_logits)


def _before(layer: int) -> str:
    """Return the name of a layer's input."""
    return f"a{layer - 1}" if layer > 1 else "x"


def _trace_forward(model: MLPState, x: Array, result: Trace) -> Array:
    """Note the arrays of the forward pass; return those from which the loss is computed."""
    ops, parameters, a = model._ops, model.parameters, x
    for i, activation in enumerate(model.activations, start=1):
        w, b = (parameters[f"{letter}{i}"].copy() for letter in "wb")
        result.note(f"w{i}", w, "")
        result.note(f"b{i}", b, "")
        z = ops.linear_forward(a, w, b)
        result.note(f"z{i}", z, f"{_before(i)} @ w{i} + b{i}")
        a = getattr(ops, f"{activation}_forward")(z)
        result.note(f"a{i}", a, f"{activation}(z{i})")
    return z if _from_logits(model) else a


def _penalty(model: MLPState, result: Trace) -> float:
    """Return the penalties of all weights."""
    weights = [result[f"w{i}"] for i in range(1, len(model.activations) + 1)]
    penalty = 0.0
    if model.l1:
        penalty += model.l1 * sum(float(np.abs(w).sum(dtype=np.float64)) for w in weights)
    if model.l2:
        squares = (float(np.square(w, dtype=np.float64).sum()) for w in weights)
        penalty += model.l2 / 2 * sum(squares)
    return penalty


def _trace_backward(model: MLPState, gradient: Array, result: Trace) -> None:
    """Note the arrays of the backward pass, from the gradient with respect to the outputs."""
    last = len(model.activations)
    for i in range(last, 0, -1):
        if i == last and _from_logits(model):
            labels = "one-hot " if result["y"].ndim == 1 else ""
            residual = LOSS_ROW[model._kernel_loss].of_residuals
            slope = f"(a{i} - {labels}y)" if residual else f"{model.loss_name}'(z{i}, y)"
            result.note(f"dz{i}", gradient, f"{slope} / {len(gradient)}")
        else:
            after = f"dz{i + 1} @ w{i + 1}.T" if i < last else f"{model.loss_name}'(a{i}, y)"
            result.note(f"da{i}", gradient, after)
            _trace_slope(model, i, result)
        gradient = _trace_linear(model, i, result)


def _trace_slope(model: MLPState, i: int, result: Trace) -> None:
    """Note the gradient with respect to a layer's z."""
    activation = model.activations[i - 1]
    known = "z" if ACTIVATION_ROW[activation].slope_from_input else "a"
    backward = getattr(model._ops, f"{activation}_backward")
    dz = backward(result[f"da{i}"], result[f"{known}{i}"])
    result.note(f"dz{i}", dz, f"da{i} * {activation}'(z{i})")


def _trace_linear(model: MLPState, i: int, result: Trace) -> Array:
    """Note the gradients of a layer's parameters; return the gradient of its inputs."""
    w, dtype = result[f"w{i}"], model.dtype.type
    da, dw, db = model._ops.linear_backward(result[f"dz{i}"], result[_before(i)], w)
    dw = dw + dtype(model.l1) * np.sign(w) + dtype(model.l2) * w
    penalties = f" + l1 sign(w{i})" if model.l1 else ""
    penalties += f" + l2 w{i}" if model.l2 else ""
    result.note(f"dw{i}", dw, f"{_before(i)}.T @ dz{i}{penalties}")
    result.note(f"db{i}", db, f"sum of the rows of dz{i}")
    return np.asarray(da)
