"""Recurrent networks over sequences of vectors: prediction, evaluation, and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nncore.arguments import rnn as rnn_arguments
from nncore.arguments.rnn import RNNLayout
from nncore.params import Array, recurrent_shapes, views
from nncore.reference import activations
from nncore.reference.hashing import Scales, no_dropout
from nncore.reference.mean_loss import mean_loss, row_fractions
from nncore.reference.recurrent import stack
from nncore.reference.recurrent.packing import Packing, pack
from nncore.registry import ACTIVATION_ROW, CELL_ROW

__all__ = [
    "rnn_evaluate",
    "rnn_gradients",
    "rnn_predict",
]


class Forward(NamedTuple):
    """What a forward pass keeps for the backward pass."""

    x: Array  # packed
    trace: stack.Trace
    hidden: Array  # the hidden states from which the outputs follow
    sums: Array  # the inputs of the output activation
    outputs: Array


def parameters(vector: Array, net: RNNLayout) -> dict[str, Array]:
    """Return the parameters by name as views into a flat vector."""
    return views(vector, recurrent_shapes(net.sizes[0], net.hidden, net.sizes[-1], net.cell))


def _activation(net: RNNLayout, direction: str) -> Callable[..., Array]:
    function: Callable[..., Array] = getattr(activations, f"{net.activation}_{direction}")
    return function


def no_states(net: RNNLayout, sequences: int, dtype: np.dtype[np.floating]) -> Array:
    """Return the states (N, S) with which sequences begin."""
    return np.zeros((sequences, CELL_ROW[net.cell].states * sum(net.hidden)), dtype)


def forward(
    net: RNNLayout,
    weights: Array,
    x: Array,
    packing: Packing,
    state: Array,
    scales: Scales = no_dropout,
) -> Forward:
    """Run the network; state (N, S), by position, changes in place.

    The outputs are in the order of the positions if they are those of the last steps, or else of
    the packed rows.
    """
    w, packed, sorted_states = parameters(weights, net), x[packing.rows], state[packing.sorted]
    states = stack.split_states(sorted_states, net.cell, list(net.hidden))
    xw = packed @ w["wxh"] + w["bh"]
    trace = stack.forward(net.cell, w, xw, packing.counts, states, scales)
    state[packing.sorted] = sorted_states
    hidden = trace.outputs[packing.ends] if net.last else trace.outputs
    sums = hidden @ w["why"] + w["by"]
    return Forward(packed, trace, hidden, sums, _activation(net, "forward")(sums))


def backward(
    net: RNNLayout, weights: Array, run: Forward, packing: Packing, doutputs: Array, into: Array
) -> tuple[Array, list[Array]]:
    """Store the flat gradient in `into`.

    Returns the gradients with respect to the inputs of the output activation, and of each layer's
    gates.
    """
    w, g = parameters(weights, net), parameters(into, net)
    slope_from = run.sums if ACTIVATION_ROW[net.activation].slope_from_input else run.outputs
    dsums = _activation(net, "backward")(doutputs, slope_from)
    np.matmul(run.hidden.T, dsums, out=g["why"])
    np.sum(dsums, axis=0, out=g["by"])
    dh = dsums @ w["why"].T
    if net.last:
        at_ends, dh = dh, np.zeros_like(run.trace.outputs)
        dh[packing.ends] = at_ends
    dgates = stack.backward(net.cell, w, run.trace, dh, g)
    np.matmul(run.x.T, dgates[0], out=g["wxh"])
    return dsums, dgates


def output_rows(net: RNNLayout, packing: Packing, chosen: Array) -> tuple[Array, Array]:
    """Return, of each row of the outputs, the row of y and the sequence."""
    return (chosen, chosen) if net.last else (packing.rows, chosen[packing.positions])


def in_order_of_x(net: RNNLayout, packing: Packing, outputs: Array) -> Array:
    """Return the outputs in the order of x."""
    if net.last:
        return outputs
    result = np.empty_like(outputs)
    result[packing.rows] = outputs
    return result


def rnn_predict(
    weights: Array,
    x: Array,
    starts: Array,
    state: Array,
    *,
    sizes: tuple[int, ...],
    cell: str = "tanh",
    activation: str = "identity",
    last: bool = True,
) -> Array:
    """Return the outputs of a recurrent network for sequences of vectors.

    Parameters
    ----------
    weights : ndarray of shape (P,)
        Flat vector with the layout of `nncore.params.recurrent_shapes`, float32 or float64.
    x : ndarray of shape (R, I)
        The time steps of all sequences, one sequence after the other, of the dtype of the weights.
    starts : ndarray of int64 of shape (N + 1,)
        Sequence n is ``x[starts[n]:starts[n + 1]]``. Each has at least one step.
    state : ndarray of shape (N, S)
        The states before each sequence, updated in place to those after it: one layer after the
        other, the hidden states of a layer and then, for "lstm", its cell states.
    sizes : tuple of int
        The number of inputs, of hidden units of each of up to 16 recurrent layers, and of outputs.
    cell : str
        A name in `nncore.registry.CELLS`.
    activation : str
        The activation of the outputs, a name in `nncore.registry.ACTIVATIONS`.
    last : bool
        Whether the outputs are those of the last step of each sequence, or of all steps.

    Returns
    -------
    ndarray of shape (N, O) or (R, O)
        The outputs of each sequence if `last` is true, or else of each step, in the order of `x`.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type, shape or value.

    Notes
    -----
    The outputs of a step are ``activation(h @ why + by)``, where h are the hidden states of the
    last layer. The compiled kernel treats subnormal numbers as 0.
    """
    weights, x, starts, state, net = rnn_arguments.predict(
        weights, x, starts, state, sizes, cell, activation, last
    )
    packing = pack(starts, np.arange(len(starts) - 1))
    with np.errstate(all="ignore"):
        return in_order_of_x(net, packing, forward(net, weights, x, packing, state).outputs)


def _fractions(sample_weight: Array | None, sequences: Array) -> Array | None:
    """Return the weights of the rows of the outputs divided by their sum."""
    return row_fractions(None if sample_weight is None else sample_weight[sequences])


def rnn_gradients(
    weights: Array,
    x: Array,
    starts: Array,
    y: Array,
    *,
    sizes: tuple[int, ...],
    cell: str = "tanh",
    activation: str = "identity",
    loss: str,
    last: bool = True,
    sample_weight: Array | None = None,
) -> tuple[float, Array]:
    """Return the loss of a recurrent network and its gradient; all initial states are zero.

    Parameters
    ----------
    weights, x, starts, sizes, cell, activation, last
        As for `rnn_predict`.
    y : ndarray of shape (N, O) or (R, O), or of intp of shape (N,) or (R,)
        The targets, one row for each row of the outputs; class labels for losses that take labels.
    loss : str
        A name in `nncore.registry.LOSSES`, applied to the outputs.
    sample_weight : ndarray of shape (N,), optional
        Weights of the sequences.

    Returns
    -------
    loss : float
        The mean over the rows of the outputs, each weighted by the weight of its sequence, of the
        loss summed over outputs.
    gradient : ndarray of shape (P,)
        Gradient of the loss with respect to `weights`.

    Raises
    ------
    TypeError, ValueError, IndexError
        If an argument has the wrong type, shape or value, or a label is out of range.

    Notes
    -----
    The losses are summed in the order of the sequences if `last` is true. Otherwise they are
    summed in the order in which they are computed: the first step of all sequences, longest first,
    then the second step of those that have one, and so on. The compiled kernel treats subnormal
    numbers as 0.
    """
    weights, x, starts, y, sample_weight, net, loss = rnn_arguments.gradients(
        weights, x, starts, y, sizes, cell, activation, loss, last, sample_weight
    )
    chosen = np.arange(len(starts) - 1)
    packing, gradient = pack(starts, chosen), np.zeros_like(weights)
    rows, sequences = output_rows(net, packing, chosen)
    with np.errstate(all="ignore"):
        state = no_states(net, len(chosen), weights.dtype)
        run = forward(net, weights, x, packing, state)
        total, doutputs = mean_loss(
            loss, run.outputs, y[rows], _fractions(sample_weight, sequences)
        )
        backward(net, weights, run, packing, doutputs, gradient)
    return total, gradient


def rnn_evaluate(
    weights: Array,
    x: Array,
    starts: Array,
    y: Array,
    *,
    sizes: tuple[int, ...],
    cell: str = "tanh",
    activation: str = "identity",
    loss: str,
    last: bool = True,
    sample_weight: Array | None = None,
) -> tuple[float, Array]:
    """Return the loss of a recurrent network, and its outputs; all initial states are zero.

    Parameters
    ----------
    weights, x, starts, y, sizes, cell, activation, loss, last, sample_weight
        As for `rnn_gradients`.

    Returns
    -------
    loss : float
        The loss of `rnn_gradients`, to the last bit.
    outputs : ndarray of shape (N, O) or (R, O)
        The outputs that `rnn_predict` returns.

    Raises
    ------
    TypeError, ValueError, IndexError
        If an argument has the wrong type, shape or value, or a label is out of range.

    Notes
    -----
    The compiled kernel treats subnormal numbers as 0.
    """
    weights, x, starts, y, sample_weight, net, loss = rnn_arguments.gradients(
        weights, x, starts, y, sizes, cell, activation, loss, last, sample_weight
    )
    chosen = np.arange(len(starts) - 1)
    packing = pack(starts, chosen)
    rows, sequences = output_rows(net, packing, chosen)
    with np.errstate(all="ignore"):
        state = no_states(net, len(chosen), weights.dtype)
        outputs = forward(net, weights, x, packing, state).outputs
        total, _ = mean_loss(loss, outputs, y[rows], _fractions(sample_weight, sequences))
    return total, in_order_of_x(net, packing, outputs)
