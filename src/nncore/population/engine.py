"""Compiled training and prediction of all members: in lanes, or one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from nncore import kernels
from nncore.arguments import population as population_arguments
from nncore.arguments.population_train_call import PopulationTrainCall
from nncore.params import Array, padded
from nncore.reference.population import losses_one_by_one, shapes_of, train_member
from nncore.registry import ACTIVATION_ROW, ACTIVATIONS
from nncore.training.signals import undisturbed

# The most parameters of a member, by the size of a number; more do not stay in the second cache.
MOST_IN_LANES = {4: 8000, 8: 2000}
LANES = 16  # of the smallest block
MOST_NUMBERS = 1 << 18  # of a member in an evaluation, so that those of a block fit in memory


def suits_lanes(layers: Array, members: int, dtype: np.dtype[Any]) -> bool:
    """Whether so many networks are faster side by side than one after the other.

    A block takes as long for a few members as for all its lanes, and a large network alone fills
    the vector unit better than a small one. The bound was measured with batches of 32 rows, relu
    with Adam and tanh with SGD.
    """
    parameters, most = population_arguments.size(layers), MOST_IN_LANES[dtype.itemsize]
    enough = members >= LANES * (0.2 + 2.7 * parameters / most)
    return enough and parameters <= most and not population_arguments.over_rows(layers)


def train(call: PopulationTrainCall) -> Array:
    """Run a call in lanes, or one network after the other; return the updates made."""
    if suits_lanes(call.layers, len(call.weights), call.weights.dtype):
        return np.asarray(call.run(kernels))
    return _one_by_one(population_arguments.train(call))


def _one_by_one(call: PopulationTrainCall) -> Array:
    """Run a checked call, in which each thread takes the next member until none is left."""
    done = np.zeros(len(call.weights), np.int64)
    members = iter(range(len(done)))  # which all threads share

    def work() -> None:
        for k in members:
            done[k] = train_member(call, k, kernels.mlp_train)

    others = min(call.threads, len(done)) - 1
    if others < 1:
        work()
        return done
    pool = ThreadPoolExecutor(others)
    try:
        running = [pool.submit(work) for _ in range(others)]
        work()
        for each in running:
            each.result()
    finally:
        try:
            _wait_for(pool, members)
        except BaseException:
            _wait_for(pool, members)  # a signal came before `undisturbed` could postpone it
            raise
    return done


def _wait_for(pool: ThreadPoolExecutor, members: Iterator[int]) -> None:
    """Wait until the threads, which change members, have ended, also if Ctrl-C comes again."""
    with undisturbed():
        for _ in members:
            pass  # none is left for the others
        pool.shutdown()


def evaluate(
    weights: Array, layers: Array, x: Array, y: Array, rows: Array | None, loss: str
) -> Array:
    """Return the mean loss (M,) of each member for all rows, or for its own rows (M, R)."""
    count = len(x) if rows is None else rows.shape[1]
    numbers = count * (int(layers[0, 0]) + 3 * int(layers[:, 1].sum()))
    if suits_lanes(layers, len(weights), weights.dtype) and numbers <= MOST_NUMBERS:
        return np.asarray(kernels.population_evaluate(weights, layers, x, y, rows, loss=loss))
    return losses_one_by_one(weights, layers, x, y, rows, loss, kernels.mlp_evaluate)


def predict(weights: Array, layers: Array, x: Array) -> Array:
    """Return the outputs (M, N, O) of members for rows (N, I), or (M, N, I) for each its own."""
    if suits_lanes(layers, len(weights), weights.dtype):
        lanes: Array = kernels.population_predict(weights, layers, x)
        return lanes
    last = int(layers[-1, 2])
    if ACTIVATION_ROW[ACTIVATIONS[last]].over_rows:
        logits = layers.copy()
        logits[-1, 2] = ACTIVATIONS.index("identity")
        if suits_lanes(logits, len(weights), weights.dtype):
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
