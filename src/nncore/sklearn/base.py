"""The base class of the classifier and the regressor."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils.validation import check_is_fitted

from nncore import kernels
from nncore.arguments import mlp as mlp_arguments
from nncore.checks import functions
from nncore.guards import changes_elsewhere, exclusive, shared
from nncore.params import Array
from nncore.sklearn import fitting, flat, validation
from nncore.sklearn.callback_protocol import CallbackSupportMixin, with_callbacks
from nncore.sklearn.conversion import converted, row_weights
from nncore.sklearn.parameters import CONSTRAINTS, with_constants
from nncore.sklearn.rows import Rows
from nncore.sparse import FLOATS, SparseRows, is_sparse, sparse_rows, unchecked_rows

LEFT_OUT = ("_flat", "_measured", "_calls")  # of copies and pickles


class BaseMLP(
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
    ABC,
):
    """Base class of both estimators; subclasses define their targets, loss and score."""

    _parameter_constraints: ClassVar[dict[str, Any]] = CONSTRAINTS
    solver: Any
    coefs_: list[Array]
    intercepts_: list[Array]
    loss_curve_: list[float]
    validation_loss_curve_: list[float] | None
    _incremental = False  # whether the call is one of `partial_fit`

    # --- what subclasses define -----------------------------------------------------

    @abstractmethod
    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        """Return checked X, and checked and encoded y."""

    @abstractmethod
    def _encoded(self, y: Any) -> Array:
        """Return targets as the kernels read them: labels (N,) of several classes, else (N, O)."""

    @abstractmethod
    def _decoded(self, y: Array) -> Array:
        """Return encoded targets in their original form."""

    @abstractmethod
    def _targets(self) -> int:
        """Return the number of values or labels in each row of y."""

    @abstractmethod
    def _outputs_and_activation(self, y: Array) -> tuple[int, str]:
        """Return the number of outputs for y, and their activation."""

    @abstractmethod
    def _kernel_loss(self) -> str:
        """Return the kernels' name of the loss, which takes outputs before the last activation."""

    @abstractmethod
    def _loss_scale(self) -> float:
        """Return the factor by which the kernels' loss is reported."""

    @abstractmethod
    def _score_of(self, z: Array, y: Array, weight: Array | None) -> float:
        """Return the score of outputs before the last activation."""

    def _weight_of_classes(self, y: Array, weight: Array | None) -> Array | None:
        """Return the factor on each row's weight for its class, or None."""
        return None

    def _strata(self, y: Array) -> Array | None:
        """Return the classes by which to stratify the validation split, or None."""
        return None

    # --- training -------------------------------------------------------------------

    @exclusive  # outermost: a call that is refused must not end the callbacks of the other
    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        validation_data: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The training samples.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets: classes or, for several labels per sample, an indicator matrix of 0 and
            1 for a classifier, numbers for a regressor.

        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        validation_data : tuple (X, y) or (X, y, sample_weight), default=None
            Data on which the loss and, with early stopping, the score are measured after each
            iteration, instead of held-out training samples. "lbfgs" does not support it together
            with early stopping.

        X_val : {array-like, sparse matrix} of shape (n_validation_samples, n_features), \
default=None
            Validation data, under the argument names of scikit-learn's gradient boosting, so that
            ``Pipeline(..., transform_input=["X_val"])`` transforms it like X.

        y_val : array-like, default=None
            The targets of `X_val`.

        sample_weight_val : array-like of shape (n_validation_samples,), default=None
            The sample weights of `X_val`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If data or parameters are invalid, or the weights become non-finite. With early
            stopping, the best weights so far, including the initial ones, are restored instead,
            with a `DivergenceWarning`.
        RuntimeError
            If another thread is training, saving or copying the estimator.

        Notes
        -----
        Ctrl-C ends training with a warning; the estimator keeps the weights at that moment or, with
        "lbfgs", those of the last finished iteration.
        """
        measured = validation.of_fit(validation_data, X_val, y_val, sample_weight_val)
        fitting.fit(self, X, y, sample_weight, measured, incremental=False)
        return self

    def _check_solver(self) -> bool:
        """Return True, or raise AttributeError if the solver has no `partial_fit`."""
        if self.solver == "lbfgs":
            raise AttributeError(
                "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
            )
        return True

    def _network(self, dtype: Any = None) -> flat.Flat:
        """Return the parameters as a flat vector."""
        kept: flat.Flat | None = vars(self).get("_flat")
        if kept is not None and changes_elsewhere(self):
            return kept  # always consistent, while coefs_ and intercepts_ are set one by one
        if kept is not None and not kept.holds(self.coefs_, self.intercepts_):
            kept = None
        if kept is not None and (dtype is None or dtype == kept.weights.dtype):
            return kept
        if dtype is None:
            dtype = np.result_type(np.float32, *self.coefs_)
        return flat.Flat(self.coefs_, self.intercepts_, dtype)

    def _rows(self, X: Any, y: Array, weight: Array | None, network: flat.Flat) -> Rows:
        """Return rows in the network's dtype, weighted by their weights and their classes."""
        name, by_class = "sample_weight", self._weight_of_classes(y, weight)
        if by_class is not None:
            name = "sample_weight with class_weight"
            with np.errstate(all="ignore"):  # checked by `row_weights`
                weight = by_class if weight is None else weight * by_class
        if weight is not None:
            weight = row_weights(name, weight, network.weights.dtype)
        return replace(self._unweighted(X, y, network), weight=weight)

    def _unweighted(self, X: Any, y: Array, network: flat.Flat) -> Rows:
        """Return rows in the network's dtype."""
        if y.ndim == 1 and self.out_activation_ == "softmax":
            y = np.ascontiguousarray(y, np.intp)
        else:
            y = converted("y", y.reshape(len(y), -1), network.weights.dtype)
        return Rows(sparse_rows("X", X) if is_sparse(X) else X, y, None)

    def _check_targets(self, name: str, y: Any) -> None:
        """Raise ValueError if y has another number of outputs than the network."""
        count, expected = y.shape[1] if y.ndim == 2 else 1, self._targets()
        if count != expected:
            raise ValueError(f"{name} has {count} column(s), expected {expected}")

    def _callbacks(self) -> tuple[Callable[[Any], object], ...]:
        """Return the callbacks as a tuple."""
        given = () if self.callbacks is None else self.callbacks
        return tuple(functions("callbacks", [given] if callable(given) else given))

    @shared
    def set_params(self, /, **params: Any) -> Any:
        """Set the parameters of this estimator.

        If the solver is an nncore optimizer, its constants can be set as well, with names such as
        ``solver__learning_rate``. As optimizers are immutable, the solver is replaced by a copy.

        Parameters
        ----------
        **params : dict
            Parameters by name.

        Returns
        -------
        self : estimator instance
            The estimator.

        Raises
        ------
        ValueError
            If a parameter is unknown.
        RuntimeError
            If another thread is training the estimator.
        """
        prefix = "solver__"
        constants = {name: params.pop(name) for name in list(params) if name.startswith(prefix)}
        super().set_params(**params)
        if constants:
            constants = {name.removeprefix(prefix): value for name, value in constants.items()}
            self.solver = with_constants(self.solver, constants)
        return self

    # --- prediction -----------------------------------------------------------------

    def _check_fitted(self) -> None:
        """Raise NotFittedError before `fit`; `check_is_fitted` takes as long as one prediction."""
        if "coefs_" not in vars(self):
            check_is_fitted(self)

    def _forward(self, X: Any, output: str, layer: int | None = None) -> Array:
        """Return the outputs for X, or those of a hidden layer."""
        rows = X
        if X is not vars(self).get("_measured"):  # which has been validated
            rows = self._quick_rows(X)
            if rows is None:
                rows = validation.validated(self, X, reset=False)
        return self._outputs(rows, output, layer)

    def _outputs(self, rows: Any, output: str, layer: int | None = None) -> Array:
        """Return the outputs for validated rows, or those of a hidden layer."""
        network = self._network()
        layers = network.layers(vars(self).get("_activation", self.activation), output)
        weights = network.weights
        if layer is not None:
            layers = layers[: layer + 1]
            weights = weights[: mlp_arguments.flat_size(layers)]
        return flat.outputs(weights, layers, rows)

    def _quick_rows(self, X: Any) -> SparseRows | None:
        """Return sparse rows that need no `validate_data`, which takes longer than a prediction.

        None if it might raise, warn, or convert them.
        """
        if getattr(X, "format", None) != "csr" or hasattr(self, "feature_names_in_"):
            return None
        if X.shape[1:] != (self.n_features_in_,) or not X.shape[0]:
            return None
        if X.dtype not in FLOATS:
            return None
        rows = unchecked_rows("X", X)
        return rows if kernels.rows_are_valid(rows) else None

    def _hidden_layer(self) -> int:
        """Return the index of the layer for `transform`."""
        hidden = len(self.coefs_) - 1
        index = self.hidden_layer + (hidden if self.hidden_layer < 0 else 0)
        if not hidden:
            raise ValueError("transform needs a hidden layer, but the network has none")
        if not 0 <= index < hidden:
            raise ValueError(
                f"hidden_layer is {self.hidden_layer}, expected {-hidden} to {hidden - 1}, as the "
                f"network has {hidden} hidden layers"
            )
        return int(index)

    def transform(self, X: Any) -> Array:
        """Return the outputs of a hidden layer, the one that `hidden_layer` selects.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_hidden_units)
            The outputs of the hidden layer.
        """
        self._check_fitted()
        return self._forward(X, self.out_activation_, self._hidden_layer())

    @property
    def _n_features_out(self) -> int:
        """Number of features that `transform` returns."""
        return len(self.intercepts_[self._hidden_layer()])

    # --- copies and pickles ---------------------------------------------------------

    def __copy__(self) -> Any:
        """Return a deep copy, as estimators never share arrays with their copies."""
        return copy.deepcopy(self)

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is a network, also while another thread is in its first `fit`."""
        return "coefs_" in vars(self) and "intercepts_" in vars(self)

    @shared
    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the flat vector, which pickled views would duplicate."""
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name not in LEFT_OUT}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if hasattr(self, "coefs_"):  # views again, so that predictions need no copy
            self._flat = self._network()
            self.coefs_, self.intercepts_ = self._flat.coefs, self._flat.intercepts

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
