"""What the kernels of the multi-layer perceptron accept, and the errors for everything else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.arguments.arrays import check_plain, held
from nncore.params import Array, aligned
from nncore.registry import ACTIVATIONS, LOSS_ROW, LOSSES, OPTIMIZER_SLOTS, UpdateRule
from nncore.sparse import FLOATS, INDICES, SparseRows, is_sparse, sparse_rows

MOST_LAYERS = 64
MOST_PARAMETERS = 1 << 40
MOST_SHUFFLED = 1 << 32  # rows
MOST_NUMBERS = 1 << 48  # of a batch's matrices
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


def rows(x: Any, inputs: int) -> Any:
    """x as the kernels read it: a view of an array, sparse rows of whatever kind as ours."""
    if not isinstance(x, np.ndarray) and is_sparse(x):
        return _sparse(sparse_rows("x", x), inputs)
    x = held(x)
    arguments.check_floats("x", x)
    check_plain("x", x, x.dtype, (None, inputs), write=False)
    return x.view(np.ndarray)


def _sparse(given: SparseRows, inputs: int) -> SparseRows:
    """Sparse rows whose arrays are what they have to be; the kernels check what is in them."""
    shape = tuple(map(int, given.shape))  # once: it may be any sequence
    if len(shape) != 2 or min(shape) < 0:
        raise ValueError(f"x has shape {shape}, expected rows and columns")
    columns = given.columns
    if columns is not None:
        if columns.columns is not None:
            raise ValueError("x.columns has columns of its own, expected None")
        if tuple(columns.shape) != shape[::-1]:
            raise ValueError(f"x.columns has shape {columns.shape}, expected {shape[::-1]}")
        columns = _sparse(columns, shape[0])
        if len(columns) != shape[1]:  # which could have changed since
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


class TrainCall(NamedTuple):
    """The arguments of `mlp_train`, checked, none of which another thread can change.

    What indexes other arrays is a copy (layers, counters); arrays of numbers are views, in which
    only the numbers can change. shown: the caller's own counters, to be written to.
    """

    weights: Array
    gradient: Array
    slots: Array
    layers: Array
    x: Any  # an array, or SparseRows
    y: Array
    order: Array | None
    counters: Array
    shown: Array
    rates: Array
    losses: Array
    sample_weight: Array | None
    penalties: Array | None
    optimizer: UpdateRule
    epoch_rows: int
    batch_size: int
    first: int
    seed: int
    shuffle: bool
    dropout: tuple[float, ...]
    l1: float
    l2: float
    alpha: float
    mean_weight: float
    clip_value: float
    clip_norm: float


def _layers(layers: object) -> Any:
    """A copy of the layer table: what is checked is what the kernel follows."""
    if not isinstance(layers, np.ndarray) or isinstance(layers, np.ma.MaskedArray):
        return layers
    return np.array(held(layers))


def predict(weights: Any, layers: Any, x: Any) -> tuple[Array, Array, Any]:
    """The arguments as the kernel reads them."""
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
    """The arrays as the kernel reads them."""
    weights, layers, x = predict(weights, layers, x)
    y, sample_weight = held(y), held(sample_weight)
    if not len(x):
        raise ValueError("x has no rows; wanted at least one")
    _room(len(x), layers, x)
    _targets(y, x, weights, layers, loss)
    _penalties(l1=l1, l2=l2)
    _sample_weight(sample_weight, x, weights)
    return weights, layers, x, y, sample_weight


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
    mean_weight: float,
) -> TrainCall:
    """Check all that `mlp_train` reads and writes."""
    weights, layers, x, y, sample_weight = gradients(
        weights, layers, x, y, loss, l1, l2, sample_weight
    )
    _penalties(alpha=alpha, mean_weight=mean_weight)
    optimizer = arguments.update_rule(optimizer)
    gradient, slots, shown, losses = map(held, (gradient, slots, counters, losses))
    rates, order, penalties = map(held, (rates, order, penalties))
    kept = OPTIMIZER_SLOTS[optimizer.kind]
    check_plain("weights", weights, weights.dtype, weights.shape, write=True)
    check_plain("gradient", gradient, weights.dtype, weights.shape, write=True)
    check_plain("slots", slots, weights.dtype, (kept, weights.size), write=True)
    check_plain("counters", shown, np.int64, (4,), write=True)
    check_plain("losses", losses, np.float64, (None,), write=True)
    check_plain("rates", rates, np.float64, losses.shape, write=False)
    if penalties is not None:
        check_plain("penalties", penalties, np.float64, losses.shape, write=True)
    first, seed = arguments.integer("first", first), arguments.integer("seed", seed)
    epoch_rows, batch_size = (  # plain integers: sums in int8 would overflow
        _positive(name, count)
        for name, count in (("epoch_rows", epoch_rows), ("batch_size", batch_size))
    )
    _room(min(batch_size, epoch_rows), layers, x)
    shuffle = bool(shuffle)
    counters = shown.copy()
    if (counters < 0).any() or counters[2] >= epoch_rows:
        raise ValueError(f"counters has {counters.tolist()} for epochs of {epoch_rows} rows")
    if order is None:
        _part_of_epoch(len(x), first, int(counters[2]), epoch_rows, batch_size, len(losses))
    else:
        _order(order, x, int(counters[2]), epoch_rows, batch_size, len(losses), shuffle)
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed must be in [0, 2**64), got {seed}")
    return TrainCall(
        weights=weights,
        gradient=gradient,
        slots=slots,
        layers=layers,
        x=x,
        y=y,
        order=order,
        counters=counters,
        shown=shown,
        rates=rates,
        losses=losses,
        sample_weight=sample_weight,
        penalties=penalties,
        optimizer=optimizer,
        epoch_rows=epoch_rows,
        batch_size=batch_size,
        first=first,
        seed=seed,
        shuffle=shuffle,
        dropout=_rates(dropout, len(layers) - 1),
        l1=float(l1),
        l2=float(l2),
        alpha=float(alpha),
        mean_weight=float(mean_weight),
        clip_value=arguments.clip("clip_value", clip_value),
        clip_norm=arguments.clip("clip_norm", clip_norm),
    )


def _positive(name: str, value: object) -> int:
    count = arguments.integer(name, value)
    if count < 1:
        raise ValueError(f"{name} must be at least 1, got {count}")
    return count


def _rates(dropout: Sequence[float], hidden: int) -> tuple[float, ...]:
    """A rate for each hidden layer, or none."""
    rates = tuple(arguments.share("dropout", rate) for rate in dropout)
    if len(rates) not in (0, hidden):
        raise ValueError(f"dropout has {len(rates)} rates, wanted {hidden}")
    return rates


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
