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

    layers: list[list[Part]]  # of each layer, what it computed in each step
    outputs_of: list[Array]  # of each layer, the hidden states of all packed rows
    inputs: list[Array]  # of each layer after the first, dropout applied
    kept: list[Array | float]  # factors of dropout between the layers

    @property
    def parts(self) -> list[Part]:
        """Of each layer, what it computed in all steps, in packed rows."""
        return [_packed(steps) for steps in self.layers]

    @property
    def outputs(self) -> Array:
        """The hidden states of the last layer, (rows, H)."""
        return self.outputs_of[-1]


def _packed(steps: list[Part]) -> Part:
    """Return the parts of all steps as one."""
    before, states = (
        tuple(map(np.concatenate, zip(*(getattr(step, name) for step in steps), strict=True)))
        for name in ("before", "states")
    )
    gates, recurrent = (
        np.concatenate([getattr(step, name) for step in steps]) for name in ("gates", "recurrent")
    )
    return Part(before, states, gates, recurrent)


def number(layer: int) -> str:
    """Return the number with which the names of a layer's parameters end."""
    return str(layer + 1) if layer else ""


def split_states(array: Array, cell: str, hidden: list[int]) -> list[States]:
    """Return the states of each layer as views into an array (N, S)."""
    count = CELL_ROW[cell].states
    ends = list(accumulate((n for n in hidden for _ in range(count)), initial=0))
    columns = [array[:, a:b] for a, b in pairwise(ends)]
    return [tuple(columns[i : i + count]) for i in range(0, len(columns), count)]


def _layer_forward(
    cell: str, whh: Array, bn: Array, xw: Array, counts: list[int], states: States
) -> list[Part]:
    """Run one layer over all steps; the states (N, H) of the sequences change in place."""
    steps: list[Part] = []
    after, cell_forward = tuple(state.copy() for state in states), CELL_FUNCTIONS[cell].forward
    start = 0
    for rows in counts:
        before = after if len(after[0]) == rows else tuple(state[:rows] for state in after)
        sums, recurrent = gate_sums(xw[start : start + rows], before[0], whh, bn)
        after, gates = cell_forward(sums, recurrent, before)
        steps.append(Part(before, after, gates, recurrent))
        start += rows
    for step, running in zip(steps, [*counts[1:], 0], strict=True):
        for state, result in zip(states, step.states, strict=True):
            state[running : len(result)] = result[running:]  # of the sequences that end here
    return steps


def _extended(gradient: Array, rows: int) -> Array:
    """Return the gradient with rows of 0 for the sequences that have no next step."""
    ended = np.zeros((rows - len(gradient), gradient.shape[1]), gradient.dtype)
    return np.concatenate((gradient, ended))


def _layer_backward(cell: str, whh: Array, steps: list[Part], dh: Array) -> tuple[Array, Array]:
    """Return the gradients with respect to the sums of the gates and to `recurrent`, packed.

    `dh` is the gradient with respect to the outputs, without what comes from the next step.
    """
    dsums: list[Array] = []
    drecurrent: list[Array] = []
    carried: States = (dh[:0],) * CELL_ROW[cell].states
    transposed, cell_backward, end = whh.T, CELL_FUNCTIONS[cell].backward, len(dh)
    for step in reversed(steps):
        rows = len(step.gates)
        if len(carried[0]) < rows:
            carried = tuple(_extended(gradient, rows) for gradient in carried)
        given = (carried[0] + dh[end - rows : end], *carried[1:])
        sums, recurrent, (passed, *others) = cell_backward(given, step)
        dsums.append(sums)
        drecurrent.append(recurrent)
        end -= rows
        if end:
            product = product_gradient(sums, recurrent) @ transposed
            carried = (product if passed is None else passed + product, *others)
    return np.concatenate(dsums[::-1]), np.concatenate(drecurrent[::-1])


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
    trace, counts = Trace([], [], [], []), counts or [0]  # at least one step, if without rows
    for i, layer_states in enumerate(states):
        if i:
            trace.kept.append(scales(i - 1, trace.outputs.shape))
            trace.inputs.append(trace.outputs * trace.kept[-1])
            xw = trace.inputs[-1] @ w[f"wxh{number(i)}"] + w[f"bh{number(i)}"]
        whh = w[f"whh{number(i)}"]
        bn = w.get(f"bn{number(i)}", no_recurrent(w[f"bh{number(i)}"]))
        steps = _layer_forward(cell, whh, bn, xw, counts, layer_states)
        trace.layers.append(steps)
        trace.outputs_of.append(np.concatenate([step.states[0] for step in steps]))
    return trace


def backward(
    cell: str,
    w: dict[str, Array],
    trace: Trace,
    dh: Array,
    into: dict[str, Array],
) -> list[Array]:
    """Return the gradients with respect to the inputs of each layer's gates, of the first to `xw`.

    Those with respect to all parameters except `wxh` are stored.

    `dh` (rows, H) is the gradient with respect to the outputs of the last layer.
    """
    inputs: list[Array] = []
    for i in reversed(range(len(trace.layers))):
        steps, name = trace.layers[i], number(i)
        dsums, drecurrent = _layer_backward(cell, w[f"whh{name}"], steps, dh)
        before, dproduct = (step.before[0] for step in steps), product_gradient(dsums, drecurrent)
        np.matmul(np.concatenate(list(before)).T, dproduct, out=into[f"whh{name}"])
        np.sum(dsums, axis=0, out=into[f"bh{name}"])
        if f"bn{name}" in into:
            np.sum(drecurrent, axis=0, out=into[f"bn{name}"])
        if i:
            np.matmul(trace.inputs[i - 1].T, dsums, out=into[f"wxh{name}"])
            dh = (dsums @ w[f"wxh{name}"].T) * trace.kept[i - 1]
        inputs.insert(0, dsums)
    return inputs
