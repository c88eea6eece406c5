"""A drop-in replacement for scikit-learn's `MLPClassifier`."""

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
from nncore.sklearn import class_weights, fitting
from nncore.sklearn.base import BaseMLP
from nncore.sklearn.documentation import documented
from nncore.sklearn.parameters import store
from nncore.sklearn.validation import FLOATS, validated


def _kind(labels: Array) -> str:
    """Return the kind of labels; labels of different kinds are never equal."""
    return {"U": "text", "T": "text", "S": "bytes", "O": "objects"}.get(
        labels.dtype.kind, "numbers"
    )


@documented
class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multi-layer perceptron classifier.

    A drop-in replacement for scikit-learn's `MLPClassifier`, which minimises the cross-entropy by
    L-BFGS or by stochastic gradient descent, in compiled code that releases the GIL.

    Parameters
    ----------
    class_weight : dict, list of dict, "balanced" or None, default=None
        Weights of the classes; "balanced" weights them inversely to their frequencies, in which
        samples count by their `sample_weight`. A list of dict has one for each label of a
        multilabel target. See the notes.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes or, for an indicator matrix, the labels 0 to n_outputs - 1.

    See Also
    --------
    MLPRegressor : Multi-layer perceptron regressor.
    nncore.MLP : The network without scikit-learn.

    Notes
    -----
    With the same `random_state` the network is that of scikit-learn up to rounding. Only the
    reported losses of almost certain predictions differ, as they are not clipped here.

    With `class_weight`, weights are divided by their mean over the training samples, and have an
    effect for every `batch_size`; in `partial_fit` they are used as they are. A `sample_weight`
    alone is divided by its sum in each batch, as in scikit-learn, so it has no effect for batches
    of a single sample.

    Examples
    --------
    >>> from nncore.sklearn import MLPClassifier
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"]
    >>> model = MLPClassifier(8, activation="tanh", solver="lbfgs", random_state=0)
    >>> model.fit(X, y).predict(X)
    array(['no', 'yes', 'yes', 'no'], dtype='<U3')
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
        store(self, locals())

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMLP._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
    }

    # --- training -------------------------------------------------------------------

    @available_if(lambda estimator: estimator._check_solver())
    @exclusive
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> MLPClassifier:
        """Train for one iteration over the given samples, with the solver's state so far.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The training samples.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The classes, or an indicator matrix of labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        classes : array-like of shape (n_classes,), default=None
            All classes of all calls, or the labels 0 to n_outputs - 1 of an indicator matrix.
            Required in the first call, optional in later ones.

        Returns
        -------
        self : MLPClassifier
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
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' is not supported for partial_fit, which sees only part of "
                "the data; use the weights of sklearn.utils.class_weight.compute_class_weight"
            )
        self._set_classes(classes, y)
        fitting.fit(self, X, y, sample_weight, None, incremental=True)
        return self

    def _set_classes(self, classes: Any, y: Any) -> None:
        """Set the classes in the first call of `partial_fit`, and check them in later ones."""
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
                f"`classes={classes!r}` must be the labels of `y`, one for each of its columns, "
                f"expected {unique_labels(y)!r}"
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
        """Raise ValueError for unknown classes, and in `fit` also for missing ones."""
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
        """Return the indices (N,) of labels among the classes; ValueError for unknown labels."""
        kinds = {_kind(self.classes_), _kind(y)}
        if len(kinds) > 1 and "objects" not in kinds:  # NumPy would compare them as text
            raise ValueError(f"y has {y[:1].tolist()[0]!r}, expected one of {self.classes_}")
        try:
            places = np.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)
        except TypeError as error:
            raise ValueError(
                f"y has unknown labels, expected one of {self.classes_}: {error}"
            ) from error
        unknown = self.classes_[places] != y
        if unknown.any():
            raise ValueError(f"y has {y[unknown].tolist()[0]!r}, expected one of {self.classes_}")
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
        """Return the classes of a binary target as text.

        They are one-dimensional, as scikit-learn would join the rows of a column as text, which is
        ten times slower, and text, so that its errors name the strata as for its own networks.
        """
        single = y.ndim == 2 and y.shape[1] == 1
        return np.where(y[:, 0] > 0, "True", "False") if single else None

    def _weight_of_classes(self, y: Array, weight: Array | None) -> Array | None:
        return class_weights.of_rows(self.class_weight, self.classes_, y, weight)

    def _score_of(self, z: Array, y: Array, weight: Array | None) -> float:
        """Return the accuracy: the fraction of rows with all labels correct."""
        correct = z.argmax(axis=1) == y if y.ndim == 1 else ((z > 0) == (y > 0)).all(axis=1)
        return float(np.average(correct, weights=weight))

    # --- prediction ------------------------------------------------------------------------

    def predict(self, X: Any) -> Any:
        """Predict classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predicted classes, or an indicator matrix, which is sparse if that of `fit` was.
        """
        self._check_fitted()
        outputs = self._forward(X, self.out_activation_)
        if self.n_outputs_ == 1:
            outputs = outputs.ravel()
        return self._label_binarizer.inverse_transform(outputs)

    def predict_proba(self, X: Any) -> Array:
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            The probability of each class, in the order of `classes_`.
        """
        self._check_fitted()
        return self._predicted(self._forward(X, self.out_activation_))

    def _predicted(self, outputs: Array) -> Array:
        """Return the probabilities of the classes for outputs of the network."""
        if len(self.classes_) == 1:
            return np.ones_like(outputs)
        if self.n_outputs_ == 1:
            return np.hstack([1 - outputs, outputs])
        return outputs

    def predict_log_proba(self, X: Any) -> Array:
        """Predict the natural logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            The logarithm of the probability of each class, in the order of `classes_`.
        """
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
