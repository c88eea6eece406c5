"""A stack of recurrent layers over sequences in packed rows.

The rows of all time steps stand one after the other, step by step. The first rows of a step are
those of the step before, so sequences of different lengths are sorted, longest first.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np

from nncore.params import Array
from nncore.reference.hashing import Scales, no_dropout
from nncore.reference.recurrent.cell import (
    Part,
    States,
    gate_sums,
    no_recurrent,
    product_gradient,
)
from nncore.reference.recurrent.cells import CELL_FUNCTIONS
from nncore.registry import CELL_ROW


class Trace(NamedTuple):
    """What a forward pass keeps for the backward pass."""

    parts: list[Part]  # of each layer, over all packed rows
    inputs: list[Array]  # of each layer after the first, dropout applied
    kept: list[Array | float]  # factors of dropout between the layers

    @property
    def outputs(self) -> Array:
        """The hidden states of the last layer, (rows, H)."""
        return self.parts[-1].states[0]


def number(layer: int) -> str:
    """Return the number with which the names of a layer's parameters end."""
    return str(layer + 1) if layer else ""


def split_states(array: Array, cell: str, hidden: list[int]) -> list[States]:
    """Return the states of each layer as views into an array (N, S)."""
    count = CELL_ROW[cell].states
    ends = list(accumulate((n for n in hidden for _ in range(count)), initial=0))
    columns = [array[:, a:b] for a, b in pairwise(ends)]
    return [tuple(columns[i : i + count]) for i in range(0, len(columns), count)]


def _slices(counts: list[int]) -> list[slice]:
    """Return the packed rows of each step from the number of sequences that run in it."""
    return [slice(a, b) for a, b in pairwise(accumulate(counts, initial=0))]


def _layer_forward(
    cell: str, whh: Array, bn: Array, xw: Array, counts: list[int], states: States
) -> Part:
    """Run one layer over all steps; the states (N, H) of the sequences change in place."""
    hidden = (len(xw), whh.shape[0])
    before, after = (tuple(np.empty(hidden, xw.dtype) for _ in states) for _ in range(2))
    part = Part(before, after, np.empty(xw.shape, xw.dtype), np.empty((len(xw), bn.size), xw.dtype))
    for at in _slices(counts):
        running = tuple(state[: at.stop - at.start] for state in states)
        step = part.rows(at)
        sums, step.recurrent[...] = gate_sums(xw[at], running[0], whh, bn)
        new, step.gates[...] = CELL_FUNCTIONS[cell].forward(sums, step.recurrent, running)
        for old, kept, result, state in zip(step.before, step.states, new, running, strict=True):
            old[...] = state
            kept[...] = state[...] = result
    return part


def _layer_backward(
    cell: str, whh: Array, part: Part, counts: list[int], dh: Array
) -> tuple[Array, Array]:
    """Return the gradients with respect to the sums of the gates and to `recurrent`, packed.

    `dh` is the gradient with respect to the outputs, without what comes from the next step.
    """
    dsums, drecurrent = np.empty_like(part.gates), np.empty_like(part.recurrent)
    first = (max(counts, default=0), whh.shape[0])
    carried = tuple(np.zeros(first, dh.dtype) for _ in part.states)
    for at in reversed(_slices(counts)):
        running = tuple(gradient[: at.stop - at.start] for gradient in carried)
        given = (running[0] + dh[at], *running[1:])
        dsums[at], drecurrent[at], passed = CELL_FUNCTIONS[cell].backward(given, part.rows(at))
        for gradient, result in zip(running, passed, strict=True):
            gradient[...] = result
        if at.start > 0:
            running[0][...] += product_gradient(dsums[at], drecurrent[at]) @ whh.T
    return dsums, drecurrent


def forward(
    cell: str,
    w: dict[str, Array],
    xw: Array,
    counts: list[int],
    states: list[States],
    scales: Scales = no_dropout,
) -> Trace:
    """Run all layers; the states of each layer change in place.

    Parameters
    ----------
    cell : str
        The name of the cell.
    w : dict of str to ndarray
        The parameters.
    xw : ndarray of shape (rows, G * H)
        The inputs of the first layer, times `wxh`, plus `bh`, packed.
    counts : list of int
        The number of sequences that run in each step, never more than in the step before.
    states : list of tuple of ndarray
        Each (N, H), for each layer.
    scales : callable
        The factors of dropout between the layers.
    """
    trace = Trace([], [], [])
    for i, layer_states in enumerate(states):
        if i:
            trace.kept.append(scales(i - 1, trace.outputs.shape))
            trace.inputs.append(trace.outputs * trace.kept[-1])
            xw = trace.inputs[-1] @ w[f"wxh{number(i)}"] + w[f"bh{number(i)}"]
        whh = w[f"whh{number(i)}"]
        bn = w.get(f"bn{number(i)}", no_recurrent(w[f"bh{number(i)}"]))
        trace.parts.append(_layer_forward(cell, whh, bn, xw, counts, layer_states))
    return trace


def backward(
    cell: str,
    w: dict[str, Array],
    trace: Trace,
    counts: list[int],
    dh: Array,
    into: dict[str, Array],
) -> list[Array]:
    """Return the gradients with respect to the inputs of each layer's gates, of the first to `xw`.

    Those with respect to all parameters except `wxh` are stored.

    `dh` (rows, H) is the gradient with respect to the outputs of the last layer.
    """
    inputs: list[Array] = []
    for i in reversed(range(len(trace.parts))):
        part, name = trace.parts[i], number(i)
        dsums, drecurrent = _layer_backward(cell, w[f"whh{name}"], part, counts, dh)
        dproduct = product_gradient(dsums, drecurrent)
        np.matmul(part.before[0].T, dproduct, out=into[f"whh{name}"])
        np.sum(dsums, axis=0, out=into[f"bh{name}"])
        if f"bn{name}" in into:
            np.sum(drecurrent, axis=0, out=into[f"bn{name}"])
        if i:
            np.matmul(trace.inputs[i - 1].T, dsums, out=into[f"wxh{name}"])
            dh = (dsums @ w[f"wxh{name}"].T) * trace.kept[i - 1]
        inputs.insert(0, dsums)
    return inputs
