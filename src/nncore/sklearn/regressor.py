"""`MLPRegressor`, in the place of scikit-learn's."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if

from nncore.guards import exclusive
from nncore.params import Array
from nncore.sklearn import validation
from nncore.sklearn.base import BaseMLP
from nncore.sklearn.callback_protocol import with_callbacks
from nncore.sklearn.validation import FLOATS, validated

KERNEL_LOSSES = {
    "squared_error": "half_squared_error",
    "poisson": "half_poisson_deviance",
    "absolute_error": "absolute_error",
    "huber": "huber",
}


class MLPRegressor(RegressorMixin, BaseMLP):
    """A multi-layer perceptron for numbers, in the place of scikit-learn's `MLPRegressor`.

    The same seed gives scikit-learn's network to rounding. Fits release the GIL.

    Parameters
    ----------
    loss : "squared_error" (half of it), "poisson" (half the deviance, of means that are
        exponentials), and, beyond scikit-learn's, "absolute_error" and "huber" (delta 1). The
        gradient is that of the sum over outputs; what is reported is the mean over outputs, but
        for "poisson".
    hidden_layer_sizes : units of each hidden layer, or of the only one.
    activation : of the hidden layers: "identity", "logistic", "tanh", "relu", and, beyond
        scikit-learn's, all of `nncore.MLP`, among them "leaky_relu", "elu" and "softplus".
    solver : "adam", "sgd", "lbfgs", and, beyond scikit-learn's, "adamw" (weight decay 0.01),
        "rmsprop" (decay 0.9), "adagrad", "amsgrad", "nadam", "lion", "rprop", or an nncore
        optimizer with constants and a step size of its own, which `set_params` and searches reach
        as solver__learning_rate.
    alpha : factor of half the sum of w**2, divided by what a batch's rows count.
    batch_size : rows of a batch; "auto" is 200, or all if there are fewer.
    learning_rate : of "sgd": "constant", "invscaling" (divided by (rows seen + 1)**power_t) or
        "adaptive" (a fifth after n_iter_no_change iterations that bring nothing).
    learning_rate_init, power_t, momentum, nesterovs_momentum, beta_1, beta_2, epsilon : constants
        of the solvers.
    max_iter, max_fun : most iterations (epochs), and evaluations of "lbfgs".
    shuffle : are the batches drawn anew at every iteration?
    random_state : seed of initial weights, of the rows held out, of batches and of dropout.
    tol, n_iter_no_change : training ends after more than so many iterations in a row that do not
        make the loss (or, with early_stopping, the score) better by tol.
    verbose, progress : print the loss of every iteration; draw a bar on stderr.
    warm_start : whether `fit` goes on with the weights there are. Then, and in `partial_fit`,
        hidden_layer_sizes and activation have to stay as they were, and loss cannot change to or
        from "poisson"; all other parameters may change between two calls, and their values of the
        moment count. Another step size or constant acts on what the solver keeps (a velocity is
        multiplied by the new step size); another solver starts without memory. `fit` always
        starts the solver without memory.
    early_stopping, validation_fraction : hold out a fraction of the rows, end when their score
        does not become better, and keep the best weights. "lbfgs" does not stop early: it goes on
        as without.
    scoring : the score of early_stopping: None for that of `score`, "loss" for minus the loss, or
        what scikit-learn takes: the name of a scorer, or scorer(estimator, X, y), which gets
        sample_weight too where the rows have one.
    l1 : factor of the sum of |w| in the objective of every batch.
    dropout : share of the hidden layers' outputs dropped in training; one for all, or one each.
    clip_norm : longest gradient (Euclidean norm), or None.
    schedule : factor on the step size, as schedule(step, total) over the updates, for example an
        `nncore.CosineDecay()`.
    callbacks : functions called with an `nncore.EpochEvent` after every iteration; one that
        returns True ends training.
    hidden_layer : whose outputs `transform` gives; counted from 0, or from the end if negative.
    dtype : "float32" or "float64", or NumPy's type or dtype of that name; None: that of X.

    Attributes
    ----------
    coefs_, intercepts_ : weights (I, O) and biases (O,) of each layer; they may be written to.
    loss_, best_loss_, loss_curve_ : mean objective, penalties included, of the last iteration, the
        best and all; nats for a cross-entropy.
    validation_loss_curve_ : mean loss on rows held out, after every iteration; None without them.
    validation_scores_, best_validation_score_ : their scores, with early_stopping; else None.
        After training that diverged, the best score may be that of the weights before it.
    n_iter_, t_ : iterations of the last fit, and rows seen in all.
    n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_ : as in
        scikit-learn.
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
        self.scoring = scoring

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions(set(KERNEL_LOSSES))],
    }

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
    ) -> MLPRegressor:
        """Train on X (N, I), dense or sparse, and y (N,) or (N, O).

        sample_weight (N,): what each row counts. validation_data: (X, y) or (X, y, sample_weight)
        to measure after every iteration, and to stop by with early_stopping, which "lbfgs" refuses
        together. X_val, y_val and sample_weight_val are another way to give them, under the names
        of scikit-learn's gradient boosting, so that `Pipeline(..., transform_input=["X_val"])`
        transforms them as it does X.

        Raises ValueError for data and parameters that do not fit, and when the weights become
        non-finite; with early_stopping the best weights before that are kept, the start's among
        them, and a `DivergenceWarning` tells so. Ctrl-C ends training with a warning and what has
        been learned; with "lbfgs" that is the last iteration that was finished.
        """
        validated = validation.of_fit(validation_data, X_val, y_val, sample_weight_val)
        self._fit(X, y, sample_weight, validated, False)
        return self

    @available_if(lambda estimator: estimator._check_solver())
    @exclusive
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """One iteration over these rows, with the optimizer's state of the call before.

        Which parameters may change between two calls is said at `warm_start`.
        """
        self._fit(X, y, sample_weight, None, True)
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
            raise ValueError(f"loss='poisson' needs y of 0 or more, got {y.min()}")
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
        """The mean over outputs, as scikit-learn reports it, but for its Poisson deviance."""
        return 1.0 if self.loss == "poisson" else 1.0 / self.n_outputs_

    @np.errstate(all="ignore")  # squares may overflow: a score of -infinity
    def _score_of(self, z: Array, y: Array, weight: Array | None) -> float:
        """R2, the mean over outputs."""
        outputs = np.exp(z) if self.out_activation_ == "exp" else z
        if not np.isfinite(outputs).all():
            return float("nan")
        y = y.astype(np.float64)
        error = np.average((y - outputs) ** 2, axis=0, weights=weight)
        centred = y - np.average(y, axis=0, weights=weight)
        spread = np.average(centred**2, axis=0, weights=weight)
        score = np.where(error == 0, 1.0, 0.0)  # of a constant y
        np.divide(error, spread, out=score, where=spread > 0)
        return float(np.mean(np.where(spread > 0, 1 - score, score)))

    # --- use ------------------------------------------------------------------------

    def predict(self, X: Any) -> Array:
        """Predictions (N,), or (N, O) for several outputs."""
        self._check_fitted()
        outputs = self._forward(X, self.out_activation_)
        if self.out_activation_ == "exp":
            with np.errstate(all="ignore"):  # infinity and 0 are the nearest
                np.exp(outputs, out=outputs)
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
