"""`MLPRegressor`, in the place of scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from nncore.params import Array
from nncore.sklearn.base import SPARSE, BaseMLP
from nncore.sklearn.callback_protocol import with_callbacks

KERNEL_LOSSES = {
    "squared_error": "half_squared_error",
    "poisson": "half_poisson_deviance",
    "absolute_error": "absolute_error",
    "huber": "huber",
}


class MLPRegressor(RegressorMixin, BaseMLP):  # type: ignore[misc]
    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: Any = 0.0001,
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: Any = 0.001,
        power_t: Any = 0.5,
        max_iter: Any = 200,
        shuffle: Any = True,
        random_state: Any = None,
        tol: Any = 1e-4,
        verbose: Any = False,
        warm_start: Any = False,
        momentum: Any = 0.9,
        nesterovs_momentum: Any = True,
        early_stopping: Any = False,
        validation_fraction: Any = 0.1,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        epsilon: Any = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: Any = 15000,
        l1: Any = 0.0,
        dropout: Any = 0.0,
        clip_norm: Any = None,
        schedule: Any = None,
        callbacks: Any = None,
        hidden_layer: Any = -1,
        dtype: Any = None,
        progress: Any = False,
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.l1 = l1
        self.dropout = dropout
        self.clip_norm = clip_norm
        self.schedule = schedule
        self.callbacks = callbacks
        self.hidden_layer = hidden_layer
        self.dtype = dtype
        self.progress = progress

    _parameter_constraints = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions(set(KERNEL_LOSSES))],
    }

    # --- training -------------------------------------------------------------------

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Any = None
    ) -> MLPRegressor:
        self._fit(X, y, sample_weight, validation_data, False)
        return self

    @available_if(lambda estimator: estimator._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        self._fit(X, y, sample_weight, None, True)
        return self

    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=SPARSE,
            multi_output=True,
            y_numeric=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, self._encoded(y)

    def _encoded(self, y: Any) -> Array:
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError(f"loss='poisson' needs y of 0 or more, got {y.min()}")
        return np.asarray(y).reshape(len(y), -1)

    def _outputs_and_activation(self, y: Array) -> tuple[int, str]:
        return y.shape[1], "exp" if self.loss == "poisson" else "identity"

    def _kernel_loss(self) -> str:
        return KERNEL_LOSSES[self.loss]

    def _loss_scale(self) -> float:
        """The mean over outputs, as scikit-learn reports it, but for its Poisson deviance."""
        return 1.0 if self.loss == "poisson" else 1.0 / self.n_outputs_

    def _score_of(self, z: Array, y: Array, weight: Array | None) -> float:
        """R2, the mean over outputs."""
        outputs = np.exp(z) if self.out_activation_ == "exp" else z
        if not np.isfinite(outputs).all():
            return float("nan")
        y = y.astype(np.float64)
        error = np.average((y - outputs) ** 2, axis=0, weights=weight)
        spread = np.average((y - np.average(y, axis=0, weights=weight)) ** 2, axis=0, weights=weight)
        score = np.where(error == 0, 1.0, 0.0)  # of a constant y
        np.divide(error, spread, out=score, where=spread > 0)
        return float(np.mean(np.where(spread > 0, 1 - score, score)))

    # --- use ------------------------------------------------------------------------

    def predict(self, X: Any) -> Array:
        check_is_fitted(self)
        outputs = self._forward(X, self.out_activation_)
        if self.out_activation_ == "exp":
            np.exp(outputs, out=outputs)
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
