"""A call of `fit` or `partial_fit`, up to the solver's iterations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight

from nncore.params import Array
from nncore.sklearn import flat, lbfgs, validation, warm
from nncore.sklearn.callback_protocol import Hooks
from nncore.sklearn.parameters import check_combination, hidden_sizes
from nncore.sklearn.recording import NOT_FINITE
from nncore.sklearn.rows import HeldOut, Rows, Subset
from nncore.sklearn.steps import Steps
from nncore.sklearn.training import Epochs
from nncore.sklearn.validated import Validated


def fit(
    estimator: Any, X: Any, y: Any, sample_weight: Any, validation_data: Any, incremental: bool
) -> None:
    """Train an estimator; `incremental` is True for `partial_fit`."""
    sizes = hidden_sizes(estimator)
    check_combination(estimator, incremental, validation_data is not None)
    first = _is_first(estimator, incremental)
    if not first:
        warm.check_hidden_layers(estimator, sizes)
    given = X, y
    X, y = estimator._validate_input(X, y, incremental, first)
    if sample_weight is not None:
        sample_weight = _check_sample_weight(sample_weight, X)
    _fit_validated(estimator, X, y, sample_weight, validation_data, incremental, given)


def fit_rows(estimator: Any, data: Validated, at: Array) -> None:
    """Train a new estimator on some rows of data."""
    check_combination(estimator, False, False)
    vars(estimator).update(data.learnt)
    X, y = data.x[at], data.y[at]
    _fit_validated(estimator, X, y, None, None, False, (X, y))


def _fit_validated(
    estimator: Any,
    X: Any,
    y: Array,
    sample_weight: Any,
    validation_data: Any,
    incremental: bool,
    given: tuple[Any, Any],
) -> None:
    """Train an estimator on validated data; `given` are X and y as the user passed them."""
    rng = _prepare(estimator, X, y, incremental, estimator.random_state)
    network = estimator._network(_dtype_for(estimator, X))
    rows = estimator._rows(X, y, sample_weight, network)
    held_out = None
    if validation_data is not None:
        held_out = validation.given(estimator, validation_data, network)
    _adopt(estimator, network, incremental)
    if estimator.solver == "lbfgs":
        _fit_lbfgs(estimator, rows, held_out, network)
    else:
        _fit_stochastic(estimator, rows, held_out, network, rng, given)
    if not np.isfinite(network.weights).all():
        raise ValueError(NOT_FINITE)


def begin(estimator: Any, data: Validated, at: Array) -> Epochs:
    """Return the epochs of a new estimator's `fit` for some rows of data, before the first one.

    Without a `random_state`, the seed is drawn from NumPy's global generator, and all numbers from
    a generator with this seed, as several estimators draw theirs at the same time.
    """
    check_combination(estimator, False, False)
    vars(estimator).update(data.learnt)
    seed = estimator.random_state
    if seed is None:
        seed = check_random_state(None).randint(2**31 - 1)
    rng = _prepare(estimator, data.x, data.y, False, seed)
    network = estimator._network(_dtype_for(estimator, data.x))
    _adopt(estimator, network, False)
    return _epochs(estimator, data.subset(estimator, network, at), None, network, rng)


def _adopt(estimator: Any, network: flat.Flat, incremental: bool) -> None:
    """Let the arrays of an estimator be views of its network."""
    estimator.coefs_, estimator.intercepts_ = network.coefs, network.intercepts
    estimator._flat = network
    estimator._incremental = incremental


def _is_first(estimator: Any, incremental: bool) -> bool:
    """Whether training does not go on with the estimator's network."""
    return not hasattr(estimator, "coefs_") or not (estimator.warm_start or incremental)


def _prepare(
    estimator: Any, X: Any, y: Array, incremental: bool, seed: Any
) -> np.random.RandomState:
    """Create the network, or check that the present one fits; return the random state."""
    first = _is_first(estimator, incremental)
    outputs, out_activation = estimator._outputs_and_activation(y)
    if not first:
        warm.check_outputs(estimator, out_activation)
    rng: np.random.RandomState = check_random_state(seed)
    estimator._random_state = rng
    estimator.n_outputs_ = outputs
    if first:
        estimator.out_activation_ = out_activation
        _initialise(estimator, [X.shape[1], *hidden_sizes(estimator), outputs], X.dtype)
    return rng


def _initialise(estimator: Any, sizes: Sequence[int], dtype: np.dtype[Any]) -> None:
    """Give the estimator a new network and empty records."""
    estimator.n_iter_ = estimator.t_ = 0
    estimator.n_layers_ = len(sizes)
    dtype = np.dtype(estimator.dtype or dtype)
    estimator.coefs_, estimator.intercepts_ = flat.initial(
        estimator._random_state, sizes, estimator.activation, dtype
    )
    estimator._activation = estimator.activation
    warm.forget(estimator)


def _dtype_for(estimator: Any, X: Any) -> np.dtype[Any]:
    """Return the dtype to train in: the `dtype` parameter, that of the weights, or that of X."""
    if estimator.dtype is not None:
        return np.dtype(estimator.dtype)
    kept = np.asarray(estimator.coefs_[0]).dtype
    return kept if kept in (np.float32, np.float64) else X.dtype


def _fit_lbfgs(estimator: Any, rows: Rows, held_out: HeldOut | None, network: flat.Flat) -> None:
    """Train by L-BFGS."""
    warm.forget(estimator)
    estimator.validation_loss_curve_ = None if held_out is None else []
    layers = network.layers(estimator.activation, "identity")
    lbfgs.minimise(estimator, network, layers, rows, held_out)


def _fit_stochastic(
    estimator: Any,
    rows: Rows,
    held_out: HeldOut | None,
    network: flat.Flat,
    rng: np.random.RandomState,
    given: tuple[Any, Any],
) -> None:
    """Train by mini-batches; `given` are X and y as the user passed them."""
    run = _epochs(estimator, rows, held_out, network, rng)
    epochs = 1 if estimator._incremental else estimator.max_iter
    run.hooks = Hooks(estimator, *given, epochs)
    try:
        run.run(epochs)
    finally:
        run.restore_the_best()
    run.hooks.end()


def _epochs(
    estimator: Any,
    rows: Rows | Subset,
    held_out: HeldOut | None,
    network: flat.Flat,
    rng: np.random.RandomState,
) -> Epochs:
    """Return the epochs of a stochastic solver, before the first one."""
    if estimator.early_stopping and held_out is None:
        rows, held_out = validation.split(estimator, rows, rng)
    kept = vars(estimator).get("_optimizer") if estimator._incremental else None
    if kept is None or not kept.go_on(estimator):
        estimator._optimizer = Steps(estimator, network.weights.size, network.weights.dtype)
    estimator._optimizer.convert(network.weights.dtype)
    warm.prepare(estimator, held_out is not None)
    estimator._optimizer.counters[2] = 0  # an interrupted epoch is not continued
    return Epochs(estimator, network, estimator._optimizer, rows, held_out, rng)
