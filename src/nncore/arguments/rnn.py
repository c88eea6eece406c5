"""Checks of the arguments of the kernels of recurrent networks over sequences of vectors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.arguments.arrays import check_plain, held
from nncore.arguments.recurrent import MOST_LAYERS, cell_name
from nncore.arguments.rnn_train_call import RNNTrainCall
from nncore.arguments.training import (
    MOST_SHUFFLED,
    check_order,
    epoch_counters,
    factor,
    hold_trained,
    positive,
)
from nncore.checks import one_of
from nncore.params import Array, flat_size, recurrent_shapes
from nncore.registry import ACTIVATIONS, CELL_ROW, LOSS_ROW, LOSSES

MOST_NUMBERS = 1 << 48  # in the matrices of a call


class RNNLayout(NamedTuple):
    """The network of a call, and whether it has outputs at the last step of a sequence only."""

    sizes: tuple[int, ...]  # inputs, hidden units of each layer, outputs
    cell: str
    activation: str  # of the outputs
    last: bool

    @property
    def hidden(self) -> tuple[int, ...]:
        """The number of units of each recurrent layer."""
        return self.sizes[1:-1]

    def output_rows(self, starts: Array) -> int:
        """Return the number of rows of the outputs."""
        return len(starts) - 1 if self.last else int(starts[-1])


def _sizes(sizes: object) -> tuple[int, ...]:
    """Return the sizes as a tuple of int."""
    if not isinstance(sizes, tuple | list):
        raise TypeError(f"sizes must be a tuple of integers, got {arguments.describe(sizes)}")
    result = tuple(arguments.integer("sizes", size) for size in sizes)
    if not 3 <= len(result) <= MOST_LAYERS + 2:
        raise ValueError(
            f"sizes has {len(result)} numbers, expected 3 to {MOST_LAYERS + 2}: inputs, units of "
            f"1 to {MOST_LAYERS} recurrent layers, outputs"
        )
    for size in result:
        if size < 1:
            raise ValueError(f"sizes must be at least 1, got {size}")
    return result


def _network(
    weights: Any, sizes: object, cell: object, activation: object, last: object
) -> tuple[Array, RNNLayout]:
    """Return a view of the flat weights, and the settings, all consistent."""
    settings = RNNLayout(
        _sizes(sizes), cell_name(cell), one_of("activation", activation, ACTIVATIONS), bool(last)
    )
    weights = held(weights)
    arguments.check_floats("weights", weights)
    inputs, outputs = settings.sizes[0], settings.sizes[-1]
    length = flat_size(recurrent_shapes(inputs, settings.hidden, outputs, settings.cell))
    check_plain("weights", weights, weights.dtype, (length,), write=False)
    return weights, settings


def _starts(starts: Any, rows: int) -> Array:
    """Return a copy of the positions of the sequences in x, which no other thread can change."""
    starts = held(starts)
    check_plain("starts", starts, np.int64, (None,), write=False)
    copy: Array = starts.astype(np.intp)  # as kernels index with it
    if not copy.size or copy[0] != 0:
        first = copy[0] if copy.size else "no numbers"
        raise ValueError(f"starts must begin with 0, got {first}")
    short = np.flatnonzero(copy[1:] <= copy[:-1])
    if short.size:
        n = int(short[0])
        raise ValueError(f"starts must increase, got {copy[n]} and {copy[n + 1]} for sequence {n}")
    if copy[-1] != rows:
        raise ValueError(f"starts ends with {copy[-1]}, expected {rows}, the number of rows of x")
    return copy


def _sequences(x: Any, starts: Any, weights: Array, settings: RNNLayout) -> tuple[Array, Array]:
    """Return a view of x, and a copy of the positions of the sequences in it."""
    x = held(x)
    arguments.check_floats("x", x)
    check_plain("x", x, weights.dtype, (None, settings.sizes[0]), write=False)
    starts = _starts(starts, len(x))
    per_unit = 3 * (CELL_ROW[settings.cell].gates + CELL_ROW[settings.cell].states)
    width = settings.sizes[0] + per_unit * sum(settings.hidden) + 3 * settings.sizes[-1]
    if len(x) * width > MOST_NUMBERS:
        raise MemoryError(f"no memory is large enough for {len(x)} steps of {width} numbers")
    return x, starts


def predict(
    weights: Any,
    x: Any,
    starts: Any,
    state: Any,
    sizes: object,
    cell: object,
    activation: object,
    last: object,
) -> tuple[Array, Array, Array, Array, RNNLayout]:
    """Return the checked arguments of `rnn_predict`; `starts` is a copy."""
    weights, settings = _network(weights, sizes, cell, activation, last)
    x, starts = _sequences(x, starts, weights, settings)
    columns = CELL_ROW[settings.cell].states * sum(settings.hidden)
    state = held(state)
    check_plain("state", state, weights.dtype, (len(starts) - 1, columns), write=True)
    return weights, x, starts, state, settings


def _targets(y: Any, starts: Array, weights: Array, settings: RNNLayout, loss: str) -> Array:
    y, rows, outputs = held(y), settings.output_rows(starts), settings.sizes[-1]
    if LOSS_ROW[loss].takes_labels:
        check_plain("y", y, np.intp, (rows,), write=False)
        arguments.check_range("y", y, outputs)
    else:
        check_plain("y", y, weights.dtype, (rows, outputs), write=False)
    checked: Array = y
    return checked


def gradients(
    weights: Any,
    x: Any,
    starts: Any,
    y: Any,
    sizes: object,
    cell: object,
    activation: object,
    loss: object,
    last: object,
    sample_weight: Any,
) -> tuple[Array, Array, Array, Array, Array | None, RNNLayout, str]:
    """Return the checked arguments of `rnn_gradients` and `rnn_evaluate`; `starts` is a copy."""
    weights, settings = _network(weights, sizes, cell, activation, last)
    x, starts = _sequences(x, starts, weights, settings)
    if len(starts) < 2:
        raise ValueError("x has no sequences, expected at least one")
    name: str = one_of("loss", loss, LOSSES)
    y, sample_weight = _targets(y, starts, weights, settings, name), held(sample_weight)
    if sample_weight is not None:
        sequences = len(starts) - 1
        check_plain("sample_weight", sample_weight, weights.dtype, (sequences,), write=False)
    return weights, x, starts, y, sample_weight, settings, name


def train(call: RNNTrainCall) -> RNNTrainCall:
    """Check a call of `rnn_train`, whose arguments other threads cannot replace afterwards.

    Arrays of indices (starts, counters) become copies. Arrays of numbers, labels and the order
    become views, in which other threads can change only the numbers. Returns the same call.
    """
    (call.weights, call.x, call.starts, call.y, call.sample_weight, settings, call.loss) = (
        gradients(
            call.weights, call.x, call.starts, call.y, call.sizes, call.cell, call.activation,
            call.loss, call.last, call.sample_weight,
        )
    )  # fmt: skip
    call.sizes, call.cell, call.activation, call.last = settings
    call.optimizer = arguments.update_rule(call.optimizer)
    hold_trained(call, counters=4)
    call.seed = arguments.seed(call.seed)
    call.batch_size = positive("batch_size", call.batch_size)
    call.shuffle = bool(call.shuffle)
    _visits(call)
    call.dropout = arguments.dropout_rate(call.dropout)
    call.l2 = factor("l2", call.l2)
    call.clip_value = arguments.clip("clip_value", call.clip_value)
    call.clip_norm = arguments.clip("clip_norm", call.clip_norm)
    return call


def _visits(call: RNNTrainCall) -> None:
    """Check the counters, and the order of the sequences."""
    sequences = len(call.starts) - 1
    if sequences >= MOST_SHUFFLED:
        raise ValueError(f"x has {sequences} sequences, expected fewer than {MOST_SHUFFLED}")
    call.counters = epoch_counters(call.shown, sequences, "sequences")
    call.order = held(call.order)
    if call.order is not None:
        check_order(
            call.order,
            sequences,
            call.batch_size,
            int(call.counters[2]),
            len(call.losses),
            call.shuffle,
        )
