"""What the kernels of the multi-layer perceptron accept, and the errors for everything else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nncore import arguments
from nncore.arguments import ACTIVATIONS, LOSSES, OPTIMIZER_SLOTS, UpdateRule, check_plain
from nncore.params import Array, aligned
from nncore.sparse import FLOATS, INDICES, SparseRows, is_sparse, sparse_rows

MOST_LAYERS = 64
MOST_PARAMETERS = 1 << 40
MOST_SHUFFLED = 1 << 32  # rows
MOST_NUMBERS = 1 << 48  # of a batch's matrices
MLP_LOSSES = (*LOSSES, "softmax_cross_entropy")
INPUTS, OUTPUTS, ACTIVATION = range(3)  # columns of `layers`


def flat_size(layers: Array) -> int:
    """Length of the flat vector for these layers; ValueError for layers that do not fit."""
    check_plain("layers", layers, np.int64, (None, 3), write=False)
    if not 1 <= len(layers) <= MOST_LAYERS:
        raise ValueError(f"layers has {len(layers)} rows, wanted 1 to {MOST_LAYERS}")
    size = 0
    for i, (inputs, outputs, activation) in enumerate(layers.tolist()):
        if inputs < 1 or outputs < 1 or (i and inputs != layers[i - 1, OUTPUTS]):
            raise ValueError(f"layers: row {i} has {inputs} inputs and {outputs} outputs")
        if not 0 <= activation < len(ACTIVATIONS):
            raise ValueError(f"layers: row {i} has activation {activation}")
        size += aligned(inputs * outputs) + aligned(outputs)
        if size > MOST_PARAMETERS:
            raise ValueError(f"layers: more than {MOST_PARAMETERS} parameters")
    return size


def network(weights: Array, layers: Array) -> None:
    """Check the flat weights against the layers."""
    size = flat_size(layers)
    arguments.check_floats("weights", weights)
    check_plain("weights", weights, weights.dtype, (size,), write=False)


def rows(x: Any, layers: Array) -> Any:
    """x as the kernels read it: an array as it is, sparse rows of whatever kind as ours."""
    if not isinstance(x, np.ndarray) and is_sparse(x):
        return _sparse(sparse_rows("x", x), int(layers[0, INPUTS]))
    arguments.check_floats("x", x)
    check_plain("x", x, x.dtype, (None, int(layers[0, INPUTS])), write=False)
    return x.view(np.ndarray)


def _sparse(x: SparseRows, inputs: int) -> SparseRows:
    """Sparse rows whose arrays are what they have to be; the kernels check what is in them."""
    if x.shape[1] != inputs:
        raise ValueError(f"x has shape {x.shape}, expected (N, {inputs})")
    if x.columns is not None:
        if x.columns.columns is not None or x.columns.shape != x.shape[::-1]:
            raise ValueError(f"x.columns has shape {x.columns.shape}, expected {x.shape[::-1]}")
        _sparse(x.columns, len(x))
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
    if loss not in MLP_LOSSES:
        raise ValueError(f"loss must be one of {', '.join(MLP_LOSSES)}, got {loss!r}")
    if loss == "softmax_cross_entropy":
        check_plain("y", y, np.intp, (len(x),), write=False)
        arguments.check_range("y", y, outputs)
    else:
        check_plain("y", y, weights.dtype, (len(x), outputs), write=False)


def _sample_weight(sample_weight: Array | None, x: Any, weights: Array) -> None:
    if sample_weight is not None:
        check_plain("sample_weight", sample_weight, weights.dtype, (len(x),), write=False)


def _penalties(**factors: float) -> None:
    for name, value in factors.items():
        if not arguments.number(name, value) >= 0:
            raise ValueError(f"{name} must be 0 or a positive number, got {value}")


def _room(rows: int, layers: Array, x: Any) -> None:
    """Raise MemoryError for a batch whose matrices no machine holds."""
    inputs = 0 if isinstance(x, SparseRows) else int(layers[0, INPUTS])
    width = inputs + 6 * int(layers[:, OUTPUTS].sum())
    if rows * width > MOST_NUMBERS:
        raise MemoryError(f"a batch of {rows} rows in layers of {width} numbers")


def predict(weights: Array, layers: Array, x: Any) -> Any:
    """Check all that `mlp_predict` reads; returns x as the kernels read it."""
    network(weights, layers)
    return rows(x, layers)


def gradients(
    weights: Array,
    layers: Array,
    x: Any,
    y: Array,
    loss: str,
    l1: float,
    l2: float,
    sample_weight: Array | None,
) -> Any:
    """Check all that `mlp_gradients` reads; returns x as the kernels read it."""
    x = predict(weights, layers, x)
    if not len(x):
        raise ValueError("x has no rows; wanted at least one")
    _room(len(x), layers, x)
    _targets(y, x, weights, layers, loss)
    _penalties(l1=l1, l2=l2)
    _sample_weight(sample_weight, x, weights)
    return x


def train(
    weights: Array,
    gradient: Array,
    slots: Array,
    layers: Array,
    x: Any,
    y: Array,
    order: Array | None,
    counters: Array,
    rates: Array,
    losses: Array,
    loss: str,
    optimizer: UpdateRule,
    epoch_rows: int,
    batch_size: int,
    l1: float,
    l2: float,
    sample_weight: Array | None,
    dropout: Sequence[float],
    seed: int,
    first: int,
    clip_value: float,
    clip_norm: float,
    alpha: float,
    penalties: Array | None,
    shuffle: bool,
) -> Any:
    """Check all that `mlp_train` reads and writes; returns x as the kernels read it."""
    x = gradients(weights, layers, x, y, loss, l1, l2, sample_weight)
    _penalties(alpha=alpha)
    kept = OPTIMIZER_SLOTS[optimizer.kind]
    check_plain("weights", weights, weights.dtype, weights.shape, write=True)
    check_plain("gradient", gradient, weights.dtype, weights.shape, write=True)
    check_plain("slots", slots, weights.dtype, (kept, weights.size), write=True)
    arguments.update_rule(optimizer)
    check_plain("counters", counters, np.int64, (4,), write=True)
    check_plain("losses", losses, np.float64, (None,), write=True)
    check_plain("rates", rates, np.float64, losses.shape, write=False)
    if penalties is not None:
        check_plain("penalties", penalties, np.float64, losses.shape, write=True)
    for name, count in (("batch_size", batch_size), ("epoch_rows", epoch_rows)):
        if arguments.integer(name, count) < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")
    first = arguments.integer("first", first)
    epoch_rows, batch_size = int(epoch_rows), int(batch_size)  # sums in int8 would overflow
    if (counters < 0).any() or counters[2] >= epoch_rows:
        raise ValueError(f"counters has {counters.tolist()} for epochs of {epoch_rows} rows")
    if order is None:
        _part_of_epoch(len(x), first, int(counters[2]), epoch_rows, batch_size, len(losses))
    else:
        _order(order, x, int(counters[2]), epoch_rows, batch_size, len(losses), shuffle)
    if len(dropout) not in (0, len(layers) - 1):
        raise ValueError(f"dropout has {len(dropout)} rates, wanted {len(layers) - 1}")
    for rate in dropout:
        arguments.share("dropout", rate)
    if not 0 <= arguments.integer("seed", seed) < 2**64:
        raise ValueError(f"seed must be in [0, 2**64), got {seed}")
    for name, clip in (("clip_value", clip_value), ("clip_norm", clip_norm)):
        if not arguments.number(name, clip) >= 0:
            raise ValueError(f"{name} must be 0 (no clipping) or a positive number, got {clip}")
    return x


def _order(
    order: Array,
    x: Any,
    position: int,
    epoch_rows: int,
    batch_size: int,
    updates: int,
    shuffle: bool,
) -> None:
    """Check an order of all rows of x, or one for each of the epochs of this call."""
    rows = len(x)
    if epoch_rows != rows or rows >= MOST_SHUFFLED:
        raise ValueError(f"epoch_rows is {epoch_rows}, wanted {rows} as x has rows")
    per_epoch = -(-rows // batch_size)
    before = -(-position // batch_size)  # updates of the first epoch that are done
    epochs = 1 if shuffle else max(1, -(-(before + updates) // per_epoch))
    check_plain("order", order, np.intp, (epochs * rows,), write=shuffle)
    if position or not shuffle:  # else it is about to be made
        arguments.check_range("order", order, rows)


def _part_of_epoch(
    rows: int, first: int, position: int, epoch_rows: int, batch_size: int, updates: int
) -> None:
    """Check that x holds the rows that this call visits in sequence."""
    if first == 0 and rows == epoch_rows:
        return
    end = position + updates * min(batch_size, epoch_rows)
    begun_again = end - epoch_rows >= min(batch_size, epoch_rows)
    if not 0 <= first <= position or first + rows < min(end, epoch_rows) or begun_again:
        raise ValueError(
            f"x has {rows} rows from row {first} of the epoch on, wanted all of {position} to "
            f"{end - 1}, or all {epoch_rows} of the epoch"
        )
