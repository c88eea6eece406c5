"""Training and scoring of the candidates of a search on the splits of its data."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection._validation import _fit_and_score, _score
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from nncore.params import Array
from nncore.sklearn import together
from nncore.sklearn.base import BaseMLP
from nncore.sklearn.classifier import MLPClassifier
from nncore.sklearn.together import Task
from nncore.sklearn.validated import Validated
from nncore.sparse import is_sparse

Result = dict[str, Any]  # as `_fit_and_score` returns it


@dataclass(frozen=True)
class Evaluation:
    """How candidates are evaluated.

    Attributes
    ----------
    estimator : MLPClassifier or MLPRegressor
        The estimator, whose parameters are those that candidates do not set.
    X, y : array-like
        All rows.
    splits : list of tuple (train, test)
        Indices of rows.
    scorer : callable
        A scorer, or several in one, as scikit-learn's searches have it.
    error_score : float or "raise"
        The score of a fit that fails.
    return_train_score : bool
        Whether to score the training rows too.
    verbose : int
        How much to print.
    by_default : bool
        Whether the score is that of the estimator's method `score`.
    """

    estimator: Any
    X: Any
    y: Any
    splits: Sequence[tuple[Any, Any]]
    scorer: Any
    error_score: Any
    return_train_score: bool
    verbose: int
    by_default: bool

    def results(self, candidates: Sequence[dict[str, Any]]) -> list[Result]:
        """Return a result for each split of each candidate, in this order."""
        tasks = self._tasks(candidates)
        if self.verbose > 1:
            print(f"{len(tasks)} fits are trained together")
        scored: dict[tuple[int, int], Result] = {}
        for split in range(len(self.splits)):  # so that its rows are taken once
            done = {at: task for at, task in tasks.items() if at[1] == split and not task.error}
            if done:
                scored |= self._scored(split, done)
        return [
            scored[i, k] if (i, k) in scored else self._alone(candidate, k, (i, len(candidates)))
            for (i, candidate), k in product(enumerate(candidates), range(len(self.splits)))
        ]

    def _tasks(self, candidates: Sequence[dict[str, Any]]) -> dict[tuple[int, int], Task]:
        """Train what can be trained together; return it by candidate and split."""
        parts = [np.arange(_num_samples(self.X))[train] for train, _ in self.splits]
        validated: dict[Any, list[tuple[Validated, int]]] = {}
        tasks: dict[tuple[int, int], Task] = {}
        for i, candidate in enumerate(candidates):
            parameters = clone(candidate, safe=False)
            estimator = clone(self.estimator).set_params(**parameters)
            if not _suits(estimator):
                continue
            loss = getattr(estimator, "loss", None)  # by which targets are validated
            if loss not in validated:
                validated[loss] = self._validated(estimator, parts)
            for (data, k), each in zip(validated[loss], together.copies(estimator), strict=False):
                tasks[i, k] = Task(each, data, parts[k])
        together.fit(tasks.values())
        return tasks

    def _validated(self, estimator: Any, parts: list[Array]) -> list[tuple[Validated, int]]:
        """Return validated data with each split for which it serves.

        There are none if the data is sparse or invalid, and a split whose training rows lack a
        class needs its own targets.
        """
        if is_sparse(self.X):
            return []
        try:
            data = Validated(estimator, self.X, self.y)
        except Exception:  # also a warning that is an error: `fit` raises it again
            return []
        return [(data, k) for k, part in enumerate(parts) if data.has_all_classes(part)]

    def _scored(self, split: int, tasks: dict[Any, Task]) -> dict[Any, Result]:
        """Return the results of estimators that have been trained on a split."""
        train, test = self.splits[split]
        score = self._scoring_of(test, next(iter(tasks.values())))
        score_train = None
        if self.return_train_score:
            score_train = self._scoring_of(train, next(iter(tasks.values())))
        results = {}
        for at, task in tasks.items():
            started = time.perf_counter()
            result = {"fit_error": None, "test_scores": score(task.estimator)}
            result["score_time"] = time.perf_counter() - started
            if score_train is not None:
                result["train_scores"] = score_train(task.estimator)
            count = len(np.arange(_num_samples(self.X))[test])
            results[at] = result | {"n_test_samples": count, "fit_time": task.seconds}
        return results

    def _scoring_of(self, rows: Any, task: Task) -> Callable[[Any], Any]:
        """Return a function that scores estimators on some rows; task: one of them."""
        classes = getattr(task.estimator, "classes_", ())
        if self.by_default and type(task.estimator) is MLPClassifier and len(classes) > 1:
            x, y = task.data.x[rows], task.data.y[rows]
            return lambda estimator: _accuracy(estimator, x, y)
        X, y = _safe_indexing(self.X, rows), _safe_indexing(self.y, rows)
        return lambda estimator: _score(estimator, X, y, self.scorer, {}, self.error_score)

    def _alone(self, candidate: dict[str, Any], split: int, progress: tuple[int, int]) -> Result:
        """Return the result of an ordinary fit, also of one that has failed before."""
        train, test = self.splits[split]
        result: Result = _fit_and_score(
            clone(self.estimator),
            self.X,
            self.y,
            scorer=self.scorer,
            train=train,
            test=test,
            verbose=self.verbose,
            parameters=candidate,
            fit_params=None,
            score_params=None,
            return_train_score=self.return_train_score,
            return_n_test_samples=True,
            return_times=True,
            split_progress=(split, len(self.splits)),
            candidate_progress=progress,
            error_score=self.error_score,
        )
        return result


def _accuracy(estimator: Any, x: Array, y: Array) -> float:
    """Return the `score` of a classifier for validated x and encoded y, without its checks."""
    outputs = estimator._outputs(x, estimator.out_activation_)
    right = outputs.argmax(axis=1) == y if y.ndim == 1 else ((outputs > 0.5) == y).all(axis=1)
    return float(right.mean())


def _suits(estimator: Any) -> bool:
    """Whether an estimator can be trained together with others; `fit` refuses wrong parameters."""
    if type(estimator).fit is not BaseMLP.fit or together.reason_against(estimator):
        return False
    try:
        estimator._validate_params()
    except (ValueError, TypeError):
        return False
    return True
