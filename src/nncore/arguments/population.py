"""Checks of the arguments of the kernels for populations."""

from __future__ import annotations

from typing import Any

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.arguments import mlp
from nncore.arguments.arrays import check_plain, check_rows_apart, held
from nncore.arguments.population_train_call import PopulationTrainCall
from nncore.arguments.training import MOST_SHUFFLED, positive
from nncore.params import Array
from nncore.registry import ACTIVATION_ROW, ACTIVATIONS, LOSS_ROW, LOSSES, OPTIMIZER_SLOTS

COUNTERS = 4  # of each member: what `mlp_train` counts
MOST_UPDATES = 1 << 40  # of a call


def size(layers: Array) -> int:
    """Return the number of parameters of a member, without padding."""
    mlp.flat_size(layers)
    return sum((inputs + 1) * outputs for inputs, outputs, _ in layers.tolist())


def predict(weights: Any, layers: Any, x: Any) -> tuple[Array, Array, Array]:
    """Return the checked arguments of `population_predict` as the kernel reads them."""
    weights, layers, x = held(weights), mlp._layers(layers), held(x)
    arguments.check_floats("weights", weights)
    check_plain("weights", weights, weights.dtype, (None, size(layers)), write=False)
    if name := over_rows(layers):
        raise ValueError(f"layers: activation {name!r} is not supported, expected element-wise")
    shape: tuple[int | None, ...] = (None, int(layers[0, mlp.INPUTS]))
    if isinstance(x, np.ndarray) and x.ndim == 3:
        shape = (len(weights), *shape)
    check_plain("x", x, weights.dtype, shape, write=False)
    return weights, layers, x


def evaluate(
    weights: Any, layers: Any, x: Any, y: Any, rows: Any, loss: str
) -> tuple[Array, Array, Array, Array, Array | None]:
    """Return the checked arguments of `population_evaluate` as the kernel reads them."""
    weights, layers, x = predict(weights, layers, x)
    y = held(y)
    check_rows(x)
    mlp._targets(y, x, weights, layers, loss)
    if rows is not None:
        rows = own_rows(rows, len(weights), len(x))
        if not rows.shape[1]:
            raise ValueError(f"rows must have at least one column, got shape {rows.shape}")
    mlp._room(len(x) if rows is None else rows.shape[1], layers, x)
    return weights, layers, x, y, rows


def check_rows(x: Array) -> None:
    """Raise ValueError unless all networks have the same rows, at least one."""
    if x.ndim != 2:
        raise ValueError(f"x must have shape (N, I), got {x.shape}")
    if not len(x):
        raise ValueError("x has no rows, expected at least one")


def train(call: PopulationTrainCall) -> PopulationTrainCall:
    """Check a call of `population_train`, whose arguments other threads cannot replace afterwards.

    Arrays of indices become copies. Arrays of numbers become views, in which other threads can
    change only the numbers. Returns the same call.
    """
    call.weights, call.layers, call.x = predict(call.weights, call.layers, call.x)
    check_rows(call.x)
    call.threads = positive("threads", call.threads)
    call.y = _targets_of(call)
    mlp._targets(call.y, call.x, call.weights, call.layers, call.loss)
    call.optimizer = arguments.update_rule(call.optimizer)
    _hold(call)
    call.batch_size = positive("batch_size", call.batch_size)
    call.shuffle = bool(call.shuffle)
    call.clip_value = arguments.clip("clip_value", call.clip_value)
    call.clip_norm = arguments.clip("clip_norm", call.clip_norm)
    longest = int(call.epoch_rows.max(initial=1))
    mlp._room(min(call.batch_size, longest), call.layers, call.x)
    return call


def _targets_of(call: PopulationTrainCall) -> Any:
    """Return the targets: a copy of labels for several threads, which could not report bad ones."""
    y = held(call.y)
    if call.threads == 1 or call.loss not in LOSSES or not LOSS_ROW[call.loss].takes_labels:
        return y
    check_plain("y", y, np.intp, (len(call.x),), write=False)
    return np.array(y)


def over_rows(layers: Array) -> str | None:
    """Return the name of the first activation that is a function of rows, which lanes lack."""
    names = (ACTIVATIONS[code] for code in layers[:, mlp.ACTIVATION].tolist())
    return next((name for name in names if ACTIVATION_ROW[name].over_rows), None)


def _hold(call: PopulationTrainCall) -> None:
    """Check the arrays with a row for each member."""
    weights, members = call.weights, len(call.weights)
    call.slots, call.shown, call.losses = map(held, (call.slots, call.counters, call.losses))
    call.rates, call.penalties = held(call.rates), held(call.penalties)
    check_plain("weights", weights, weights.dtype, weights.shape, write=True)
    kept = OPTIMIZER_SLOTS[call.optimizer.kind]
    check_plain("slots", call.slots, weights.dtype, (kept, *weights.shape), write=True)
    check_plain("counters", call.shown, np.int64, (members, COUNTERS), write=True)
    check_rows_apart("losses", call.losses, members)
    call.updates_per_loss = positive("updates_per_loss", call.updates_per_loss)
    constant = isinstance(call.rates, np.ndarray) and call.rates.shape == (members, 1)
    updates = len(call.losses) * call.updates_per_loss
    if updates > MOST_UPDATES:
        raise ValueError(f"a call must have at most {MOST_UPDATES} updates, got {updates}")
    check_plain("rates", call.rates, np.float64, (members, 1 if constant else updates), write=False)
    check_plain("penalties", call.penalties, np.float64, (3, members), write=False)
    if not (call.penalties >= 0).all():
        raise ValueError("penalties must not be negative")
    _hold_weights_and_rates(call)
    call.seeds = _copy("seeds", call.seeds, np.uint64, (members,))
    call.epoch_rows = _copy("epoch_rows", call.epoch_rows, np.int64, (members,))
    most = len(call.x)
    if call.rows is not None:
        call.rows = own_rows(call.rows, members, len(call.x))
        most = int(call.rows.shape[1])
    if most >= MOST_SHUFFLED:
        raise ValueError(f"an epoch must have fewer than {MOST_SHUFFLED} rows, got {most}")
    if len(call.x) >= MOST_SHUFFLED:
        raise ValueError(f"x must have fewer than {MOST_SHUFFLED} rows, got {len(call.x)}")
    if members and not 1 <= call.epoch_rows.min() <= call.epoch_rows.max() <= most:
        raise ValueError(f"epoch_rows must be 1 to {most}, got {call.epoch_rows.tolist()[:8]}")
    call.counters = call.shown.copy()
    if (call.counters < 0).any() or (call.counters[:, 2] >= call.epoch_rows).any():
        raise ValueError("counters is out of range")


def _hold_weights_and_rates(call: PopulationTrainCall) -> None:
    """Check the weights of the rows, and copy the rates of dropout."""
    members = len(call.weights)
    call.sample_weight = held(call.sample_weight)
    if call.sample_weight is not None:
        shared = getattr(call.sample_weight, "shape", ())[:1] == (1,)
        shape = (1 if shared else members, len(call.x))
        check_plain("sample_weight", call.sample_weight, call.weights.dtype, shape, write=False)
    if call.dropout is not None:
        call.dropout = _copy("dropout", call.dropout, np.float64, (members, len(call.layers) - 1))
        for rate in np.unique(call.dropout):
            call.dropout[call.dropout == rate] = arguments.dropout_rate(rate)


def own_rows(rows: Any, members: int, available: int) -> Array:
    """Return a checked copy of the rows of each member, which no other thread can change."""
    copy = _copy("rows", rows, np.intp, (members, None))
    arguments.check_range("rows", copy, available)
    return copy


def _copy(name: str, value: Any, dtype: Any, shape: tuple[int | None, ...]) -> Array:
    """Return a checked copy, which no other thread can change."""
    array = held(value)
    check_plain(name, array, dtype, shape, write=False)
    return np.array(array)
