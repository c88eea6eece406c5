"""The base class of the ensembles, whose members are trained together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from nncore.params import Array
from nncore.sklearn import fitting, together, validation
from nncore.sklearn.base import BaseMLP
from nncore.sklearn.parameters import CONSTRAINTS, real
from nncore.sklearn.together import Task
from nncore.sklearn.validated import Validated
from nncore.sparse import is_sparse

OWN = ("n_estimators", "bootstrap", "max_samples")  # parameters that members do not have
LEFT_OUT = ("verbose", "warm_start", "callbacks", "progress", "hidden_layer")  # of the members'
LEARNT = ("classes_", "n_features_in_", "feature_names_in_")  # from X and y


def constraints(member: type[BaseMLP]) -> dict[str, Any]:
    """Return the constraints of an ensemble's parameters."""
    shared = CONSTRAINTS | member._parameter_constraints
    return {
        **{name: allowed for name, allowed in shared.items() if name not in LEFT_OUT},
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "bootstrap": ["boolean"],
        "max_samples": [Interval(Integral, 1, None, closed="left"), real(0, 1, "right"), None],
    }


class BaseEnsemble(BaseEstimator, ABC):
    """Networks that are trained together on samples of the rows.

    Subclasses define the class of the members, and `predict`.
    """

    _parameter_constraints: ClassVar[dict[str, Any]]
    _member: ClassVar[type[BaseMLP]]
    estimators_: list[Any]
    random_state: Any
    n_estimators: int
    bootstrap: bool
    max_samples: Any

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> Self:
        """Train all members.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The training samples.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets, as for the members' `fit`.

        Returns
        -------
        self : object
            The fitted ensemble.

        Raises
        ------
        ValueError
            If data or parameters are invalid, or the weights of a member become non-finite. The
            ensemble is not changed then.

        Notes
        -----
        Ctrl-C ends training, and leaves the ensemble as it was. With sparse X, ``solver="lbfgs"``,
        `dropout` or `class_weight`, members are trained by ordinary fits, of which Ctrl-C ends one.
        """
        parameters = self.get_params(deep=False)
        for name in OWN:
            del parameters[name]
        first = self._member(**parameters | {"random_state": None})
        data = Validated(first, X, y)
        rng = check_random_state(self.random_state)
        tasks = []
        for _, member in zip(range(self.n_estimators), together.copies(first), strict=False):
            member.random_state = int(rng.randint(2**31 - 1))
            tasks.append(Task(member, data, self._sample(rng, len(data.y))))
        _fit_all(tasks)
        for name in LEARNT:
            if name in data.learnt:
                setattr(self, name, data.learnt[name])
            elif hasattr(self, name):
                delattr(self, name)
        self.estimators_ = [task.estimator for task in tasks]
        self.estimators_samples_ = [task.at for task in tasks]
        self.n_iter_ = max(task.estimator.n_iter_ for task in tasks)
        return self

    def _sample(self, rng: np.random.RandomState, rows: int) -> Array:
        """Return the rows (n,) of a member."""
        count = rows if self.max_samples is None else self.max_samples
        if not isinstance(count, Integral):
            count = max(1, int(count * rows))
        count = int(count)
        if count > rows:
            raise ValueError(f"max_samples is {count}, expected at most {rows}, the number of rows")
        if self.bootstrap:
            return np.asarray(rng.randint(0, rows, count), np.intp)
        if count == rows:
            return np.arange(rows)
        return np.sort(rng.permutation(rows)[:count])

    def _all_predictions(self, X: Any) -> Array:
        """Return the predictions (M, N, ...) of all members; of classifiers, the probabilities."""
        check_is_fitted(self)
        rows = validation.validated(self, X, reset=False, dtype=validation.FLOATS)
        return np.stack(
            [
                member._predicted(member._outputs(rows, member.out_activation_))
                for member in self.estimators_
            ]
        )

    @abstractmethod
    def predict(self, X: Any) -> Any:
        """Return the predictions for X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        y : ndarray
            The predictions.
        """

    def predict_std(self, X: Any) -> Array:
        """Return the standard deviation of the members' predictions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input samples.

        Returns
        -------
        std : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The standard deviation over members: of the predictions or, for a classifier, of the
            probabilities of each class, (n_samples, n_classes).
        """
        return np.asarray(self._all_predictions(X).std(axis=0))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _fit_all(tasks: list[Task]) -> None:
    """Train the estimators of all tasks; raise the error of the first that fails."""
    first = tasks[0]
    if is_sparse(first.data.x) or together.reason_against(first.estimator):
        for task in tasks:
            fitting.fit_rows(task.estimator, task.data, task.at)
        return
    together.fit(tasks)
    for task in tasks:
        if task.error is not None:
            raise task.error
