"""Checks of the arguments of the multi-layer perceptron's kernels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.arguments.arrays import check_plain, held
from nncore.arguments.train_call import TrainCall
from nncore.arguments.training import (
    MOST_SHUFFLED,
    check_order,
    epoch_counters,
    factor,
    hold_trained,
    positive,
)
from nncore.params import Array, aligned, aligned_zeros
from nncore.registry import ACTIVATIONS, LOSS_ROW, LOSSES
from nncore.sparse import FLOATS, INDICES, SparseRows, is_sparse, sparse_rows

MOST_LAYERS = 64
MOST_PARAMETERS = 1 << 40
MOST_NUMBERS = 1 << 48  # in the matrices of a batch
INPUTS, OUTPUTS, ACTIVATION = range(3)  # columns of `layers`


def layer_table(sizes: Sequence[int], activations: Sequence[str]) -> Array:
    """Return the table of layers that the kernels take.

    Its rows are the number of inputs, the number of outputs and the code of the activation, its
    index in the registry. Codes can differ between versions, so files and pickles hold names.
    """
    codes = map(ACTIVATIONS.index, activations)
    table = aligned_zeros((len(activations), 3), np.int64)
    table[...] = [(*pair, code) for pair, code in zip(pairwise(sizes), codes, strict=True)]
    return table


def flat_size(layers: Array) -> int:
    """Return the length of the flat vector; ValueError for layers that do not fit together."""
    check_plain("layers", layers, np.int64, (None, 3), write=False)
    if not 1 <= len(layers) <= MOST_LAYERS:
        raise ValueError(f"layers has {len(layers)} rows, expected 1 to {MOST_LAYERS}")
    size = 0
    for i, (inputs, outputs, activation) in enumerate(layers.tolist()):
        if inputs < 1 or outputs < 1 or (i and inputs != layers[i - 1, OUTPUTS]):
            raise ValueError(f"layers: row {i} has {inputs} inputs and {outputs} outputs")
        if not 0 <= activation < len(ACTIVATIONS):
            known = len(ACTIVATIONS) - 1
            raise ValueError(f"layers: row {i} has activation {activation}, expected 0 to {known}")
        size += aligned(inputs * outputs) + aligned(outputs)
        if size > MOST_PARAMETERS:
            raise ValueError(f"layers must have at most {MOST_PARAMETERS} parameters, got more")
    return size


def network(weights: Array, layers: Array) -> None:
    """Check the flat weights against the layers."""
    size = flat_size(layers)
    arguments.check_floats("weights", weights)
    check_plain("weights", weights, weights.dtype, (size,), write=False)


def rows(x: Any, inputs: int) -> Any:
    """Return x as the kernels read it: a view of an array, or sparse rows as `SparseRows`."""
    if not isinstance(x, np.ndarray) and is_sparse(x):
        return _sparse(sparse_rows("x", x), inputs)
    x = held(x)
    arguments.check_floats("x", x)
    check_plain("x", x, x.dtype, (None, inputs), write=False)
    return x.view(np.ndarray)


def _sparse(given: SparseRows, inputs: int) -> SparseRows:
    """Return sparse rows with arrays of the right types; the kernels check the indices."""
    shape = tuple(map(int, given.shape))  # read once, as it may be any sequence
    if len(shape) != 2 or min(shape) < 0:
        raise ValueError(f"x has shape {shape}, expected rows and columns")
    columns = given.columns
    if columns is not None:
        if columns.columns is not None:
            raise ValueError("x.columns.columns must be None")
        if tuple(columns.shape) != shape[::-1]:
            raise ValueError(f"x.columns has shape {columns.shape}, expected {shape[::-1]}")
        columns = _sparse(columns, shape[0])
        if len(columns) != shape[1]:  # another thread may have changed it
            raise ValueError(f"x.columns has {len(columns)} rows, expected {shape[1]}")
    arrays = held(given.data), held(given.indices), held(given.indptr)
    x = SparseRows(*arrays, shape, columns)
    if x.shape[1] != inputs:
        raise ValueError(f"x has shape {x.shape}, expected (N, {inputs})")
    for name, kinds, length in (
        ("data", FLOATS, (None,)),
        ("indices", INDICES, (None,)),
        ("indptr", INDICES, (len(x) + 1,)),
    ):
        array = getattr(x, name)
        kind = array.dtype if array.dtype in kinds else kinds[-1]
        check_plain(f"x.{name}", array, kind, length, write=False)
    return x


def _targets(y: Array, x: Any, weights: Array, layers: Array, loss: str) -> None:
    outputs = int(layers[-1, OUTPUTS])
    if loss not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {loss!r}")
    if LOSS_ROW[loss].takes_labels:
        check_plain("y", y, np.intp, (len(x),), write=False)
        arguments.check_range("y", y, outputs)
    else:
        check_plain("y", y, weights.dtype, (len(x), outputs), write=False)


def _sample_weight(sample_weight: Array | None, x: Any, weights: Array) -> None:
    if sample_weight is not None:
        check_plain("sample_weight", sample_weight, weights.dtype, (len(x),), write=False)


def _room(rows: int, layers: Array, x: Any) -> None:
    """Raise MemoryError if no memory could hold the matrices of a batch."""
    inputs = 0 if isinstance(x, SparseRows) else int(layers[0, INPUTS])
    width = inputs + 6 * int(layers[:, OUTPUTS].sum())
    if rows * width > MOST_NUMBERS:
        raise MemoryError(
            f"no memory is large enough for {rows} rows of {width} numbers in a batch"
        )


def _layers(layers: object) -> Any:
    """Return a copy of the layer table, so that the kernel reads what was checked."""
    if not isinstance(layers, np.ndarray) or isinstance(layers, np.ma.MaskedArray):
        return layers
    return np.array(held(layers))


def predict(weights: Any, layers: Any, x: Any) -> tuple[Array, Array, Any]:
    """Return the checked arguments of `mlp_predict` as the kernel reads them."""
    weights, layers = held(weights), _layers(layers)
    network(weights, layers)
    return weights, layers, rows(x, int(layers[0, INPUTS]))


def gradients(
    weights: Any,
    layers: Any,
    x: Any,
    y: Any,
    loss: str,
    l1: float,
    l2: float,
    sample_weight: Any,
) -> tuple[Array, Array, Any, Array, Array | None]:
    """Return the checked arrays of `mlp_gradients` as the kernel reads them."""
    weights, layers, x = predict(weights, layers, x)
    y, sample_weight = held(y), held(sample_weight)
    if not len(x):
        raise ValueError("x has no rows, expected at least one")
    _room(len(x), layers, x)
    _targets(y, x, weights, layers, loss)
    factor("l1", l1)
    factor("l2", l2)
    _sample_weight(sample_weight, x, weights)
    return weights, layers, x, y, sample_weight


def train(call: TrainCall) -> TrainCall:
    """Check a call of `mlp_train`, whose arguments other threads cannot replace afterwards.

    Arrays of indices (layers, counters) become copies. Arrays of numbers become views, in which
    other threads can change only the numbers. Returns the same call.
    """
    call.weights, call.layers, call.x, call.y, call.sample_weight = gradients(
        call.weights, call.layers, call.x, call.y, call.loss, call.l1, call.l2, call.sample_weight
    )
    call.alpha = factor("alpha", call.alpha)
    call.mean_weight = factor("mean_weight", call.mean_weight)
    call.optimizer = arguments.update_rule(call.optimizer)
    hold_trained(call, counters=4)
    _hold(call)
    _settings(call)
    _visits(call)
    call.dropout = _rates(call.dropout, len(call.layers) - 1)
    call.l1, call.l2 = float(call.l1), float(call.l2)
    call.clip_value = arguments.clip("clip_value", call.clip_value)
    call.clip_norm = arguments.clip("clip_norm", call.clip_norm)
    return call


def _hold(call: TrainCall) -> None:
    """Replace the order and the array of penalties by views."""
    call.order, call.penalties = held(call.order), held(call.penalties)
    if call.penalties is not None:
        check_plain("penalties", call.penalties, np.float64, call.losses.shape, write=True)


def _settings(call: TrainCall) -> None:
    """Convert counts to Python integers, as sums in int8 would overflow, and shuffle to bool."""
    call.first = arguments.integer("first", call.first)
    call.seed = arguments.seed(call.seed)
    call.epoch_rows = positive("epoch_rows", call.epoch_rows)
    call.batch_size = positive("batch_size", call.batch_size)
    call.shuffle = bool(call.shuffle)


def _visits(call: TrainCall) -> None:
    """Check the counters, and that the rows that will be visited are within range."""
    _room(min(call.batch_size, call.epoch_rows), call.layers, call.x)
    call.counters = epoch_counters(call.shown, call.epoch_rows, "rows")
    position, updates = int(call.counters[2]), len(call.losses)
    if call.order is None:
        _part_of_epoch(call, position, updates)
    else:
        _order(call, call.order, position, updates)


def _rates(dropout: Sequence[float], hidden: int) -> tuple[float, ...]:
    """Return the dropout rates, one for each hidden layer, or none."""
    rates = tuple(arguments.dropout_rate(rate) for rate in dropout)
    if len(rates) not in (0, hidden):
        raise ValueError(f"dropout has {len(rates)} rates, expected {hidden}")
    return rates


def _order(call: TrainCall, order: Array, position: int, updates: int) -> None:
    """Check an order of all rows of x, or one for each of the epochs of this call."""
    rows = len(call.x)
    if call.epoch_rows != rows or rows >= MOST_SHUFFLED:
        raise ValueError(
            f"epoch_rows is {call.epoch_rows}, expected {rows}, the number of rows of x"
        )
    check_order(order, rows, call.batch_size, position, updates, call.shuffle)


def _part_of_epoch(call: TrainCall, position: int, updates: int) -> None:
    """Check that x contains the rows that this call visits in sequence."""
    rows, first, epoch_rows = len(call.x), call.first, call.epoch_rows
    if first == 0 and rows == epoch_rows:
        return
    batch = min(call.batch_size, epoch_rows)
    end = position + updates * batch
    begun_again = end - epoch_rows >= batch
    if not 0 <= first <= position or first + rows < min(end, epoch_rows) or begun_again:
        raise ValueError(
            f"x has {rows} rows from row {first} of the epoch, expected rows {position} to "
            f"{end - 1}, or all {epoch_rows} rows of the epoch"
        )
