"""One forward and backward pass of a multi-layer perceptron with nothing hidden."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from nncore.mlp.state import MLPState
from nncore.params import Array
from nncore.registry import ACTIVATION_ROW, LOSS_ROW


class Trace(Mapping[str, Any]):
    """Arrays by name, in the order in which they are computed; `loss` is a float.

    x, then z1, a1, z2, a2, ... forward; loss, the objective with penalties; then da2, dz2, dw2,
    db2, da1, dz1, ... backward, each the gradient of the objective by the array it is named
    for. Its text shows them all, with their shapes and the formula of each.
    """

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._formulas: dict[str, str] = {}

    def note(self, name: str, value: Any, formula: str) -> None:
        """Add what was computed, and how."""
        self._values[name], self._formulas[name] = value, formula

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        lines = []
        for name, value in self.items():
            head = f"{name} = {self._formulas[name]}" if self._formulas[name] else name
            if isinstance(value, float):
                lines.append(f"{head} = {value:.8g}")
                continue
            shape = " x ".join(map(str, value.shape))
            rows = np.array2string(value, precision=8, suppress_small=True, threshold=200)
            lines.append(f"{head}   ({shape})")
            lines += [f"    {row}" for row in rows.splitlines()]
        return "\n".join(lines)


@np.errstate(all="ignore")
def trace(model: MLPState, x: Array, y: Array) -> Trace:
    """Run both passes with the backend's single kernels; x (N, I), y as the kernels take it."""
    ops, result, parameters = model._ops, Trace(), model.parameters
    x = x.astype(model.dtype)
    last = len(model.activations)
    result.note("x", x, "")
    a = x
    for i, activation in enumerate(model.activations, start=1):
        before = f"a{i - 1}" if i > 1 else "x"
        w, b = (parameters[f"{letter}{i}"].copy() for letter in "wb")
        result.note(f"w{i}", w, "")
        result.note(f"b{i}", b, "")
        z = ops.linear_forward(a, w, b)
        result.note(f"z{i}", z, f"{before} @ w{i} + b{i}")
        a = getattr(ops, f"{activation}_forward")(z)
        result.note(f"a{i}", a, f"{activation}(z{i})")
    result.note("y", y.copy(), "")
    from_logits = bool(LOSS_ROW[model._kernel_loss].takes_logits)
    total, da = getattr(ops, model._kernel_loss)(z if from_logits else a, y)
    rows = x.dtype.type(len(x))
    weights = [parameters[f"w{i}"] for i in range(1, last + 1)]
    penalty = 0.0
    if model.l1:
        penalty += model.l1 * sum(float(np.abs(w).sum(dtype=np.float64)) for w in weights)
    if model.l2:
        squares = (float(np.square(w, dtype=np.float64).sum()) for w in weights)
        penalty += model.l2 / 2 * sum(squares)
    formula = f"{model.loss_name}(a{last}, y)" + (" + penalties" if model.l1 or model.l2 else "")
    result.note("loss", float(total) / len(x) + penalty, formula)
    da = da / rows
    for i in range(last, 0, -1):
        activation, w = model.activations[i - 1], result[f"w{i}"]
        if i == last and from_logits:
            dz = da
            formula = f"(a{i} - {'one-hot ' if y.ndim == 1 else ''}y) / {len(x)}"
        else:
            after = f"dz{i + 1} @ w{i + 1}.T" if i < last else f"{model.loss_name}'(a{i}, y)"
            result.note(f"da{i}", da, after)
            known = "z" if ACTIVATION_ROW[activation].slope_from_input else "a"
            dz = getattr(ops, f"{activation}_backward")(da, result[f"{known}{i}"])
            formula = f"da{i} * {activation}'(z{i})"
        result.note(f"dz{i}", dz, formula)
        before = f"a{i - 1}" if i > 1 else "x"
        da, dw, db = ops.linear_backward(dz, result[before], w)
        dtype = w.dtype.type
        dw = dw + dtype(model.l1) * np.sign(w) + dtype(model.l2) * w
        penalties = "".join(
            text
            for factor, text in ((model.l1, f" + l1 sign(w{i})"), (model.l2, f" + l2 w{i}"))
            if factor
        )
        result.note(f"dw{i}", dw, f"{before}.T @ dz{i}{penalties}")
        result.note(f"db{i}", db, f"sum of the rows of dz{i}")
    return result
