"""Short fits of estimators, and whether two have the same parameters."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")
from sklearn.datasets import load_diabetes, load_iris
from sklearn.preprocessing import scale

from nncore.sklearn import MLPClassifier

X, Y = load_iris(return_X_y=True)
X = scale(X)
XR, YR = map(scale, load_diabetes(return_X_y=True))


def fitted(estimator=MLPClassifier, x=X, y=Y, fit=None, **settings):
    settings = {"hidden_layer_sizes": 8, "max_iter": 30, "random_state": 0} | settings
    return estimator(**settings).fit(x, y, **(fit or {}))


def parameters(model):
    return [*model.coefs_, *model.intercepts_]


def same(one, other):
    return all(map(np.array_equal, parameters(one), parameters(other)))
