"""What the estimators' parameters may be."""

from __future__ import annotations

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


def _real(low: float, high: float | None, closed: str) -> Any:
    return Interval(Real, low, high, closed=closed)


def _count() -> Any:
    return Interval(Integral, 1, None, closed="left")


CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", _count()],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "solver": [StrOptions(set(SOLVERS)), Optimizer],
    "alpha": [_real(0, None, "left")],
    "batch_size": [StrOptions({"auto"}), _count()],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
    "learning_rate_init": [_real(0, None, "neither")],
    "power_t": [_real(0, None, "left")],
    "max_iter": [_count()],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [_real(0, None, "left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [_real(0, 1, "both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [_real(0, 1, "left")],
    "beta_1": [_real(0, 1, "left")],
    "beta_2": [_real(0, 1, "left")],
    "epsilon": [_real(0, None, "neither")],
    "n_iter_no_change": [_count(), Options(Real, {np.inf})],
    "max_fun": [_count()],
    # What scikit-learn does not have.
    "l1": [_real(0, None, "left")],
    "dropout": [_real(0, 1, "left"), "array-like"],
    "clip_norm": [_real(0, None, "neither"), None],
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


def with_constants(solver: Any, constants: dict[str, Any]) -> Optimizer:
    """The optimizer with other constants, as a new one."""
    if not isinstance(solver, Optimizer):
        raise ValueError(
            f"solver__{next(iter(constants))} needs an nncore optimizer as the solver, such as "
            f"nncore.SGD(); solver is {solver!r}"
        )
    known = solver.get_params()
    for name in constants:
        if name not in known:
            raise ValueError(
                f"Invalid parameter {name!r} for solver {solver!r}; it has {', '.join(known)}"
            )
    return replace(solver, **constants)


def optimizer_of(estimator: Any) -> Optimizer:
    """The optimizer that `solver` and the parameters around it ask for."""
    solver, rate = estimator.solver, float(estimator.learning_rate_init)
    if isinstance(solver, Optimizer):
        return solver
    cls = OPTIMIZER_OF.get(solver, SGD)  # its momentum may be 1 here, see `Steps`
    constants = {"epsilon": float(estimator.epsilon)}
    if issubclass(cls, Adam):  # other rules have betas of their own
        constants |= {"beta1": float(estimator.beta_1), "beta2": float(estimator.beta_2)}
    known = {field.name for field in fields(cls)}
    return cls(rate, **{name: value for name, value in constants.items() if name in known})
