"""Populations: many perceptrons of one architecture, each with its own weights, rows and seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nncore.arguments import population as population_arguments
from nncore.arguments.population_train_call import PopulationTrainCall
from nncore.params import Array, Shapes, aligned_zeros, compact, mlp_shapes, padded
from nncore.reference.hashing import shuffled
from nncore.reference.mlp import mlp_evaluate, mlp_predict
from nncore.reference.mlp_training import mlp_train
from nncore.registry import UpdateRule

__all__ = ["population_evaluate", "population_predict", "population_train"]


def population_train(
    weights: Array,
    slots: Array,
    layers: Array,
    x: Array,
    y: Array,
    rows: Array | None,
    epoch_rows: Array,
    counters: Array,
    rates: Array,
    losses: Array,
    seeds: Array,
    penalties: Array,
    *,
    loss: str,
    optimizer: UpdateRule,
    batch_size: int,
    shuffle: bool = True,
    clip_value: float = 0.0,
    clip_norm: float = 0.0,
    sample_weight: Array | None = None,
    dropout: Array | None = None,
    updates_per_loss: int = 1,
    threads: int = 1,
) -> Array:
    """Train many perceptrons of one architecture, each as `mlp_train` trains it alone.

    Parameters
    ----------
    weights : ndarray of shape (M, P)
        The parameters of M networks: w1, b1, w2, b2, and so on, without padding.
    slots : ndarray of shape (K, M, P)
        The state of the optimizers.
    layers, x, y, loss
        As for `mlp_gradients`, for all networks; activations must be element-wise.
    rows : ndarray of intp, shape (M, R), or None
        The rows of x that each network reads, of which the first `epoch_rows` count. None for all
        rows of x.
    epoch_rows : ndarray of int64, shape (M,)
        Number of rows in an epoch of each network.
    counters : ndarray of int64, shape (M, 4)
        For each network what `mlp_train` counts.
    rates : ndarray of float64, shape (M, U) or (M, 1)
        The step size of each of U updates, or of all of them.
    losses : ndarray of float64, shape (U / updates_per_loss, M)
        Where the objectives of updates are stored. Its rows may be apart.
    seeds : ndarray of uint64, shape (M,)
        Seeds of the orders of rows.
    penalties : ndarray of float64, shape (3, M)
        The factors l1, l2 and alpha of each network's penalties.
    optimizer : UpdateRule
        The update rule and its constants; step sizes are in `rates`.
    batch_size : int
        Number of rows in a batch.
    shuffle : bool
        Whether each epoch has a new random order.
    clip_value, clip_norm : float
        Limits of the entries of each network's gradient, and of its norm; 0 for none.
    sample_weight : ndarray of shape (M, N) or (1, N), optional
        The weights of the rows of x for each network, or for all of them. In a batch they are
        divided by its number of rows, so their mean should be 1.
    dropout : ndarray of float64, shape (M, L - 1), optional
        The dropout rates of each network's hidden layers.
    updates_per_loss : int
        The number of updates whose objectives are added up, in their order, in each of `losses`.
    threads : int
        The number of threads of the compiled kernel, on which the bits do not depend.

    Returns
    -------
    ndarray of int64, shape (M,)
        The number of updates that each network made. A network whose objective is not finite stops
        before that update; the others go on.

    Raises
    ------
    TypeError, ValueError, IndexError
        If an argument has the wrong type, shape or value.

    Notes
    -----
    `weights`, `slots`, `counters` and `losses` change in place. The compiled kernel keeps network
    number l of a block in lane l of every vector. It treats subnormal numbers as 0.
    """
    call = PopulationTrainCall(
        weights, slots, layers, x, y, rows, epoch_rows, counters, rates, losses, seeds, penalties,
        loss, optimizer, batch_size, shuffle, clip_value, clip_norm, sample_weight, dropout,
        updates_per_loss, threads,
    )  # fmt: skip
    population_arguments.train(call)
    done = [train_member(call, k, mlp_train) for k in range(len(weights))]
    return np.array(done, np.int64)


def train_member(call: PopulationTrainCall, k: int, train: Callable[..., int]) -> int:
    """Train one network of a checked call by an implementation of `mlp_train`."""
    shapes = shapes_of(call.layers)
    kept = slice(int(call.epoch_rows[k]))
    own = kept if call.rows is None else call.rows[k][kept]
    x, y = np.ascontiguousarray(call.x[own]), np.ascontiguousarray(call.y[own])
    weights, *slots = (padded(vector, shapes) for vector in (call.weights[k], *call.slots[:, k]))
    state = aligned_zeros((len(slots), weights.size), weights.dtype)
    for row, vector in zip(state, slots, strict=True):
        row[...] = vector
    losses = np.empty(len(call.losses) * call.updates_per_loss)
    rates = np.broadcast_to(call.rates[k], losses.shape).copy()
    l1, l2, alpha = map(float, call.penalties[:, k])
    weight, dropout = None, call.dropout
    if call.sample_weight is not None:
        shared = len(call.sample_weight) == 1
        weight = np.ascontiguousarray(call.sample_weight[0 if shared else k, own])
    before = int(call.shown[k, 0])
    try:
        return train(
            weights, np.zeros_like(weights), state, call.layers, x, y,
            _order(call, k, len(x)), call.shown[k], rates, losses,
            loss=call.loss, optimizer=call.optimizer, epoch_rows=len(x),
            batch_size=call.batch_size, l1=l1, l2=l2, alpha=alpha, seed=int(call.seeds[k]),
            clip_value=call.clip_value, clip_norm=call.clip_norm, shuffle=call.shuffle,
            sample_weight=weight, mean_weight=0.0 if weight is None else 1.0,
            dropout=() if dropout is None or not dropout[k].any() else dropout[k].tolist(),
        )  # fmt: skip
    finally:  # also after Ctrl-C, which leaves the updates that were made
        call.weights[k] = compact(weights, shapes)
        for kept_state, row in zip(call.slots[:, k], state, strict=True):
            kept_state[...] = compact(row, shapes)
        _store(losses[: int(call.shown[k, 0]) - before + 1], call, k)


def _store(losses: Array, call: PopulationTrainCall, k: int) -> None:
    """Store the objectives (U,) of the updates that a network began."""
    each = call.updates_per_loss
    whole = len(losses) // each * each
    with np.errstate(all="ignore"):  # infinite ones
        sums = np.cumsum(losses[:whole].reshape(-1, each), axis=1)[:, -1]
        call.losses[: len(sums), k] = sums
        if whole < len(losses):
            call.losses[len(sums), k] = np.cumsum(losses[whole:])[-1]


def _order(call: PopulationTrainCall, k: int, rows: int) -> Array | None:
    """Return an array for the order of a network's rows, with that of an epoch that has begun."""
    if not call.shuffle:
        return None
    if call.counters[k, 2] == 0:
        return np.zeros(rows, np.intp)
    return shuffled(rows, int(call.seeds[k]), int(call.counters[k, 3]))


def shapes_of(layers: Array) -> Shapes:
    """Return the shapes of the parameters of a network with these layers."""
    return mlp_shapes([int(layers[0, 0]), *layers[:, 1].tolist()])


def population_evaluate(
    weights: Array, layers: Array, x: Array, y: Array, rows: Array | None = None, *, loss: str
) -> Array:
    """Return the mean losses of many perceptrons of one architecture.

    Parameters
    ----------
    weights : ndarray of shape (M, P)
        The parameters of M networks, as for `population_train`.
    layers, x, y, loss
        As for `mlp_gradients`, for all networks; activations must be element-wise.
    rows : ndarray of intp, shape (M, R), optional
        The rows of x that each network reads. By default all.

    Returns
    -------
    ndarray of float64, shape (M,)
        The losses that `mlp_evaluate` gives for each network, to the last bit.

    Raises
    ------
    TypeError, ValueError, IndexError
        If an argument has the wrong type, shape or value.
    """
    weights, layers, x, y, rows = population_arguments.evaluate(weights, layers, x, y, rows, loss)
    return losses_one_by_one(weights, layers, x, y, rows, loss, mlp_evaluate)


def losses_one_by_one(
    weights: Array, layers: Array, x: Array, y: Array, rows: Array | None, loss: str,
    evaluate: Callable[..., tuple[float, Array]],
) -> Array:  # fmt: skip
    """Return the mean losses (M,) by an implementation of `mlp_evaluate`, of checked arguments."""
    shapes, losses = shapes_of(layers), np.empty(len(weights))
    for k, vector in enumerate(weights):
        own = slice(None) if rows is None else rows[k]
        losses[k], _ = evaluate(padded(vector, shapes), layers, x[own], y[own], loss=loss)
    return losses


def population_predict(weights: Array, layers: Array, x: Array) -> Array:
    """Predict with many perceptrons of one architecture.

    Parameters
    ----------
    weights : ndarray of shape (M, P)
        The parameters of M networks, as for `population_train`.
    layers : ndarray of int64, shape (L, 3)
        The layers, as for `mlp_predict`; activations must be element-wise.
    x : ndarray of shape (N, I) or (M, N, I)
        Rows of inputs: the same for all networks, or each network's own.

    Returns
    -------
    ndarray of shape (M, N, O)
        Outputs, with the bits that `mlp_predict` gives for each network.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or shape.
    """
    weights, layers, x = population_arguments.predict(weights, layers, x)
    outputs = int(layers[-1, 1])
    result = np.empty((len(weights), x.shape[-2], outputs), weights.dtype)
    for k, vector in enumerate(weights):
        own = x if x.ndim == 2 else x[k]
        result[k] = mlp_predict(padded(vector, shapes_of(layers)), layers, own)
    return result
