"""A stack of recurrent layers from ids to logits of ids, and windows of ids from a text."""

from __future__ import annotations

import numpy as np

from nncore.params import Array
from nncore.reference.hashing import Scales, no_dropout
from nncore.reference.losses.classification import checked_cross_entropy
from nncore.reference.recurrent import stack
from nncore.reference.recurrent.stack import Trace


def _hidden(w: dict[str, Array]) -> list[int]:
    """Return the number of units of each layer."""
    return [array.shape[0] for name, array in w.items() if name.startswith("whh")]


def forward(
    cell: str, w: dict[str, Array], inputs: Array, h0: Array, scales: Scales = no_dropout
) -> tuple[Trace, Array, Array]:
    """Return the trace of ids (T, N), the states (N, S) after it, and logits (T * N, V)."""
    steps, streams = inputs.shape
    last = h0.copy()
    states = stack.split_states(last, cell, _hidden(w))
    xw = w["wxh"][inputs.reshape(-1)] + w["bh"]
    trace = stack.forward(cell, w, xw, [streams] * steps, states, scales)
    return trace, last, trace.outputs @ w["why"] + w["by"]


def gradients(
    cell: str,
    w: dict[str, Array],
    inputs: Array,
    targets: Array,
    h0: Array,
    into: dict[str, Array],
    scales: Scales = no_dropout,
) -> tuple[float, Array]:
    """Return loss and last states of a window of ids (T, N); the gradients are stored in `into`."""
    streams = inputs.shape[1]
    trace, last, logits = forward(cell, w, inputs, h0, scales)
    loss, dlogits = checked_cross_entropy(logits, targets.reshape(-1))
    dlogits /= streams
    np.matmul(trace.outputs.T, dlogits, out=into["why"])
    np.sum(dlogits, axis=0, out=into["by"])
    dsums, *_ = stack.backward(cell, w, trace, dlogits @ w["why"].T, into)
    into["wxh"][...] = 0
    np.add.at(into["wxh"], inputs.reshape(-1), dsums)
    return loss / streams, last


def window(text: Array, streams: int, start: int, length: int, vocabulary: int) -> Array:
    """Return the next ids (length, N) of each of the text's streams, which are equally long."""
    lines = text[: len(text) // streams * streams].reshape(streams, -1)
    ids = lines[:, start : start + length].T.astype(np.int32)
    for i in ids[ids >= vocabulary]:
        raise IndexError(f"text has id {i}, expected 0 to {vocabulary - 1}")
    return ids
