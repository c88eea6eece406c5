"""The parameters of the estimators: their constraints, and the settings that they imply."""

from __future__ import annotations

import operator
from dataclasses import fields, replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer_names
from sklearn.utils._param_validation import Interval, Options, StrOptions

from nncore import registry
from nncore.optimizers import OPTIMIZERS, SGD, Adam, Optimizer

ACTIVATIONS = ("logistic", *registry.ACTIVATIONS)
OPTIMIZER_OF = {name.lower(): cls for name, cls in OPTIMIZERS.items()}
SOLVERS = ("lbfgs", *OPTIMIZER_OF)


def real(low: float, high: float | None, closed: str) -> Any:
    return Interval(Real, low, high, closed=closed)


def _count() -> Any:
    return Interval(Integral, 1, None, closed="left")


CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", _count()],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "solver": [StrOptions(set(SOLVERS)), Optimizer],
    "alpha": [real(0, None, "left")],
    "batch_size": [StrOptions({"auto"}), _count()],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
    "learning_rate_init": [real(0, None, "neither")],
    "power_t": [real(0, None, "left")],
    "max_iter": [_count()],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [real(0, None, "left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [real(0, 1, "both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [real(0, 1, "left")],
    "beta_1": [real(0, 1, "left")],
    "beta_2": [real(0, 1, "left")],
    "epsilon": [real(0, None, "neither")],
    "n_iter_no_change": [_count(), Options(Real, {np.inf})],
    "max_fun": [_count()],
    # Parameters that scikit-learn does not have.
    "l1": [real(0, None, "left")],
    "dropout": [real(0, 1, "left"), "array-like"],
    "clip_norm": [real(0, None, "neither"), None],
    "schedule": [callable, None],
    "callbacks": [callable, list, tuple, None],
    "hidden_layer": [Interval(Integral, None, None, closed="neither")],
    "dtype": [
        StrOptions({"float32", "float64"}),
        Options(type, {np.float32, np.float64}),
        Options(np.dtype, {np.dtype(np.float32), np.dtype(np.float64)}),
        None,
    ],
    "progress": ["boolean"],
    "scoring": [StrOptions({*get_scorer_names(), "loss"}), callable, None],
}


def store(estimator: Any, values: dict[str, Any]) -> None:
    """Set the parameters of an estimator to the local variables of its `__init__`."""
    for name, value in values.items():
        if name != "self":
            setattr(estimator, name, value)


def hidden_sizes(estimator: Any) -> list[int]:
    """Return the numbers of hidden units as a list."""
    sizes = estimator.hidden_layer_sizes
    sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    try:
        sizes = [operator.index(size) for size in sizes]
    except TypeError as error:
        raise TypeError(f"hidden_layer_sizes must be integers, got {sizes}") from error
    if any(size <= 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return sizes


def check_combination(estimator: Any, incremental: bool, validated: bool) -> None:
    """Raise ValueError for parameters that contradict each other.

    incremental: whether `partial_fit` was called; validated: whether there is validation data.
    """
    if incremental and estimator.early_stopping:
        raise ValueError("partial_fit does not support early_stopping=True")
    if estimator.solver == "lbfgs":
        _check_lbfgs(estimator, validated)
    elif estimator.learning_rate != "constant" and estimator.schedule is not None:
        raise ValueError(
            f"learning_rate={estimator.learning_rate!r} and schedule cannot be combined; use one "
            f"of them"
        )
    _check_dropout(estimator)


def _check_lbfgs(estimator: Any, validated: bool) -> None:
    """Raise ValueError for parameters that "lbfgs" does not support."""
    unsupported = [name for name in ("l1", "clip_norm", "schedule") if getattr(estimator, name)]
    if np.any(np.asarray(estimator.dropout)):
        unsupported.append("dropout")
    if unsupported:
        raise ValueError(
            f"solver='lbfgs' does not support {unsupported[0]}; use 'sgd' or 'adam' instead"
        )
    if estimator.early_stopping and validated:
        raise ValueError(
            "solver='lbfgs' does not support early_stopping together with validation_data; give "
            "only one of them, or use 'sgd' or 'adam' instead"
        )


def _check_dropout(estimator: Any) -> None:
    """Raise ValueError unless dropout is one rate in [0, 1), or one for each hidden layer."""
    rates = np.asarray(estimator.dropout, float)
    count = len(hidden_sizes(estimator))
    if rates.ndim and rates.shape != (count,):
        raise ValueError(
            f"dropout has shape {rates.shape}, expected a number or shape ({count},), as there "
            f"are {count} hidden layers"
        )
    if not ((rates >= 0) & (rates < 1)).all():
        raise ValueError(f"dropout must be in [0, 1), got {estimator.dropout}")


def with_constants(solver: Any, constants: dict[str, Any]) -> Optimizer:
    """Return a copy of the optimizer with other constants."""
    if not isinstance(solver, Optimizer):
        raise ValueError(
            f"solver__{next(iter(constants))} needs an nncore optimizer as solver, such as "
            f"nncore.SGD(), got {solver!r}"
        )
    known = solver.get_params()
    for name in constants:
        if name not in known:
            raise ValueError(
                f"Invalid parameter {name!r} for solver {solver!r}, expected one of "
                f"{', '.join(known)}"
            )
    return replace(solver, **constants)


def optimizer_of(estimator: Any) -> Optimizer:
    """Return the optimizer for `solver` and its parameters."""
    solver, rate = estimator.solver, float(estimator.learning_rate_init)
    if isinstance(solver, Optimizer):
        return solver
    cls = OPTIMIZER_OF.get(solver, SGD)  # its momentum may be 1 here, see `Steps`
    constants = {"epsilon": float(estimator.epsilon)}
    if issubclass(cls, Adam):  # of other rules, the betas are not scikit-learn's
        constants |= {"beta1": float(estimator.beta_1), "beta2": float(estimator.beta_2)}
    known = {field.name for field in fields(cls)}
    return cls(rate, **{name: value for name, value in constants.items() if name in known})
