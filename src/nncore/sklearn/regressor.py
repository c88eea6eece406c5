"""A drop-in replacement for scikit-learn's `MLPRegressor`."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if

from nncore.guards import exclusive
from nncore.params import Array
from nncore.sklearn import fitting
from nncore.sklearn.base import BaseMLP
from nncore.sklearn.documentation import documented
from nncore.sklearn.parameters import store
from nncore.sklearn.validation import FLOATS, validated

KERNEL_LOSSES = {
    "squared_error": "half_squared_error",
    "poisson": "half_poisson_deviance",
    "absolute_error": "absolute_error",
    "huber": "huber",
}


@documented
class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron regressor.

    A drop-in replacement for scikit-learn's `MLPRegressor`, which minimises the squared error or
    another loss by L-BFGS or by stochastic gradient descent, in compiled code that releases the
    GIL.

    Parameters
    ----------
    loss : {"squared_error", "poisson", "absolute_error", "huber"}, default="squared_error"
        The loss function. "squared_error" is half the squared error, and "poisson" half the Poisson
        deviance, with predictions that are exponentials of the outputs. In addition to
        scikit-learn's losses, "absolute_error" and "huber" (with delta 1) are available.

    Attributes
    ----------
    loss_ : float
        The loss of the last iteration, including penalties: the mean over outputs, or their sum
        for "poisson".

    See Also
    --------
    MLPClassifier : Multi-layer perceptron classifier.
    nncore.MLP : The network without scikit-learn.

    Notes
    -----
    With the same `random_state` the network is that of scikit-learn up to rounding.

    The sum of the losses of all outputs is minimised, as in scikit-learn, although their mean is
    reported. With `warm_start` and in `partial_fit`, the loss cannot be changed to or from
    "poisson".

    Examples
    --------
    >>> from nncore.sklearn import MLPRegressor
    >>> X, y = [[0], [1], [2], [3]], [0, 1, 4, 9]
    >>> model = MLPRegressor(hidden_layer_sizes=8, solver="lbfgs", random_state=0)
    >>> model.fit(X, y).score(X, y) > 0.99
    True
    """

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
        scoring: Any = None,
    ) -> None:
        store(self, locals())

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions(set(KERNEL_LOSSES))],
    }

    # --- training -------------------------------------------------------------------

    @available_if(lambda estimator: estimator._check_solver())
    @exclusive
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Train for one iteration over the given samples, with the solver's state so far.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The training samples.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.

        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        self : MLPRegressor
            The estimator.

        Raises
        ------
        ValueError, TypeError
            If the data or the parameters are invalid, or do not fit those of earlier calls.
        RuntimeError
            If another thread is training, saving or copying the estimator.

        Notes
        -----
        Parameters may change between two calls as described for `warm_start`.
        """
        fitting.fit(self, X, y, sample_weight, None, incremental=True)
        return self

    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        X, y = validated(self, X, y, multi_output=True, y_numeric=True, dtype=FLOATS, reset=reset)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not reset:
            self._check_targets("y", y)
        return X, self._encoded(y)

    def _encoded(self, y: Any) -> Array:
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError(f"y must not be negative for loss='poisson', got {y.min()}")
        return np.asarray(y).reshape(len(y), -1)

    def _decoded(self, y: Array) -> Array:
        return y.ravel() if y.shape[1] == 1 else y

    def _targets(self) -> int:
        return self.n_outputs_

    def _outputs_and_activation(self, y: Array) -> tuple[int, str]:
        return y.shape[1], "exp" if self.loss == "poisson" else "identity"

    def _kernel_loss(self) -> str:
        return KERNEL_LOSSES[self.loss]

    def _loss_scale(self) -> float:
        """Return the factor of a mean over outputs; scikit-learn reports the sum for "poisson"."""
        return 1.0 if self.loss == "poisson" else 1.0 / self.n_outputs_

    @np.errstate(all="ignore")  # squares can overflow, for a score of -infinity
    def _score_of(self, z: Array, y: Array, weight: Array | None) -> float:
        """Return R2, the mean over outputs."""
        outputs = np.exp(z) if self.out_activation_ == "exp" else z
        if not np.isfinite(outputs).all():
            return float("nan")
        y = y.astype(np.float64)
        error = np.average((y - outputs) ** 2, axis=0, weights=weight)
        centred = y - np.average(y, axis=0, weights=weight)
        spread = np.average(centred**2, axis=0, weights=weight)
        score = np.where(error == 0, 1.0, 0.0)  # for a constant y
        np.divide(error, spread, out=score, where=spread > 0)
        return float(np.mean(np.where(spread > 0, 1 - score, score)))

    # --- prediction ------------------------------------------------------------------------

    def predict(self, X: Any) -> Array:
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predictions.
        """
        self._check_fitted()
        return self._predicted(self._forward(X, self.out_activation_))

    def _predicted(self, outputs: Array) -> Array:
        """Return the predictions for outputs of the network."""
        if self.out_activation_ == "exp":
            with np.errstate(all="ignore"):  # infinity and 0 are the nearest values
                np.exp(outputs, out=outputs)
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
