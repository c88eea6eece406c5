"""Ensembles of networks that are trained together."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin

from nncore.params import Array
from nncore.sklearn.base import BaseMLP
from nncore.sklearn.classifier import MLPClassifier
from nncore.sklearn.documentation import with_parameters
from nncore.sklearn.ensemble import BaseEnsemble, constraints
from nncore.sklearn.parameters import store
from nncore.sklearn.regressor import MLPRegressor


@with_parameters
class MLPEnsembleClassifier(ClassifierMixin, BaseEnsemble):
    """Ensemble of multi-layer perceptron classifiers.

    Each member has its own initial weights and, with `bootstrap`, its own sample of the rows. Their
    mean probability is better calibrated than that of one network, and their spread says where it
    is uncertain. Small networks train side by side in the vector unit.

    Parameters
    ----------
    n_estimators : int, default=10
        Number of members.

    bootstrap : bool, default=True
        Whether the rows of a member are drawn with replacement.

    max_samples : int, float or None, default=None
        Number of rows of a member, or their fraction of all rows. None means as many as there are.

    random_state : int, RandomState instance or None, default=None
        Determines the seeds and the rows of the members.

    class_weight : dict, list of dict, "balanced" or None, default=None
        Weights of the classes, as in `MLPClassifier`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes or, for an indicator matrix, the labels 0 to n_outputs - 1.

    estimators_ : list of MLPClassifier
        The fitted members, each with its seed as `random_state`. A member has all classes of y,
        also those that its rows lack.

    estimators_samples_ : list of ndarray of shape (n_rows,)
        The rows on which each member was trained.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names that are all strings.

    n_features_in_ : int
        Number of features.

    n_iter_ : int
        The largest number of iterations of a member.

    See Also
    --------
    MLPEnsembleRegressor : Ensemble of regressors.
    PopulationSearchCV : Search over parameters whose candidates are trained together.

    Notes
    -----
    A member has the bits of an `MLPClassifier` with its seed that is fitted on its rows, unless
    these lack a class.

    References
    ----------
    B. Lakshminarayanan, A. Pritzel and C. Blundell, "Simple and scalable predictive uncertainty
    estimation using deep ensembles", NeurIPS 2017.

    Examples
    --------
    >>> from nncore.sklearn import MLPEnsembleClassifier
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]] * 8, ["no", "yes", "yes", "no"] * 8
    >>> model = MLPEnsembleClassifier(5, solver="lbfgs", activation="tanh", random_state=0)
    >>> model.fit(X, y).predict(X[:4])
    array(['no', 'yes', 'yes', 'no'], dtype='<U3')
    """

    _member: ClassVar[type[BaseMLP]] = MLPClassifier
    _parameter_constraints: ClassVar[dict[str, Any]] = constraints(MLPClassifier)
    classes_: Array

    def __init__(
        self,
        n_estimators: Any = 10,
        *,
        bootstrap: Any = True,
        max_samples: Any = None,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
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
        dtype: Any = None,
        scoring: Any = None,
    ) -> None:
        store(self, locals())

    def predict(self, X: Any) -> Any:
        """Predict the classes with the largest mean probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predicted classes, or an indicator matrix.
        """
        probabilities = self.predict_proba(X)
        first = self.estimators_[0]
        if first._targets() > 1:
            return first._label_binarizer.inverse_transform(probabilities)
        return self.classes_[probabilities.argmax(axis=1)]

    def predict_proba(self, X: Any) -> Array:
        """Predict the probabilities of the classes, the mean of those of the members.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            The probability of each class, in the order of `classes_`.
        """
        return np.asarray(self._all_predictions(X).mean(axis=0))

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


@with_parameters
class MLPEnsembleRegressor(RegressorMixin, BaseEnsemble):
    """Ensemble of multi-layer perceptron regressors.

    Each member has its own initial weights and, with `bootstrap`, its own sample of the rows. Their
    mean is more accurate than one network, and their spread says where it is uncertain. Small
    networks train side by side in the vector unit.

    Parameters
    ----------
    n_estimators : int, default=10
        Number of members.

    bootstrap : bool, default=True
        Whether the rows of a member are drawn with replacement.

    max_samples : int, float or None, default=None
        Number of rows of a member, or their fraction of all rows. None means as many as there are.

    random_state : int, RandomState instance or None, default=None
        Determines the seeds and the rows of the members.

    loss : {"squared_error", "poisson", "absolute_error", "huber"}, default="squared_error"
        The loss function, as in `MLPRegressor`.

    Attributes
    ----------
    estimators_ : list of MLPRegressor
        The fitted members, each with its seed as `random_state`.

    estimators_samples_ : list of ndarray of shape (n_rows,)
        The rows on which each member was trained.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names that are all strings.

    n_features_in_ : int
        Number of features.

    n_iter_ : int
        The largest number of iterations of a member.

    See Also
    --------
    MLPEnsembleClassifier : Ensemble of classifiers.
    PopulationSearchCV : Search over parameters whose candidates are trained together.

    Notes
    -----
    A member has the bits of an `MLPRegressor` with its seed that is fitted on its rows. Members
    with several outputs and penalties train one after the other.

    References
    ----------
    B. Lakshminarayanan, A. Pritzel and C. Blundell, "Simple and scalable predictive uncertainty
    estimation using deep ensembles", NeurIPS 2017.

    Examples
    --------
    >>> from nncore.sklearn import MLPEnsembleRegressor
    >>> X, y = [[0], [1], [2], [3]] * 8, [0, 1, 4, 9] * 8
    >>> model = MLPEnsembleRegressor(5, hidden_layer_sizes=8, solver="lbfgs", random_state=0)
    >>> model.fit(X, y).score(X, y) > 0.99
    True
    >>> model.predict_std([[1], [10]]).argmax()  # far from the data, members disagree
    np.int64(1)
    """

    _member: ClassVar[type[BaseMLP]] = MLPRegressor
    _parameter_constraints: ClassVar[dict[str, Any]] = constraints(MLPRegressor)

    def __init__(
        self,
        n_estimators: Any = 10,
        *,
        bootstrap: Any = True,
        max_samples: Any = None,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
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
        dtype: Any = None,
        scoring: Any = None,
    ) -> None:
        store(self, locals())

    def predict(self, X: Any) -> Array:
        """Predict targets, the mean of the members' predictions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predictions.
        """
        return np.asarray(self._all_predictions(X).mean(axis=0))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
