"""Compiled training and prediction of all members: in lanes, or one after the other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from nncore import kernels
from nncore.arguments import population as population_arguments
from nncore.arguments.population_train_call import PopulationTrainCall
from nncore.params import Array, padded
from nncore.reference.population import losses_one_by_one, one_by_one, shapes_of
from nncore.registry import ACTIVATION_ROW, ACTIVATIONS
from nncore.training.signals import undisturbed

MOST_IN_LANES = 8000  # parameters of a member; more of them do not stay in the second cache
LANES = 16  # of the smallest block
MOST_NUMBERS = 1 << 18  # of a member in an evaluation, so that those of a block fit in memory


def suits_lanes(layers: Array, members: int) -> bool:
    """Whether so many networks are faster side by side than one after the other.

    A block takes as long for a few members as for all its lanes, and a large network alone fills
    the vector unit better than a small one. The bound was measured with relu and Adam.
    """
    parameters = population_arguments.size(layers)
    enough = members >= LANES * (0.2 + parameters / 6000)
    return enough and parameters <= MOST_IN_LANES and not population_arguments.over_rows(layers)


def train(call: PopulationTrainCall, threads: int) -> Array:
    """Run a call in this thread, or parts of its members in several; return the updates made.

    This thread trains the first part, so that it does not have to be woken by the others.
    """
    members = len(call.weights)
    if threads == 1 or members < 2:
        return _run(call)
    first, *others = np.array_split(np.arange(members), min(threads, members))
    pool = ThreadPoolExecutor(len(others))
    try:
        running = [pool.submit(_train_part, call, part) for part in others]
        done = [_train_part(call, first)]
        return np.concatenate(done + [part.result() for part in running])
    finally:
        try:
            _wait_for(pool)
        except BaseException:
            _wait_for(pool)  # a signal came before `undisturbed` could postpone it
            raise


def _wait_for(pool: ThreadPoolExecutor) -> None:
    """Wait for threads, which change the members, also at a second Ctrl-C."""
    with undisturbed():
        pool.shutdown()


def _run(call: PopulationTrainCall) -> Array:
    """Run a call in lanes, or one network after the other."""
    if suits_lanes(call.layers, len(call.weights)):
        return np.asarray(call.run(kernels))
    return one_by_one(population_arguments.train(call), kernels.mlp_train)


def _train_part(call: PopulationTrainCall, part: Array) -> Any:
    """Run a call for neighbouring members; arrays except the slots change in place."""
    some = slice(int(part[0]), int(part[-1]) + 1)
    slots = np.ascontiguousarray(call.slots[:, some])
    part_of_call = replace(
        call,
        weights=call.weights[some],
        slots=slots,
        rows=_of(call.rows, some),
        epoch_rows=call.epoch_rows[some],
        counters=call.counters[some],
        rates=call.rates[some],
        losses=call.losses[:, some],
        seeds=call.seeds[some],
        penalties=np.ascontiguousarray(call.penalties[:, some]),
        sample_weight=_of(call.sample_weight, some),
        dropout=_of(call.dropout, some),
    )
    try:
        return _run(part_of_call)
    finally:  # also if the call is interrupted
        call.slots[:, some] = slots


def evaluate(
    weights: Array, layers: Array, x: Array, y: Array, rows: Array | None, loss: str
) -> Array:
    """Return the mean loss (M,) of each member for all rows, or for its own rows (M, R)."""
    count = len(x) if rows is None else rows.shape[1]
    numbers = count * (int(layers[0, 0]) + 3 * int(layers[:, 1].sum()))
    if suits_lanes(layers, len(weights)) and numbers <= MOST_NUMBERS:
        return np.asarray(kernels.population_evaluate(weights, layers, x, y, rows, loss=loss))
    return losses_one_by_one(weights, layers, x, y, rows, loss, kernels.mlp_evaluate)


def _of(array: Array | None, members: slice) -> Array | None:
    """Return the rows of some members, or the only one that all of them share."""
    return array if array is None or len(array) == 1 else array[members]


def predict(weights: Array, layers: Array, x: Array) -> Array:
    """Return the outputs (M, N, O) of members for rows (N, I), or (M, N, I) for each its own."""
    if suits_lanes(layers, len(weights)):
        lanes: Array = kernels.population_predict(weights, layers, x)
        return lanes
    last = int(layers[-1, 2])
    if ACTIVATION_ROW[ACTIVATIONS[last]].over_rows:
        logits = layers.copy()
        logits[-1, 2] = ACTIVATIONS.index("identity")
        if suits_lanes(logits, len(weights)):
            outputs = kernels.population_predict(weights, logits, x)
            forward = getattr(kernels, f"{ACTIVATIONS[last]}_forward")
            rows = outputs.reshape(-1, outputs.shape[-1])
            return np.asarray(forward(rows)).reshape(outputs.shape)
    own = (x if x.ndim == 2 else x[k] for k in range(len(weights)))
    shapes = shapes_of(layers)
    each = [
        kernels.mlp_predict(padded(vector, shapes), layers, part)
        for vector, part in zip(weights, own, strict=True)
    ]
    return np.stack(each)
