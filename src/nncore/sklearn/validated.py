"""Data that is validated once for several estimators of a class."""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from sklearn.base import clone

from nncore.params import Array
from nncore.sklearn.flat import Flat
from nncore.sklearn.rows import Rows, Subset


class Validated:
    """X and y, validated as by `fit` of an estimator, and what `fit` learns from them.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        One of the estimators, which is not changed.
    X, y : array-like
        The data as the user passed it.

    Attributes
    ----------
    learnt : dict
        The attributes that validation sets, such as `classes_` and `n_features_in_`.

    Raises
    ------
    ValueError, TypeError
        If the data is invalid.
    """

    def __init__(self, estimator: Any, X: Any, y: Any) -> None:
        first = clone(estimator)
        before = set(vars(first))
        self.x, self.y = first._validate_input(X, y, False, True)
        self.learnt = {name: value for name, value in vars(first).items() if name not in before}
        self._rows: dict[Any, Rows] = {}
        self._subsets: WeakValueDictionary[Any, Subset] = WeakValueDictionary()

    def subset(self, estimator: Any, network: Flat, at: Array) -> Subset:
        """Return some rows as the kernels read them, for the dtype of an estimator's network.

        Estimators that train on the same rows at the same time share their copies.
        """
        key = network.weights.dtype, estimator.out_activation_
        if key not in self._rows:
            self._rows[key] = estimator._unweighted(self.x, self.y, network)
        subset = self._subsets.get((*key, id(at)))  # which has a reference to `at`
        if subset is None:
            subset = self._subsets[(*key, id(at))] = Subset(self._rows[key], at)
        return subset

    def has_all_classes(self, at: Array) -> bool:
        """Whether these rows have all classes of a classifier, whose `fit` finds no others."""
        classes = self.learnt.get("classes_")
        if classes is None or (self.y.ndim == 2 and self.y.shape[1] != 1):
            return True
        return len(np.unique(self.y[at])) == len(classes)
