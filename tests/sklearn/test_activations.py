"""Estimators with the activations that scikit-learn does not have."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")
from sklearn.base import clone
from sklearn.datasets import load_iris

from nncore import reference
from nncore.sklearn import MLPClassifier, MLPRegressor
from nncore.sklearn.parameters import ACTIVATIONS

pytestmark = [
    pytest.mark.filterwarnings("ignore:Stochastic Optimizer:UserWarning"),
    pytest.mark.filterwarnings("ignore:lbfgs failed to converge:UserWarning"),
]
OURS = sorted({*ACTIVATIONS} - {"identity", "logistic", "tanh", "relu", "softmax", "sigmoid"})
X, LABELS = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)


def settings(activation, **others):
    return {"hidden_layer_sizes": (8,), "activation": activation, "random_state": 0} | others


@pytest.mark.parametrize("activation", OURS)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_classifiers_learn(activation, solver):
    how = settings(activation, solver=solver, learning_rate_init=0.05, max_iter=60)
    model = MLPClassifier(**how).fit(X, LABELS)
    assert model.score(X, LABELS) > 0.95
    np.testing.assert_array_equal(clone(model).fit(X, LABELS).coefs_[0], model.coefs_[0])


@pytest.mark.parametrize("activation", OURS)
def test_regressors_learn_by_lbfgs(activation):
    """Slopes of silu and gelu taken from their outputs give scores of 0.96 and 0.98."""
    y = np.sin(2 * X[:, 0]) + X[:, 1]
    model = MLPRegressor(**settings(activation, solver="lbfgs", max_iter=100)).fit(X, y)
    assert model.score(X, y) > 0.99


@pytest.mark.parametrize("activation", OURS)
def test_transform_gives_the_activation_of_the_sums(activation):
    model = MLPClassifier(**settings(activation, max_iter=3)).fit(X, LABELS)
    sums = X @ model.coefs_[0] + model.intercepts_[0]
    expected = getattr(reference, f"{activation}_forward")(sums)
    np.testing.assert_allclose(model.transform(X), expected, rtol=1e-9, atol=1e-12)
