"""One window of a character RNN, with every intermediate result, step by step."""

from __future__ import annotations

import numpy as np

from nncore.char_rnn.state import CharRNNState
from nncore.params import Array, views
from nncore.reference.recurrent import ids as recurrent
from nncore.reference.recurrent.cell import Part, gate_sums, no_recurrent
from nncore.reference.recurrent.cells import CELL_FUNCTIONS
from nncore.reference.recurrent.stack import number
from nncore.trace import Trace


@np.errstate(all="ignore")
def trace(model: CharRNNState, ids: Array) -> Trace:
    """Run both passes over the window of these ids (T + 1,), in plain NumPy."""
    x, y = (part.astype(np.intp) for part in (ids[:-1], ids[1:]))
    w = {name: array.copy() for name, array in model.parameters.items()}
    start = np.zeros((1, model._state_size), model.dtype)
    passed, _, logits = recurrent.forward(model.cell, w, x[:, None], start)
    gradients = views(np.zeros_like(model._weights), model._shapes)
    loss, _ = recurrent.gradients(model.cell, w, x[:, None], y[:, None], start, gradients)
    result = Trace()
    result.note("x", x, "")
    result.note("y", y, "")
    inputs = w["wxh"][x]
    for i, part in enumerate(passed.parts):
        inputs = passed.inputs[i - 1] @ w[f"wxh{number(i)}"] if i else inputs
        _trace_layer(model.cell, i, part, inputs, w, result)
    top = f"h{number(model.layers - 1)}"
    result.note("why", w["why"], "")
    result.note("by", w["by"], "")
    result.note("logits", logits, f"{top} @ why + by")
    result.note("loss", loss, "sum of the cross-entropy of softmax(logits) and y")
    for name, gradient in reversed(gradients.items()):
        result.note(f"d{name}", gradient, "")
    return result


def _trace_layer(
    cell: str, i: int, part: Part, inputs: Array, w: dict[str, Array], result: Trace
) -> None:
    """Note the parameters of a layer, the sums of its gates, its gates and its states."""
    at, formulas = number(i), CELL_FUNCTIONS[cell].formulas
    for name in ("wxh", "whh", "bh", "bn"):
        if f"{name}{at}" in w:
            result.note(f"{name}{at}", w[f"{name}{at}"], "")
    bias = w[f"bh{at}"]
    bn = w.get(f"bn{at}", no_recurrent(bias))
    sums, product = gate_sums(inputs + bias, part.before[0], w[f"whh{at}"], bn)
    before = f"h{number(i - 1)} @ wxh{at}" if i else "wxh[x]"
    columns = " (u in the last columns instead)" if bn.size else ""
    result.note(f"s{at}", sums, f"{before} + bh{at} + h{at}_prev @ whh{at}{columns}")
    if bn.size:
        result.note(f"u{at}", product, f"h{at}_prev @ (last columns of whh{at}) + bn{at}")
    gates = list(formulas)[: len(formulas) - len(part.states)]
    values = dict(zip(gates, np.split(part.gates, len(gates) or 1, axis=1), strict=False))
    values |= reversed(list(zip(list(formulas)[len(gates) :], part.states, strict=True)))
    for name, value in values.items():
        result.note(f"{name}{at}", value, formulas[name])
