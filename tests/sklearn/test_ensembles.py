"""Ensembles: each member is the estimator that is fitted on its rows with its seed."""

import pickle

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", reason="needs scikit-learn")
import scipy.sparse  # noqa: E402
from estimators import XR, YR, X, Y, same  # noqa: E402
from sklearn.base import clone, is_classifier, is_regressor  # noqa: E402
from sklearn.datasets import make_multilabel_classification  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

from nncore.sklearn import (  # noqa: E402
    MLPClassifier,
    MLPEnsembleClassifier,
    MLPEnsembleRegressor,
    MLPRegressor,
    together,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stochastic Optimizer:UserWarning", "ignore:lbfgs failed:UserWarning"
)
BOTH = pytest.mark.parametrize("ensemble", [MLPEnsembleClassifier, MLPEnsembleRegressor])
MEMBERS = {MLPEnsembleClassifier: MLPClassifier, MLPEnsembleRegressor: MLPRegressor}
XL, YL = make_multilabel_classification(120, 6, n_classes=3, random_state=0)
COUNTS = np.random.default_rng(0).poisson(3, len(YR)).astype(float)


def fitted(ensemble=MLPEnsembleClassifier, x=X, y=Y, **settings):
    settings = {"hidden_layer_sizes": 6, "max_iter": 20, "random_state": 0} | settings
    return ensemble(**{"n_estimators": 5} | settings).fit(x, y)


TASKS = {
    "three classes": (MLPEnsembleClassifier, X, Y),
    "two classes": (MLPEnsembleClassifier, X[50:], np.array(["no", "yes"])[Y[50:] - 1]),
    "several labels": (MLPEnsembleClassifier, XL / 10, YL),
    "one output": (MLPEnsembleRegressor, XR, YR),
    "two outputs": (MLPEnsembleRegressor, XR, np.column_stack([YR, YR**2])),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@BOTH
def test_check_estimator_passes(ensemble):
    results = check_estimator(ensemble(n_estimators=3), on_skip=None)
    assert len(results) > 50
    assert {result["status"] for result in results} <= {"passed", "skipped"}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"n_estimators": 20, "batch_size": 10},
        {"bootstrap": False},
        {"max_samples": 0.5},
        {"max_samples": 40, "bootstrap": False, "batch_size": 16},
        {"early_stopping": True},
        {"solver": "lbfgs"},
        {"dropout": 0.2},
        {"dtype": "float32", "solver": "sgd"},
    ],
)
@pytest.mark.parametrize("task", TASKS)
def test_members_equal_estimators_with_their_seeds_and_rows(task, settings):
    ensemble, x, y = TASKS[task]
    model = fitted(ensemble, x, y, **settings)
    assert len(model.estimators_) == len(model.estimators_samples_) == model.n_estimators
    for member, rows in zip(model.estimators_, model.estimators_samples_, strict=True):
        assert type(member) is MEMBERS[ensemble]
        alone = clone(member).fit(x[rows], y[rows])
        assert same(member, alone)
        np.testing.assert_array_equal(member.predict(x), alone.predict(x))
    assert len({member.random_state for member in model.estimators_}) == model.n_estimators
    assert model.n_iter_ == max(member.n_iter_ for member in model.estimators_)


def test_rows_are_drawn_as_the_parameters_say():
    def rows(**settings):
        return fitted(n_estimators=4, max_iter=2, **settings).estimators_samples_

    assert all(len(at) == 150 and len(np.unique(at)) < 150 for at in rows())
    assert [len(at) for at in rows(max_samples=0.5)] == [75] * 4
    assert [len(at) for at in rows(max_samples=1)] == [1] * 4
    for at in rows(bootstrap=False, max_samples=60):
        assert len(np.unique(at)) == 60
    np.testing.assert_array_equal(rows(bootstrap=False), [np.arange(150)] * 4)
    np.testing.assert_array_equal(rows(random_state=3), rows(random_state=3))
    assert not np.array_equal(rows(random_state=3), rows(random_state=4))


@pytest.mark.parametrize("task", list(TASKS)[:3])
def test_probabilities_are_means_over_members(task):
    ensemble, x, y = TASKS[task]
    model = fitted(ensemble, x, y)
    each = np.stack([member.predict_proba(x) for member in model.estimators_])
    probabilities = model.predict_proba(x)
    np.testing.assert_array_equal(probabilities, each.mean(axis=0))
    np.testing.assert_array_equal(model.predict_std(x), each.std(axis=0))
    np.testing.assert_array_equal(model.predict_log_proba(x), np.log(probabilities))
    if y.ndim == 2:
        np.testing.assert_array_equal(model.predict(x), probabilities > 0.5)
    else:
        np.testing.assert_array_equal(model.predict(x), np.unique(y)[probabilities.argmax(axis=1)])
    assert model.score(x, y) == np.mean((model.predict(x) == y).reshape(len(y), -1).all(axis=1))


@pytest.mark.parametrize("y", [YR, np.column_stack([YR, YR**2])])
def test_predictions_of_regressors_are_means_over_members(y):
    model = fitted(MLPEnsembleRegressor, XR, y)
    each = np.stack([member.predict(XR) for member in model.estimators_])
    np.testing.assert_array_equal(model.predict(XR), each.mean(axis=0))
    np.testing.assert_array_equal(model.predict_std(XR), each.std(axis=0))
    assert model.predict_std(XR).shape == y.shape


def test_losses_of_regressors_are_those_of_the_members():
    model = fitted(MLPEnsembleRegressor, XR, COUNTS, loss="poisson")
    assert (model.predict(XR) > 0).all()
    assert {member.loss for member in model.estimators_} == {"poisson"}
    with pytest.raises(ValueError, match="must not be negative"):
        fitted(MLPEnsembleRegressor, XR, YR, loss="poisson")


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("y", [Y, np.array(["a", "b", "b"])[Y]])
def test_samples_that_lack_a_class_know_all_classes(y, solver):
    model = fitted(x=X, y=y, max_samples=3, solver=solver)
    lacking = [len(np.unique(y[at])) < len(np.unique(y)) for at in model.estimators_samples_]
    assert any(lacking)
    for member in model.estimators_:
        np.testing.assert_array_equal(member.classes_, np.unique(y))
    assert model.predict_proba(X).shape == (150, len(np.unique(y)))
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)


@BOTH
def test_copies_and_pickles_predict_the_same(ensemble):
    model = fitted(ensemble)
    for copy in (pickle.loads(pickle.dumps(model)), clone(model).fit(X, Y)):
        np.testing.assert_array_equal(copy.predict(X), model.predict(X))
        np.testing.assert_array_equal(copy.predict_std(X), model.predict_std(X))
    assert not hasattr(clone(model), "estimators_")
    assert model.set_params(alpha=1.0).get_params()["alpha"] == 1.0
    assert is_classifier(model) == (ensemble is MLPEnsembleClassifier) != is_regressor(model)


@BOTH
def test_sparse_rows_predict_like_dense_ones(ensemble):
    one, other = (
        fitted(ensemble, batch_size=16),
        fitted(ensemble, scipy.sparse.csr_array(X), batch_size=16),
    )
    for member, twin in zip(one.estimators_, other.estimators_, strict=True):
        assert same(member, twin)
    np.testing.assert_array_equal(one.predict(X), other.predict(scipy.sparse.csr_array(X)))


def test_names_of_columns_are_kept_and_checked():
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    table = pandas.DataFrame(X, columns=["a", "b", "c", "d"])
    model = fitted(x=table)
    assert model.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(table[["d", "c", "b", "a"]])
    assert not hasattr(model.fit(X, Y), "feature_names_in_")


@pytest.mark.parametrize(
    "settings",
    [
        {"n_estimators": 0},
        {"bootstrap": "no"},
        {"max_samples": 1.5},
        {"max_samples": 0},
        {"max_samples": 151},
        {"alpha": -1},
        {"hidden_layer_sizes": (0,)},
        {"learning_rate": "adaptive", "schedule": lambda step, total: 1.0},
    ],
)
def test_invalid_parameters_are_refused_and_change_nothing(settings):
    model = fitted()
    before = model.predict_proba(X), model.estimators_
    with pytest.raises(ValueError, match=next(iter(settings))):
        model.set_params(**settings).fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X), before[0])
    assert model.estimators_ is before[1]


def test_a_member_that_diverges_leaves_the_ensemble_as_it_was():
    model = fitted(MLPEnsembleRegressor, XR, YR, solver="sgd")
    before = model.predict(XR)
    with pytest.raises(ValueError, match="non-finite"):
        model.set_params(learning_rate_init=1e30).fit(XR, YR)
    np.testing.assert_array_equal(model.predict(XR), before)


def test_members_have_their_own_copies_of_parameters():
    weights, sizes = {0: 1.0, 1: 2.0, 2: 1.0}, [4]
    model = fitted(class_weight=weights, hidden_layer_sizes=sizes)
    for member in model.estimators_:
        assert member.class_weight == weights
        assert member.class_weight is not weights
        assert member.hidden_layer_sizes is not sizes


def test_ctrl_c_leaves_the_ensemble_as_it_was(monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    model = fitted()
    before = model.predict(X)
    monkeypatch.setattr(together, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(random_state=5).fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), before)


def test_far_from_the_data_members_disagree():
    model = fitted(MLPEnsembleRegressor, XR, YR, hidden_layer_sizes=30, max_iter=100)
    assert model.predict_std(XR * 20).mean() > 5 * model.predict_std(XR).mean()


@pytest.mark.parametrize("rate", [0.003, 0.01])
def test_large_networks_that_run_ahead_have_the_bits_of_estimators(rate):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((60, 100)).astype("f4"), rng.integers(0, 2, 60)
    settings = {
        "hidden_layer_sizes": (90,), "batch_size": 20, "learning_rate_init": rate,
        "n_iter_no_change": 3, "max_iter": 200,
    }  # fmt: skip
    whole = fitted(x=x, y=y, n_estimators=2, bootstrap=False, **settings)
    for member in whole.estimators_:
        alone = MLPClassifier(random_state=member.random_state, **settings).fit(x, y)
        assert same(member, alone)
