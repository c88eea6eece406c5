"""A search over parameters whose candidates are trained together."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context, clone, is_classifier
from sklearn.model_selection import ParameterGrid, ParameterSampler, check_cv
from sklearn.model_selection._search import (
    BaseSearchCV,
    _insert_error_scores,
    _warn_or_raise_about_fit_failures,
)
from sklearn.utils import indexable
from sklearn.utils._param_validation import Interval

from nncore.sklearn.base import BaseMLP
from nncore.sklearn.evaluation import Evaluation, Result


class PopulationSearchCV(BaseSearchCV):
    """Search over parameters of an `MLPClassifier` or `MLPRegressor` by cross-validation.

    A drop-in replacement for scikit-learn's `GridSearchCV` and, with `n_iter`, its
    `RandomizedSearchCV`. All candidates are trained on all splits together, in one thread. The
    scores are the same, to the last bit.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        The estimator of `nncore.sklearn` whose parameters are searched.

    param_grid : dict or list of dict
        Lists of values by the names of parameters, of which all combinations are candidates; or
        several such dicts. With `n_iter`, values may also be distributions with a method `rvs`,
        such as those of `scipy.stats`.

    cv : int, cross-validation generator or iterable, default=None
        How rows are split, as in `GridSearchCV`: by default five folds, stratified for a
        classifier.

    scoring : str, callable, list, tuple or dict, default=None
        One score or several, as in `GridSearchCV`; by default the estimator's method `score`.

    refit : bool, str or callable, default=True
        Whether to fit the best candidate on all rows, and by which of several scores or function
        of `cv_results_` it is chosen.

    n_iter : int or None, default=None
        Number of candidates that are drawn at random. None means all of them.

    random_state : int, RandomState instance or None, default=None
        Determines the candidates that are drawn with `n_iter`.

    error_score : float or "raise", default=np.nan
        The score of a fit that fails, or "raise" to raise its error.

    return_train_score : bool, default=False
        Whether `cv_results_` has the scores of the training rows too.

    verbose : int, default=0
        Whether to print the number of fits (1), how many of them are trained together (2), and
        scikit-learn's messages about the others.

    Attributes
    ----------
    best_estimator_ : estimator
        The best candidate, fitted on all rows, if `refit` is not False.

    best_index_ : int
        The index of the best candidate in `cv_results_`.

    best_params_ : dict
        The parameters of the best candidate.

    best_score_ : float
        The mean test score of the best candidate, unless `refit` is a function.

    classes_ : ndarray of shape (n_classes,)
        The classes of a classifier, if `refit` is not False.

    cv_results_ : dict of ndarray
        Parameters, scores and times of all candidates, under the keys of `GridSearchCV`. The time
        of a call that trains several networks is divided equally between them.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has names that are all strings and `refit` is not False.

    multimetric_ : bool
        Whether there are several scores.

    n_features_in_ : int
        Number of features, if `refit` is not False.

    n_splits_ : int
        Number of splits.

    refit_time_ : float
        Seconds that fitting `best_estimator_` took.

    scorer_ : callable or dict of callable
        The scorer, or the scorers by name.

    See Also
    --------
    MLPEnsembleClassifier : Networks that are trained together and vote.
    nncore.Population : Networks side by side, without scikit-learn.

    Notes
    -----
    Small networks of one architecture, with equal settings apart from `alpha`, `l1`,
    `learning_rate_init`, `tol`, `max_iter` and similar numbers, run side by side in the vector
    unit. Larger ones, and regressors with several outputs and penalties, run one after the other,
    but share their data and the orders of its rows.

    These fits are ordinary ones, each with a call of `fit`: with ``solver="lbfgs"``, `dropout`,
    `class_weight`, `callbacks`, `verbose` or `progress`; for sparse X; on splits whose training
    rows lack a class; and those that fail. With arguments of `fit` such as `sample_weight`, all of
    them are ordinary.

    Scores equal those of `GridSearchCV` if the estimator's `random_state` is not None. If it is,
    each fit draws a seed from NumPy's global generator.

    A pipeline is refused, as each candidate may have its own steps; use `GridSearchCV` for it.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from nncore.sklearn import MLPClassifier, PopulationSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier(8, batch_size=30, max_iter=100, tol=0, random_state=0)
    >>> search = PopulationSearchCV(model, {"learning_rate_init": [0.0001, 0.01]})
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     search = search.fit(X, y)
    >>> search.best_params_
    {'learning_rate_init': 0.01}
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseSearchCV._parameter_constraints,
        "param_grid": [dict, list],
        "n_iter": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
    }
    for _name in ("n_jobs", "pre_dispatch"):
        _parameter_constraints.pop(_name)

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        cv: Any = None,
        scoring: Any = None,
        refit: Any = True,
        n_iter: Any = None,
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: Any = False,
        verbose: Any = 0,
    ) -> None:
        super().__init__(
            estimator,
            scoring=scoring,
            refit=refit,
            cv=cv,
            verbose=verbose,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.param_grid, self.n_iter, self.random_state = param_grid, n_iter, random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Train and score all candidates, and fit the best one.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The samples.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.

        **params : dict
            `groups` for the cross-validation generator, and arguments of the estimator's `fit`,
            as in `GridSearchCV`.

        Returns
        -------
        self : object
            The fitted search.

        Raises
        ------
        TypeError
            If the estimator is not one of `nncore.sklearn`.
        ValueError
            If parameters or data are invalid, or all fits fail.
        """
        if not isinstance(self.estimator, BaseMLP):
            raise TypeError(
                f"estimator must be an MLPClassifier or MLPRegressor of nncore.sklearn, got "
                f"{type(self.estimator).__name__}; use scikit-learn's GridSearchCV for others"
            )
        if set(params) - {"groups"} or getattr(self, "_skl_callbacks", None):
            super().fit(X, y, **params)
            return self
        X, y, groups = indexable(X, y, params.get("groups"))
        scorer, metric = self._get_scorers()
        splitter = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        splits = list(splitter.split(X, y, groups))
        candidates = list(self._candidates())
        out = self._evaluated(X, y, splits, scorer, candidates)
        results = self._format_results(candidates, len(splits), out)
        self.n_splits_ = len(splits)
        self.multimetric_ = isinstance(out[0]["test_scores"], dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(out[0]["test_scores"])
            metric = self.refit
        self._choose(results, metric)
        if self.refit:
            self._refit(X, y)
        self.scorer_ = getattr(scorer, "_scorers", scorer)
        self.cv_results_ = results
        return self

    def _candidates(self) -> Iterable[dict[str, Any]]:
        """Return the parameters of all candidates."""
        if self.n_iter is None:
            return ParameterGrid(self.param_grid)
        return ParameterSampler(self.param_grid, self.n_iter, random_state=self.random_state)

    def _run_search(self, evaluate_candidates: Any) -> None:
        """Evaluate all candidates by ordinary fits, for `BaseSearchCV.fit`."""
        evaluate_candidates(self._candidates())

    def _evaluated(
        self, X: Any, y: Any, splits: Sequence[Any], scorer: Any, candidates: Sequence[Any]
    ) -> list[Result]:
        """Return the results of all splits of all candidates."""
        count = len(candidates) * len(splits)
        if self.verbose > 0:
            print(
                f"Fitting {len(splits)} folds for each of {len(candidates)} candidates, totalling "
                f"{count} fits"
            )
        if not count:
            raise ValueError(
                f"No fits were performed: there are {len(candidates)} candidates and {len(splits)} "
                f"splits"
            )
        how = self.error_score, self.return_train_score, self.verbose, self.scoring is None
        evaluation = Evaluation(clone(self.estimator), X, y, splits, scorer, *how)
        out = evaluation.results(candidates)
        _warn_or_raise_about_fit_failures(out, self.error_score)
        if callable(self.scoring):
            _insert_error_scores(out, self.error_score)
        return out

    def _choose(self, results: dict[str, Any], metric: Any) -> None:
        """Choose the best candidate, unless there are several scores and nothing to choose by."""
        if not self.refit and self.multimetric_:
            return
        self.best_index_ = self._select_best_index(self.refit, metric, results)
        if not callable(self.refit):
            self.best_score_ = results[f"mean_test_{metric}"][self.best_index_]
        self.best_params_ = results["params"][self.best_index_]

    def _refit(self, X: Any, y: Any) -> None:
        """Fit the best candidate on all rows."""
        best = clone(self.estimator).set_params(**clone(self.best_params_, safe=False))
        started = time.perf_counter()
        self.best_estimator_ = best.fit(X, y)
        self.refit_time_ = time.perf_counter() - started
        if hasattr(best, "feature_names_in_"):
            self.feature_names_in_ = best.feature_names_in_
