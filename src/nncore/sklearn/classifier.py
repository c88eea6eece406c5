"""`MLPClassifier`, in the place of scikit-learn's."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels

from nncore.guards import exclusive
from nncore.params import Array
from nncore.sklearn import class_weights, validation
from nncore.sklearn.base import BaseMLP
from nncore.sklearn.callback_protocol import with_callbacks
from nncore.sklearn.validation import FLOATS, validated


def _kind(labels: Array) -> str:
    """What these labels are; those of two kinds are never equal."""
    return {"U": "text", "T": "text", "S": "bytes", "O": "objects"}.get(
        labels.dtype.kind, "numbers"
    )


class MLPClassifier(ClassifierMixin, BaseMLP):
    """A multi-layer perceptron for classes, in the place of scikit-learn's `MLPClassifier`.

    The same seed gives scikit-learn's network to rounding; what differs are the losses of rows
    that are all but certain, which are not clipped here. Minimises the cross-entropy. Fits release
    the GIL.

    Parameters
    ----------
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
        hidden_layer_sizes and activation have to stay as they were; all other parameters may
        change between two calls, and their values of the moment count. Another step size or
        constant acts on what the solver keeps (a velocity is multiplied by the new step size);
        another solver starts without memory. `fit` always starts the solver without memory.
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
    class_weight : what the rows of each class count: a mapping, "balanced" (the inverse of their
        share, in which rows count by their sample_weight), or None; a list of mappings for several
        labels a row. With class_weight, weights are divided by their mean over the rows to train
        on and act at every batch_size; in `partial_fit` they count as they are. sample_weight
        alone is divided by its sum in every batch, as scikit-learn does it, so that it has no
        effect with a batch_size of 1.

    Attributes
    ----------
    classes_ : the classes; a list of labels for several labels a row.
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
        class_weight: Any = None,
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
        self.class_weight = class_weight
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
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
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
    ) -> MLPClassifier:
        """Train on X (N, I), dense or sparse, and y, classes (N,) or labels (N, O) of 0 and 1.

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
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> MLPClassifier:
        """One iteration over these rows, with the optimizer's state of the call before.

        classes: all there will be; needed at the first call. For several labels a row they are
        0 to O - 1. Which parameters may change between two calls is said at `warm_start`.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' is not supported for partial_fit, which sees a part of "
                "the data: give the weights of sklearn.utils.class_weight.compute_class_weight"
            )
        self._know(classes, y)
        self._fit(X, y, sample_weight, None, True)
        return self

    def _know(self, classes: Any, y: Any) -> None:
        """Take down the classes at the first call of `partial_fit`."""
        known = getattr(self, "classes_", None)
        if classes is None:
            if known is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            return
        if known is not None:
            if not np.array_equal(known, unique_labels(classes)):
                raise ValueError(
                    f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                    f"{known!r}"
                )
            return
        several = type_of_target(y).startswith("multilabel")
        if several and not np.array_equal(unique_labels(classes), unique_labels(y)):
            raise ValueError(
                f"`classes={classes!r}` must name the labels of `y`, one for each of its columns: "
                f"{unique_labels(y)!r}"
            )
        self._label_binarizer = LabelBinarizer().fit(y if several else classes)
        self.classes_ = self._label_binarizer.classes_

    def _validate_input(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, Any]:
        X, y = validated(self, X, y, multi_output=True, dtype=FLOATS, reset=reset)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or (reset and not incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._check_targets("y", y)
            self._check_classes(unique_labels(y), incremental)
        return X, self._encoded(y)

    def _check_classes(self, classes: Array, incremental: bool) -> None:
        """ValueError for classes that the network does not know, and in `fit` for missing ones."""
        if not incremental:
            if set(classes) != set(self.classes_):
                raise ValueError(
                    f"warm_start can only be used where `y` has the same classes as in the "
                    f"previous call to fit. Previously got {self.classes_}, `y` has {classes}"
                )
        elif not set(classes) <= set(self.classes_):  # as sets, in which "1" is not 1
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. "
                f"'y' has {classes}."
            )

    def _encoded(self, y: Any) -> Array:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y)
        kind = self._label_binarizer.y_type_
        if kind.startswith("multilabel"):
            return np.asarray(self._label_binarizer.transform(y), bool)
        places = self._places(y)
        return places if kind == "multiclass" else (places > 0)[:, None]

    def _places(self, y: Array) -> Array:
        """Where labels (N,) stand among the classes; ValueError for others."""
        kinds = {_kind(self.classes_), _kind(y)}
        if len(kinds) > 1 and "objects" not in kinds:  # NumPy would compare them as text
            raise ValueError(f"y has {y[0]!r}, which is none of {self.classes_}")
        try:
            places = np.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)
        except TypeError as error:
            raise ValueError(f"y has labels that are none of {self.classes_}: {error}") from error
        strange = self.classes_[places] != y
        if strange.any():
            raise ValueError(f"y has {y[strange][0]!r}, which is none of {self.classes_}")
        return np.asarray(places)

    def _decoded(self, y: Array) -> Any:
        if self._label_binarizer.y_type_.startswith("multilabel"):
            return y.astype(int)
        places = y if y.ndim == 1 else y[:, 0].astype(np.intp)
        return self.classes_[places]

    def _targets(self) -> int:
        return len(self.classes_) if self._label_binarizer.y_type_.startswith("multilabel") else 1

    def _outputs_and_activation(self, y: Array) -> tuple[int, str]:
        if self._label_binarizer.y_type_ == "multiclass":
            return len(self.classes_), "softmax"
        return y.shape[1], "logistic"

    def _kernel_loss(self) -> str:
        several = self.out_activation_ == "softmax"
        return "softmax_cross_entropy" if several else "sigmoid_cross_entropy"

    def _loss_scale(self) -> float:
        return 1.0

    def _strata(self, y: Array) -> Array | None:
        """One-dimensional: of a column, scikit-learn would join each row as text, ten times slower.

        As text all the same, so that its errors name the strata as they do for its own networks.
        """
        single = y.ndim == 2 and y.shape[1] == 1
        return np.where(y[:, 0] > 0, "True", "False") if single else None

    def _weight_of_classes(self, y: Array, weight: Array | None) -> Array | None:
        return class_weights.of_rows(self.class_weight, self.classes_, y, weight)

    def _score_of(self, z: Array, y: Array, weight: Array | None) -> float:
        """Accuracy; of several labels a row, all have to be right."""
        right = z.argmax(axis=1) == y if y.ndim == 1 else ((z > 0) == (y > 0)).all(axis=1)
        return float(np.average(right, weights=weight))

    # --- use ------------------------------------------------------------------------

    def predict(self, X: Any) -> Any:
        """Classes (N,), or labels (N, O) of 0 and 1, sparse if those of `fit` were."""
        self._check_fitted()
        outputs = self._forward(X, self.out_activation_)
        if self.n_outputs_ == 1:
            outputs = outputs.ravel()
        return self._label_binarizer.inverse_transform(outputs)

    def predict_proba(self, X: Any) -> Array:
        """Chances (N, classes), in the order of `classes_`."""
        self._check_fitted()
        chances = self._forward(X, self.out_activation_)
        if len(self.classes_) == 1:
            return np.ones_like(chances)
        if self.n_outputs_ == 1:
            return np.hstack([1 - chances, chances])
        return chances

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of `predict_proba`, in nats."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
