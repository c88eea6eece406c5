"""Checks of the arguments that all kernels with a training loop take."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.arguments.arrays import check_plain, held
from nncore.checks import number
from nncore.params import Array
from nncore.registry import OPTIMIZER_SLOTS, UpdateRule

MOST_SHUFFLED = 1 << 32  # rows


class TrainingCall(Protocol):
    """A call whose `weights` and `optimizer` are checked."""

    weights: Array
    gradient: Array
    slots: Array
    counters: Array
    shown: Array
    rates: Array
    losses: Array
    optimizer: UpdateRule


def hold_trained(call: TrainingCall, counters: int) -> None:
    """Replace the arrays that training changes, and the rates, by checked views.

    `shown` becomes the view of the counters, of which there are so many.
    """
    call.gradient, call.slots, call.shown = map(held, (call.gradient, call.slots, call.counters))
    call.rates, call.losses = held(call.rates), held(call.losses)
    weights, kept = call.weights, OPTIMIZER_SLOTS[call.optimizer.kind]
    check_plain("weights", weights, weights.dtype, weights.shape, write=True)
    check_plain("gradient", call.gradient, weights.dtype, weights.shape, write=True)
    check_plain("slots", call.slots, weights.dtype, (kept, weights.size), write=True)
    check_plain("counters", call.shown, np.int64, (counters,), write=True)
    check_plain("losses", call.losses, np.float64, (None,), write=True)
    check_plain("rates", call.rates, np.float64, call.losses.shape, write=False)


def epoch_counters(shown: Array, count: int, unit: str) -> Array:
    """Return a copy of the four counters of training in epochs of `count` rows or sequences."""
    counters = shown.copy()
    if (counters < 0).any() or counters[2] >= count:
        raise ValueError(
            f"counters is out of range: {counters.tolist()} for epochs of {count} {unit}"
        )
    return counters


def check_order(
    order: Array, count: int, batch_size: int, position: int, updates: int, shuffle: bool
) -> None:
    """Check an order of `count` rows or sequences, or one for each of the epochs of a call."""
    per_epoch = -(-count // batch_size)
    before = -(-position // batch_size)  # updates made in the first epoch
    epochs = 1 if shuffle else max(1, -(-(before + updates) // per_epoch))
    check_plain("order", order, np.intp, (epochs * count,), write=shuffle)
    if position or not shuffle:  # otherwise it will be overwritten
        arguments.check_range("order", order, count)


def positive(name: str, value: object) -> int:
    """Return an integer of at least 1."""
    count = arguments.integer(name, value)
    if count < 1:
        raise ValueError(f"{name} must be at least 1, got {count}")
    return count


def factor(name: str, value: object) -> float:
    """Return the factor of a penalty, a number of at least 0."""
    result = number(name, value)
    if not result >= 0:
        raise ValueError(f"{name} must be 0 or a positive number, got {value}")
    return result
