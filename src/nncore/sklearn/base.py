"""What the classifier and the regressor share."""

from __future__ import annotations

import copy
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from nncore import kernels
from nncore.arguments import mlp as mlp_arguments
from nncore.checks import functions
from nncore.guards import changes_elsewhere, shared
from nncore.params import Array
from nncore.sklearn import flat, lbfgs, validation, warm
from nncore.sklearn.callback_protocol import CallbackSupportMixin, Hooks
from nncore.sklearn.conversion import converted, row_weights
from nncore.sklearn.parameters import CONSTRAINTS, with_constants
from nncore.sklearn.rows import HeldOut, Rows
from nncore.sklearn.steps import Steps
from nncore.sklearn.training import NOT_FINITE, Epochs
from nncore.sparse import FLOATS, SparseRows, is_sparse, sparse_rows, unchecked_rows

LEFT_OUT = ("_flat", "_measured", "_calls")  # of copies


class BaseMLP(
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
    ABC,
):
    """The estimators but for their targets."""

    _parameter_constraints: ClassVar[dict[str, Any]] = CONSTRAINTS
    solver: Any
    coefs_: list[Array]
    intercepts_: list[Array]
    loss_curve_: list[float]
    validation_loss_curve_: list[float] | None
    _incremental = False  # within partial_fit?

    # --- what they differ in --------------------------------------------------------

    @abstractmethod
    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        """X and y checked, y encoded as numbers (N,) or (N, O)."""

    @abstractmethod
    def _encoded(self, y: Any) -> Array:
        """Targets as numbers: labels (N,) of several classes, else (N, O)."""

    @abstractmethod
    def _decoded(self, y: Array) -> Array:
        """Encoded targets as users know them."""

    @abstractmethod
    def _targets(self) -> int:
        """How many numbers or labels a row of y has, for the network that there is."""

    @abstractmethod
    def _outputs_and_activation(self, y: Array) -> tuple[int, str]:
        """How many outputs y asks for, and their activation."""

    @abstractmethod
    def _kernel_loss(self) -> str:
        """The loss of the outputs before the last activation, as kernels name it."""

    @abstractmethod
    def _loss_scale(self) -> float:
        """What the kernels' loss is multiplied by where it is reported."""

    @abstractmethod
    def _score_of(self, z: Array, y: Array, weight: Array | None) -> float:
        """The score of outputs before the last activation."""

    def _weight_of_classes(self, y: Array, weight: Array | None) -> Array | None:
        """What the rows, of these weights, count for their classes."""
        return None

    # --- training -------------------------------------------------------------------

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, validation_data: Any, incremental: bool
    ) -> Any:
        sizes = self._hidden_sizes()
        self._refuse_what_does_not_fit(incremental, validation_data is not None)
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        if not first:
            warm.check_hidden_layers(self, sizes)
        given = X, y
        X, y = self._validate_input(X, y, incremental, first)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        outputs, out_activation = self._outputs_and_activation(y)
        if not first:
            warm.check_outputs(self, out_activation)
        rng = self._random_state = check_random_state(self.random_state)
        self.n_outputs_ = outputs
        if first:
            self.out_activation_ = out_activation
            self._initialise([X.shape[1], *sizes, outputs], X.dtype)
        network = self._network(self._dtype_for(X))
        rows = self._rows(X, y, sample_weight, network)
        held_out = None
        if validation_data is not None:
            held_out = validation.given(self, validation_data, network)
        self.coefs_, self.intercepts_ = network.coefs, network.intercepts
        self._flat = network
        self._incremental = incremental
        if self.solver == "lbfgs":
            warm.forget(self)
            self.validation_loss_curve_ = None if held_out is None else []
            layers = network.layers(self.activation, "identity")
            lbfgs.minimise(self, network, layers, rows, held_out)
        else:
            self._fit_stochastic(rows, held_out, network, rng, given)
        if not np.isfinite(network.weights).all():
            raise ValueError(NOT_FINITE)
        return self

    def _fit_stochastic(
        self,
        rows: Rows,
        held_out: HeldOut | None,
        network: flat.Flat,
        rng: np.random.RandomState,
        given: tuple[Any, Any],
    ) -> None:
        if self.early_stopping and held_out is None:
            rows, held_out = validation.split(self, rows, rng)
        kept = vars(self).get("_optimizer") if self._incremental else None
        if kept is None or not kept.go_on(self):
            self._optimizer = Steps(self, network.weights.size, network.weights.dtype)
        self._optimizer.convert(network.weights.dtype)
        warm.prepare(self, held_out is not None)
        epochs = 1 if self._incremental else self.max_iter
        hooks = Hooks(self, *given, epochs)
        self._optimizer.counters[2] = 0  # an interrupted epoch is not gone on with
        try:
            Epochs(self, network, self._optimizer, rows, held_out, rng).run(epochs, hooks)
        finally:
            if self.early_stopping and self._best is not None:
                network.weights[...] = self._best
        hooks.end()

    def _hidden_sizes(self) -> list[int]:
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        try:
            sizes = [operator.index(size) for size in sizes]
        except TypeError as error:
            raise TypeError(f"hidden_layer_sizes must be whole numbers, got {sizes}") from error
        if any(size <= 0 for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        return sizes

    def _refuse_what_does_not_fit(self, incremental: bool, validated: bool) -> None:
        """ValueError for parameters that contradict each other."""
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        if self.solver == "lbfgs":
            for name in ("l1", "clip_norm", "schedule"):
                if getattr(self, name):
                    raise ValueError(f"solver='lbfgs' takes no {name}; use 'sgd' or 'adam'")
            if np.any(np.asarray(self.dropout)):
                raise ValueError("solver='lbfgs' takes no dropout; use 'sgd' or 'adam'")
            if self.early_stopping and validated:
                raise ValueError(
                    "solver='lbfgs' does not stop early: give early_stopping or validation_data, "
                    "which it measures on, not both; or use 'sgd' or 'adam'"
                )
        elif self.learning_rate != "constant" and self.schedule is not None:
            raise ValueError(f"give learning_rate={self.learning_rate!r} or a schedule, not both")
        rates = np.asarray(self.dropout, float)
        count = len(self._hidden_sizes())
        if rates.ndim and rates.shape != (count,):
            raise ValueError(
                f"dropout has shape {rates.shape}, wanted one rate or one each for the {count} "
                f"hidden layers"
            )
        if not ((rates >= 0) & (rates < 1)).all():
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")

    def _dtype_for(self, X: Any) -> np.dtype[Any]:
        """Of the network: the one asked for, or that it has already, or that of X."""
        if self.dtype is not None:
            return np.dtype(self.dtype)
        kept = np.asarray(self.coefs_[0]).dtype
        return kept if kept in (np.float32, np.float64) else X.dtype

    def _initialise(self, sizes: Sequence[int], dtype: np.dtype[Any]) -> None:
        """A network that has seen nothing, and its records."""
        self.n_iter_ = self.t_ = 0
        self.n_layers_ = len(sizes)
        dtype = np.dtype(self.dtype or dtype)
        self.coefs_, self.intercepts_ = flat.initial(
            self._random_state, sizes, self.activation, dtype
        )
        self._activation = self.activation
        warm.forget(self)

    def _network(self, dtype: Any = None) -> flat.Flat:
        """The parameters as kernels take them."""
        kept: flat.Flat | None = vars(self).get("_flat")
        if kept is not None and changes_elsewhere(self):
            return kept  # whole at every moment, while coefs_ and intercepts_ are two attributes
        if kept is not None and not kept.holds(self.coefs_, self.intercepts_):
            kept = None
        if kept is not None and (dtype is None or dtype == kept.weights.dtype):
            return kept
        if dtype is None:
            dtype = np.result_type(np.float32, *self.coefs_)
        return flat.Flat(self.coefs_, self.intercepts_, dtype)

    def _rows(self, X: Any, y: Array, weight: Array | None, network: flat.Flat) -> Rows:
        """Rows in the network's dtype, which count by their weight and that of their class."""
        name, by_class = "sample_weight", self._weight_of_classes(y, weight)
        if by_class is not None:
            name = "sample_weight with class_weight"
            with np.errstate(all="ignore"):  # judged in their product, below
                weight = by_class if weight is None else weight * by_class
        if weight is not None:
            weight = row_weights(name, weight, network.weights.dtype)
        return replace(self._unweighted(X, y, network), weight=weight)

    def _unweighted(self, X: Any, y: Array, network: flat.Flat) -> Rows:
        """Rows in the network's dtype."""
        if y.ndim == 1 and self.out_activation_ == "softmax":
            y = np.ascontiguousarray(y, np.intp)
        else:
            y = converted("y", y.reshape(len(y), -1), network.weights.dtype)
        return Rows(sparse_rows("X", X) if is_sparse(X) else X, y, None)

    def _check_targets(self, name: str, y: Any) -> None:
        """ValueError for rows of another number of outputs."""
        count, wanted = y.shape[1] if y.ndim == 2 else 1, self._targets()
        if count != wanted:
            raise ValueError(f"{name} has {count} outputs a row, the network has {wanted}")

    def _strata(self, y: Array) -> Array | None:
        """Classes whose shares a split is to keep."""
        return None

    def _callbacks(self) -> tuple[Callable[[Any], object], ...]:
        given = () if self.callbacks is None else self.callbacks
        return tuple(functions("callbacks", [given] if callable(given) else given))

    @shared
    def set_params(self, /, **params: Any) -> Any:
        """Set parameters, of an nncore optimizer as the solver too, as `solver__learning_rate`.

        Optimizers do not change: the solver becomes a new one. Raises ValueError for unknown
        parameters, RuntimeError while another thread trains the estimator.
        """
        prefix = "solver__"
        constants = {name: params.pop(name) for name in list(params) if name.startswith(prefix)}
        super().set_params(**params)
        if constants:
            constants = {name.removeprefix(prefix): value for name, value in constants.items()}
            self.solver = with_constants(self.solver, constants)
        return self

    # --- use ------------------------------------------------------------------------

    def _check_fitted(self) -> None:
        """`check_is_fitted`, which takes as long as a row's prediction, only where it raises."""
        if "coefs_" not in vars(self):
            check_is_fitted(self)

    def _forward(self, X: Any, output: str, layer: int | None = None) -> Array:
        """Outputs for X, or those of a hidden layer."""
        rows = X
        if X is not vars(self).get("_measured"):  # which has been validated
            rows = self._quick_rows(X)
            if rows is None:
                rows = validation.validated(self, X, reset=False)
        network = self._network()
        layers = network.layers(vars(self).get("_activation", self.activation), output)
        weights = network.weights
        if layer is not None:
            layers = layers[: layer + 1]
            weights = weights[: mlp_arguments.flat_size(layers)]
        return flat.outputs(weights, layers, rows)

    def _quick_rows(self, X: Any) -> SparseRows | None:
        """Sparse rows that `validate_data` has nothing to say of, which takes longer than a row.

        None for all that it might complain or warn of, or convert.
        """
        if getattr(X, "format", None) != "csr" or hasattr(self, "feature_names_in_"):
            return None
        if X.shape[1:] != (self.n_features_in_,) or not X.shape[0]:
            return None
        if X.dtype not in FLOATS:
            return None
        rows = unchecked_rows("X", X)
        return rows if kernels.rows_are_sound(rows) else None

    def _hidden_layer(self) -> int:
        """Which layer `transform` gives, counted from 0."""
        hidden = len(self.coefs_) - 1
        index = self.hidden_layer + (hidden if self.hidden_layer < 0 else 0)
        if not hidden:
            raise ValueError("transform gives outputs of a hidden layer: the network has none")
        if not 0 <= index < hidden:
            raise ValueError(
                f"hidden_layer is {self.hidden_layer}, wanted {-hidden} to {hidden - 1}: the "
                f"network has {hidden} hidden layers"
            )
        return int(index)

    def transform(self, X: Any) -> Array:
        """Outputs (N, H) of the hidden layer that `hidden_layer` names, the last one by default."""
        self._check_fitted()
        return self._forward(X, self.out_activation_, self._hidden_layer())

    @property
    def _n_features_out(self) -> int:
        return len(self.intercepts_[self._hidden_layer()])

    def __copy__(self) -> Any:
        """An estimator shares nothing with a copy of it, also where a shallow one is asked for."""
        return copy.deepcopy(self)

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is a network, also while another thread is at the first `fit`."""
        return "coefs_" in vars(self) and "intercepts_" in vars(self)

    @shared
    def __getstate__(self) -> dict[str, Any]:
        """Without the flat vector, of which pickled views would be copies."""
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name not in LEFT_OUT}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if hasattr(self, "coefs_"):  # views again, so that no prediction has to copy them
            self._flat = self._network()
            self.coefs_, self.intercepts_ = self._flat.coefs, self._flat.intercepts

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _check_solver(self) -> bool:
        """AttributeError where there is no `partial_fit`."""
        if self.solver == "lbfgs":
            raise AttributeError(
                "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
            )
        return True
