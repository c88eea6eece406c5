"""Training continues with `warm_start` and in `partial_fit` after changes of parameters."""

import copy
import pickle

import joblib
import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")
from estimators import parameters, same
from sklearn.preprocessing import scale

import nncore
from nncore.sklearn import MLPClassifier, MLPRegressor

pytestmark = [
    pytest.mark.filterwarnings("ignore:Stochastic Optimizer:UserWarning"),
    pytest.mark.filterwarnings("ignore:lbfgs failed to converge after 3"),
]
RNG = np.random.default_rng(0)
X = scale(RNG.normal(size=(120, 4)))
Y = X[:, 0] - 2 * X[:, 1] * X[:, 2]
LABELS = np.stack([Y > 0, Y > 1, Y < -1, X[:, 0] > 0, X[:, 1] > 0], axis=1).astype(int)

SETTINGS = {
    "adam": {"solver": "adam"},
    "sgd": {"solver": "sgd"},
    "plain sgd": {"solver": "sgd", "momentum": 0.0},
    "adaptive sgd": {"solver": "sgd", "learning_rate": "adaptive"},
    "object": {"solver": nncore.RMSprop(0.003)},
    "lbfgs": {"solver": "lbfgs"},
    "early": {"early_stopping": True},
    "early by another score": {"early_stopping": True, "scoring": "neg_mean_absolute_error"},
    "early lbfgs": {"solver": "lbfgs", "early_stopping": True},
    "other penalties": {"alpha": 0.3, "learning_rate_init": 0.01, "batch_size": 16},
    "other loss": {"loss": "huber"},
    "float32": {"dtype": "float32"},
}
DEFAULTS = {"solver": "adam", "early_stopping": False, "scoring": None, "momentum": 0.9,
            "learning_rate": "constant", "alpha": 1e-4, "learning_rate_init": 1e-3,
            "batch_size": "auto", "loss": "squared_error", "dtype": None}  # fmt: skip


def estimator(cls=MLPRegressor, **settings):
    fixed = {"hidden_layer_sizes": 6, "max_iter": 3, "random_state": 0, "warm_start": True}
    return cls(**fixed | settings)


def moved(model, train):
    """The largest change of a weight."""
    before = [array.copy() for array in parameters(model)]
    train()
    return max(
        abs(after - array).max() for after, array in zip(parameters(model), before, strict=True)
    )


def from_memory_map(model, folder):
    joblib.dump(model, folder / "model.joblib")
    return joblib.load(folder / "model.joblib", mmap_mode="r")


PASSAGES = {
    "a deep copy": lambda model, folder: copy.deepcopy(model),
    "pickled": lambda model, folder: pickle.loads(pickle.dumps(model)),
    "memory-mapped": from_memory_map,
}


@pytest.mark.parametrize("after", SETTINGS)
@pytest.mark.parametrize("before", SETTINGS)
def test_training_continues_after_any_change_of_settings(before, after):
    model = estimator(**SETTINGS[before]).fit(X, Y).set_params(**DEFAULTS | SETTINGS[after])
    # The same weights in a network that has not been trained by other settings.
    other = estimator(**SETTINGS[after], n_iter_no_change=np.inf).fit(X, Y)
    other.coefs_ = [array.copy() for array in model.coefs_]
    other.intercepts_ = [array.copy() for array in model.intercepts_]
    for each in (model, other):
        each.fit(X, Y)
        check_records(each)
    if not model.early_stopping or model.solver == "lbfgs":  # else a best one may be from before
        assert same(model, other)
    if model.solver != "lbfgs" and not model.early_stopping:
        assert moved(model, lambda: model.partial_fit(X, Y)) > 0
        check_records(model)


@pytest.mark.parametrize("go_on", ["fit", "partial_fit"])
@pytest.mark.parametrize("before", SETTINGS)
@pytest.mark.parametrize("passage", PASSAGES.values(), ids=PASSAGES)
def test_training_continues_in_a_copy_as_in_the_network_itself(passage, before, go_on, tmp_path):
    model = estimator(**SETTINGS[before]).fit(X, Y)
    copied = passage(model, tmp_path)
    for each in (model, copied):
        if go_on == "partial_fit" and (each.early_stopping or each.solver == "lbfgs"):
            each.set_params(early_stopping=False, solver="adam")
        getattr(each, go_on)(X, Y)
        check_records(each)
    assert same(model, copied)


def check_records(model):
    """They are those of the solver and the kind of stopping of the last call."""
    if model.solver == "lbfgs":
        assert not hasattr(model, "loss_curve_")
        assert not hasattr(model, "best_loss_")
        return
    assert model.loss_curve_[-1] == model.loss_
    if model.early_stopping:
        assert model.best_validation_score_ == max(model.validation_scores_)
        assert model.best_loss_ is None
    else:
        assert model.best_loss_ <= max(model.loss_curve_)
        assert model.validation_scores_ is None is model.best_validation_score_


def test_records_of_an_earlier_fit_are_cleared():
    model = estimator(early_stopping=True, warm_start=False).fit(X, Y, validation_data=(X, Y))
    model.set_params(solver="lbfgs", early_stopping=False).fit(X, Y)
    check_records(model)
    assert model.validation_loss_curve_ is None


@pytest.mark.parametrize("go_on", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"hidden_layer_sizes": (9, 9)},
            r"hidden_layer_sizes cannot .* \(6,\), got \(9, 9\)",
        ),
        ({"activation": "tanh"}, "activation cannot be changed .* 'relu', got 'tanh'"),
        ({"loss": "poisson"}, "loss='poisson' needs the output activation 'exp'"),
    ],
)
def test_settings_that_determine_shapes_cannot_change_during_training(change, message, go_on):
    model = estimator().fit(X, abs(Y))
    kept = copy.deepcopy(model)
    predictions = model.predict(X)
    model.set_params(**change)
    with pytest.raises(ValueError, match=message):
        getattr(model, go_on)(X, abs(Y))
    assert same(model, kept)
    np.testing.assert_array_equal(model.predict(X), predictions)  # as what was trained
    model.set_params(warm_start=False)
    model.fit(X, abs(Y))
    assert [len(biases) for biases in model.intercepts_[:-1]] == [
        *np.atleast_1d(model.hidden_layer_sizes)
    ]


def test_another_name_of_the_same_activation_is_not_a_change():
    model = estimator(activation="logistic").fit(X, Y).set_params(activation="sigmoid")
    assert moved(model, lambda: model.partial_fit(X, Y)) > 0


STEPS = [
    {"solver": "adam"},
    {"solver": "sgd"},
    {"solver": "sgd", "learning_rate": "invscaling"},
    {"solver": "sgd", "learning_rate": "adaptive"},
]


@pytest.mark.parametrize("settings", STEPS)
def test_a_new_learning_rate_is_used_in_the_next_partial_fit(settings):
    model = estimator(**settings, learning_rate_init=0.01).partial_fit(X, Y)
    assert moved(model, lambda: model.partial_fit(X, Y)) > 1e-4
    model.set_params(learning_rate_init=1e-12)
    assert 0 < moved(model, lambda: model.partial_fit(X, Y)) < 1e-10
    model.set_params(learning_rate_init=0.01)
    assert moved(model, lambda: model.partial_fit(X, Y)) > 1e-4


def test_a_rate_lowered_by_adaptive_stays_until_one_is_given():
    settings = {"solver": "sgd", "learning_rate": "adaptive", "tol": 1e9, "n_iter_no_change": 1}
    model = estimator(**settings).partial_fit(X, Y)
    for _ in range(3):
        model.partial_fit(X, Y)
    lowered = model._optimizer.learning_rate
    assert lowered < model.learning_rate_init
    model.set_params(alpha=0.1, tol=0.0, n_iter_no_change=50).partial_fit(X, Y)
    assert model._optimizer.learning_rate == lowered
    model.set_params(learning_rate_init=0.5).partial_fit(X, Y)
    assert model._optimizer.learning_rate == 0.5


def test_the_optimizer_state_survives_a_new_step_size_but_not_a_new_solver():
    model = estimator(solver="adam").partial_fit(X, Y)
    model.set_params(learning_rate_init=0.1, beta_1=0.5).partial_fit(X, Y)
    assert model._optimizer.counters[1] == 2
    assert model._optimizer.rule.decay == 0.5
    model.set_params(solver=nncore.Adam(0.1)).partial_fit(X, Y)
    assert model._optimizer.counters[1] == 3
    fresh = copy.deepcopy(model)
    del fresh._optimizer
    for each in (model, fresh):
        each.set_params(solver="sgd").partial_fit(X, Y)
    assert same(model, fresh)
    assert model._optimizer.counters[1] == 1
    for momentum in (0.0, 0.9):  # a velocity less, and a new one
        model.set_params(momentum=momentum).partial_fit(X, Y)
        assert model._optimizer.rule.decay == momentum


def test_current_penalties_and_batch_sizes_are_used():
    for change in ({"alpha": 5.0}, {"l1": 1.0}, {"batch_size": 10}, {"shuffle": False},
                   {"clip_norm": 1e-3}, {"dropout": 0.5}):  # fmt: skip
        models = [estimator(MLPRegressor, batch_size=50).partial_fit(X, Y) for _ in "ab"]
        models[0].set_params(**change)
        for model in models:
            model.partial_fit(X, Y)
        assert not same(*models), change


def test_the_best_loss_of_another_objective_is_not_used():
    model = estimator(max_iter=200, alpha=0.0, n_iter_no_change=3, learning_rate_init=0.01)
    model.fit(X, Y)
    model.set_params(alpha=50.0, max_iter=30).fit(X, Y)  # whose losses are far larger
    assert model.n_iter_ == 30
    assert model.best_loss_ == min(model.loss_curve_[-30:])


def test_partial_fit_takes_batches_without_some_classes_under_warm_start():
    y = np.arange(len(X)) % 7
    model = estimator(MLPClassifier).partial_fit(X, y, classes=np.unique(y))
    model.partial_fit(X[:1], y[:1])
    with pytest.raises(ValueError, match="classes not in"):
        model.partial_fit(X[:1], [9])
    with pytest.raises(ValueError, match="same classes as in the previous call"):
        model.fit(X[:1], y[:1])


def test_a_first_fit_after_one_that_failed_learns_its_own_classes():
    model = estimator(MLPClassifier)
    with pytest.raises(ValueError, match="sample_weight"):
        model.fit(X, Y > 0, sample_weight=np.ones(3))
    assert list(model.fit(X, LABELS[:, 0] * 3).classes_) == [0, 3]


@pytest.mark.parametrize("classes", [[0, 1], range(4), range(6), [1, 2, 3, 4, 5]])
def test_classes_of_several_labels_name_each_of_them(classes):
    with pytest.raises(ValueError, match="must be the labels of `y`, one for each"):
        estimator(MLPClassifier).partial_fit(X, LABELS, classes=classes)
    model = estimator(MLPClassifier).partial_fit(X, LABELS, classes=range(5))
    assert list(model.partial_fit(X, LABELS, classes=np.arange(5)).classes_) == [*range(5)]


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_a_single_class_is_predicted_with_certainty(how):
    y = np.full(len(X), "only")
    model = estimator(MLPClassifier)
    model.fit(X, y) if how == "fit" else model.partial_fit(X, y, classes=["only"])
    assert list(model.classes_) == ["only"] == list(set(model.predict(X)))
    np.testing.assert_array_equal(model.predict_proba(X), np.ones((len(X), 1)))
    np.testing.assert_array_equal(model.predict_log_proba(X), np.zeros((len(X), 1)))
    assert model.score(X, y) == 1
