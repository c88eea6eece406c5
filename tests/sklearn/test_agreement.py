"""The estimators compared with scikit-learn's: the same seed gives the same numbers."""

from inspect import signature

import numpy as np
import pytest

theirs = pytest.importorskip("sklearn.neural_network", reason="needs scikit-learn")
import scipy.sparse  # noqa: E402
from estimators import parameters  # noqa: E402
from sklearn.datasets import make_multilabel_classification  # noqa: E402

from nncore import sklearn as ours  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer:UserWarning")
ITERATIONS = 20
EQUAL = 1e-8
RULES = {
    f"sgd {rate} {kind}": {
        "solver": "sgd", "learning_rate": rate, "learning_rate_init": 0.05, "power_t": 0.2,
        "momentum": momentum, "nesterovs_momentum": kind == "nesterov", "tol": 1e-2,
        "n_iter_no_change": 2,
    }
    for rate in ("constant", "invscaling", "adaptive")
    for kind, momentum in (("nesterov", 0.9), ("momentum", 0.9), ("plain", 0.0))
}  # fmt: skip
RULES["adam"] = {"solver": "adam", "learning_rate_init": 0.01}
RULES["adam, a large epsilon"] = {"solver": "adam", "epsilon": 0.01, "beta_1": 0.8, "beta_2": 0.9}


def rows(n=70, inputs=5, outputs=3, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, inputs))
    return x, np.tanh(x @ rng.standard_normal((inputs, outputs))), rng


def both(name, x, y, fit=None, **settings):
    """scikit-learn's estimator and ours, fitted from the same seed."""
    settings = {"hidden_layer_sizes": (7, 6), "max_iter": ITERATIONS, "random_state": 3} | settings
    if fit and "sample_weight" not in signature(theirs.MLPClassifier.fit).parameters:
        pytest.skip("scikit-learn has sample_weight from 1.7 on")
    return [getattr(module, name)(**settings).fit(x, y, **(fit or {})) for module in (theirs, ours)]


def assert_same(other, model, x, tolerance=EQUAL):
    for one, two in zip(parameters(other), parameters(model), strict=True):
        np.testing.assert_allclose(two, one, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(model.predict(x), other.predict(x), rtol=tolerance, atol=tolerance)
    assert (model.n_iter_, model.t_) == (other.n_iter_, other.t_)
    assert (model.n_layers_, model.n_outputs_) == (other.n_layers_, other.n_outputs_)
    assert model.out_activation_ == other.out_activation_
    np.testing.assert_allclose(model.loss_, other.loss_, rtol=1e-7)
    if hasattr(other, "loss_curve_"):
        np.testing.assert_allclose(model.loss_curve_, other.loss_curve_, rtol=1e-7)
        assert model.validation_scores_ == pytest.approx(other.validation_scores_, nan_ok=True)
        assert model.best_validation_score_ == pytest.approx(other.best_validation_score_)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("batch_size", [16, "auto"])
def test_classifiers_agree(rule, batch_size):
    x, y, _ = rows()
    for targets in (y.argmax(axis=1), y[:, 0] > 0):
        other, model = both("MLPClassifier", x, targets, batch_size=batch_size, **rule)
        assert_same(other, model, x)
        np.testing.assert_allclose(model.predict_proba(x), other.predict_proba(x), atol=EQUAL)
        np.testing.assert_allclose(
            model.predict_log_proba(x), other.predict_log_proba(x), atol=1e-6
        )


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("outputs", [1, 3])
def test_regressors_agree(rule, outputs):
    x, y, _ = rows(outputs=outputs)
    other, model = both("MLPRegressor", x, y[:, 0] if outputs == 1 else y, batch_size=16,
                        alpha=0.1, **rule)  # fmt: skip
    assert_same(other, model, x)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("hidden", [(), 5, (9, 4, 3)])
def test_activations_and_sizes(activation, hidden):
    x, y, _ = rows()
    settings = {"activation": activation, "hidden_layer_sizes": hidden, "batch_size": 16}
    assert_same(*both("MLPClassifier", x, y.argmax(axis=1), **settings), x)
    assert_same(*both("MLPRegressor", x, y[:, 0], **settings), x)


@pytest.mark.parametrize("rate", ["adaptive", "constant"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_verbose_says_why_training_ends(capsys, rate, early_stopping):
    x, y, _ = rows()
    settings = {"solver": "sgd", "learning_rate": rate, "n_iter_no_change": 2, "max_iter": 200}
    said = []
    for module in (theirs, ours):
        model = module.MLPClassifier(
            5, verbose=True, tol=1.0, random_state=0, early_stopping=early_stopping, **settings
        )
        model.fit(x, y.argmax(axis=1))
        lines = capsys.readouterr().out.splitlines()
        said.append([line for line in lines if not line.startswith("Iteration")])
    assert said[0] == said[1]
    assert said[1][-1].endswith("too small. Stopping.") == (rate == "adaptive")


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_sample_weights(name, shuffle):
    x, y, rng = rows()
    targets = y.argmax(axis=1) if name == "MLPClassifier" else y
    fit = {"sample_weight": rng.uniform(0.1, 2, len(x))}
    other, model = both(name, x, targets, fit, batch_size=16, alpha=0.5, shuffle=shuffle)
    assert_same(other, model, x)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("several", [False, True])
def test_early_stopping(weighted, several):
    x, y, rng = rows(n=200)
    fit = {"sample_weight": rng.uniform(0.1, 2, len(x))} if weighted else {}
    settings = {"early_stopping": True, "batch_size": 32, "n_iter_no_change": 4, "tol": 1e-3}
    targets = y.argmax(axis=1) if several else y[:, 0] > 0
    assert_same(*both("MLPClassifier", x, targets, fit, **settings), x)
    assert_same(*both("MLPRegressor", x, y if several else y[:, 0], fit, **settings), x)


def test_multilabel_targets():
    x, y = make_multilabel_classification(60, 5, n_classes=3, random_state=0)
    other, model = both("MLPClassifier", x, y, batch_size=16)
    assert_same(other, model, x)
    np.testing.assert_allclose(model.predict_proba(x), other.predict_proba(x), atol=EQUAL)
    sparse = ours.MLPClassifier(**model.get_params()).fit(x, scipy.sparse.csr_matrix(y))
    np.testing.assert_array_equal(sparse.predict(x).toarray(), model.predict(x))


CLASSES = {
    "names": np.array(["a", "b", "c"]),
    "objects": np.array(["a", "b", "c"], object),
    "two": np.array([False, True, True]),
    "one": np.array([7, 7, 7]),
    "numbers": np.array([-1.0, 3.0, 2.0]),
}


@pytest.mark.parametrize("kind", CLASSES)
def test_classes_of_any_kind(kind):
    x, y, _ = rows()
    targets = CLASSES[kind][y.argmax(axis=1)]
    other, model = both("MLPClassifier", x, targets)
    assert model.predict(x).dtype == other.predict(x).dtype
    np.testing.assert_array_equal(model.predict(x), other.predict(x))
    np.testing.assert_array_equal(model.classes_, other.classes_)


@pytest.mark.filterwarnings("ignore:lbfgs failed", "ignore:scipy.optimize:DeprecationWarning")
def test_poisson_deviance():
    x, y, rng = rows()
    y = rng.poisson(np.exp(y[:, :2])).astype(float)
    for solver in ("adam", "sgd", "lbfgs"):
        if "loss" not in theirs.MLPRegressor().get_params():
            pytest.skip("scikit-learn has it from 1.7 on")
        for targets in (y[:, 0], y):
            settings = {"loss": "poisson", "solver": solver, "batch_size": 16, "max_iter": 10,
                        "activation": "tanh"}  # fmt: skip
            assert_same(*both("MLPRegressor", x, targets, **settings), x, 1e-6)


@pytest.mark.filterwarnings("ignore:lbfgs failed", "ignore:scipy.optimize:DeprecationWarning")
@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("weighted", [False, True])
def test_lbfgs(name, weighted):
    x, y, rng = rows()
    targets = y.argmax(axis=1) if name == "MLPClassifier" else y[:, 0]
    fit = {"sample_weight": rng.uniform(0.1, 2, len(x))} if weighted else {}
    settings = {"solver": "lbfgs", "alpha": 0.1, "max_iter": 15, "activation": "tanh"}
    assert_same(*both(name, x, targets, fit, **settings), x, 1e-6)


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("rule", [RULES["adam"], RULES["sgd invscaling nesterov"]])
def test_partial_fit_and_warm_start_go_on_alike(name, rule):
    x, y, _ = rows()
    targets = y.argmax(axis=1) if name == "MLPClassifier" else y[:, 0]
    classes = {"classes": [0, 1, 2]} if name == "MLPClassifier" else {}
    pair = [getattr(module, name)(hidden_layer_sizes=7, batch_size=16, random_state=3, **rule)
            for module in (theirs, ours)]  # fmt: skip
    for estimator in pair:
        for part in (slice(0, 40), slice(40, 70), slice(0, 70)):
            estimator.partial_fit(x[part], targets[part], **classes)
    assert_same(*pair, x)
    for estimator in pair:
        estimator.set_params(warm_start=True, max_iter=5).fit(x, targets)
        estimator.fit(x, targets)
    assert_same(*pair, x)


@pytest.mark.parametrize("seed", ["RandomState", "global"])
def test_a_generator_is_drawn_from_as_often(seed):
    x, y, _ = rows()
    following = []
    for module in (theirs, ours):
        np.random.seed(5)  # noqa: NPY002 - the global one is scikit-learn's default
        state = np.random.RandomState(5) if seed == "RandomState" else None
        for batch_size in (16, "auto"):
            module.MLPRegressor(
                hidden_layer_sizes=5, max_iter=3, random_state=state, batch_size=batch_size
            ).fit(x, y)
        generator = np.random.mtrand._rand if state is None else state
        following.append(generator.randint(10**9))
    assert following[0] == following[1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_is_that_of_the_data(dtype):
    x, y, _ = rows()
    other, model = both("MLPRegressor", x.astype(dtype), y, batch_size=16)
    assert {array.dtype for array in parameters(model)} == {np.dtype(dtype)}
    assert_same(other, model, x.astype(dtype), EQUAL if dtype == "float64" else 1e-3)


def test_every_parameter_has_the_default_of_scikit_learn():
    for name in ("MLPClassifier", "MLPRegressor"):
        expected = getattr(theirs, name)().get_params()
        got = getattr(ours, name)().get_params()
        assert {key: got[key] for key in expected} == expected
