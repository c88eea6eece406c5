"""Estimators that are trained together have the bits and records of those that are fitted alone."""

import itertools

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")
from sklearn.base import clone
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_iris,
    make_multilabel_classification,
)
from sklearn.model_selection import KFold
from sklearn.preprocessing import scale

import nncore
from nncore.sklearn import MLPClassifier, MLPRegressor, lanes, together
from nncore.sklearn.orders import Orders
from nncore.sklearn.recording import improvement
from nncore.sklearn.together import Task
from nncore.sklearn.validated import Validated

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stochastic Optimizer:UserWarning",
    "ignore:Training diverged:UserWarning",
    "ignore:batch_size:UserWarning",
)


def iris():
    return scale(load_iris().data), load_iris().target


def two_classes():
    x, y = load_breast_cancer(return_X_y=True)
    return scale(x[:150, :6]), np.array(["no", "yes"])[y[:150]]


def several_labels():
    x, y = make_multilabel_classification(120, 6, n_classes=3, random_state=0)
    return x / 10, y


def numbers():
    x, y = load_diabetes(return_X_y=True)
    return x[:120] * 20, scale(y[:120])


def two_numbers():
    x, y = numbers()
    return x, np.column_stack([y, y**2])


DATA = {
    "iris": (MLPClassifier, iris),
    "two_classes": (MLPClassifier, two_classes),
    "several_labels": (MLPClassifier, several_labels),
    "numbers": (MLPRegressor, numbers),
    "two_numbers": (MLPRegressor, two_numbers),
}
SGD = {"solver": "sgd", "learning_rate_init": 0.1}
SETTINGS = {
    "adam": {},
    "small batches": {"batch_size": 7},
    "batches that divide the rows": {"batch_size": 20},
    "too large batches": {"batch_size": 1000, "max_iter": 5},
    "one row": {"batch_size": 1, "max_iter": 4},
    "one row without momentum": {**SGD, "batch_size": 1, "momentum": 0, "alpha": 0, "max_iter": 4},
    "given order": {"shuffle": False, "batch_size": 13},
    "stops soon": {"tol": 1e-2, "n_iter_no_change": 3, "max_iter": 100, "batch_size": 32},
    "never stops": {"n_iter_no_change": np.inf, "tol": 1.0},
    "sgd": SGD,
    "momentum": {**SGD, "nesterovs_momentum": False, "batch_size": 20},
    "invscaling": {**SGD, "learning_rate": "invscaling"},
    "invscaling without momentum": {**SGD, "learning_rate": "invscaling", "momentum": 0},
    "adaptive": {**SGD, "learning_rate": "adaptive", "tol": 1e-2, "n_iter_no_change": 2},
    "early stopping": {"early_stopping": True, "batch_size": 16, "n_iter_no_change": 4},
    "early stopping by the loss": {"early_stopping": True, "scoring": "loss"},
    "l1": {"l1": 1e-3, "batch_size": 32},
    "no penalties": {"alpha": 0},
    "clip_norm": {"clip_norm": 0.1},
    "schedule": {"schedule": nncore.CosineDecay(), "batch_size": 32},
    "float32": {"dtype": "float32", "batch_size": 32},
    "an optimizer": {"solver": nncore.SGD(0.1, momentum=0.5)},
    "rmsprop": {"solver": "rmsprop"},
    "two hidden layers": {"activation": "gelu", "hidden_layer_sizes": (5, 4)},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "softmax in a hidden layer": {"activation": "softmax"},
    "diverges": {"solver": "sgd", "activation": "identity", "learning_rate_init": 1e30},
    "diverges after early stopping": {
        "solver": "sgd",
        "activation": "identity",
        "learning_rate_init": 1e30,
        "early_stopping": True,
    },
    "a generator": {"random_state": np.random.RandomState(3), "batch_size": 32},
}


def tasks_for(name, settings):
    """Tasks for some learning rates and penalties on three splits, and the data."""
    cls, load = DATA[name]
    x, y = load()
    first = cls(**{"hidden_layer_sizes": 6, "max_iter": 24, "random_state": 1} | settings)
    data, tasks = Validated(first, x, y), []
    splits = [train for train, _ in KFold(3, shuffle=True, random_state=1).split(x)]
    for rate, alpha, train in itertools.product((1e-3, 3e-2), (1e-4, 0.1), splits):
        estimator = clone(first)
        if "alpha" not in settings:
            estimator.set_params(alpha=alpha)
        if "solver" not in settings:
            estimator.set_params(learning_rate_init=rate)
        tasks.append(Task(estimator, data, train))
    return tasks, x, y


def fit_alone(estimator, x, y):
    """The error of `fit`, or None."""
    try:
        estimator.fit(x, y)
    except ValueError as error:
        return str(error)
    return None


def assert_same_state(one, other):
    """All fitted attributes are equal, to the last bit."""
    fitted = {name for name in vars(one) if name.endswith("_")}
    assert fitted == {name for name in vars(other) if name.endswith("_")}
    for name in sorted(fitted - {"_label_binarizer"}):
        for a, b in itertools.zip_longest(
            *map(as_list, (getattr(one, name), getattr(other, name)))
        ):
            np.testing.assert_array_equal(a, b, err_msg=name, strict=True)
    assert one._optimizer.learning_rate == other._optimizer.learning_rate
    np.testing.assert_array_equal(one._optimizer.slots, other._optimizer.slots)
    np.testing.assert_array_equal(one._optimizer.counters[:2], other._optimizer.counters[:2])


def as_list(value):
    return value if isinstance(value, list) else [value]


WAYS = [*((name, "lanes") for name in DATA), ("iris", "alone"), ("two_numbers", "alone")]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize(("name", "way"), WAYS)
def test_members_equal_estimators_that_are_fitted_alone(name, settings, way, monkeypatch):
    monkeypatch.setattr(lanes, "suit", lambda first, count: way == "lanes" and can_run(first))
    tasks, x, y = tasks_for(name, SETTINGS[settings])
    alone = [clone(task.estimator) for task in tasks]
    together.fit(tasks)
    for task, estimator in zip(tasks, alone, strict=True):
        error = fit_alone(estimator, x[task.at], y[task.at])
        assert error == (None if task.error is None else str(task.error))
        if error is None:
            assert_same_state(estimator, task.estimator)
            assert task.seconds > 0
    assert settings != "diverges" or all(task.error for task in tasks)


def can_run(first):
    return first.estimator.activation != "softmax"


def test_members_leave_lanes_one_after_the_other(monkeypatch):
    """Members stop in different epochs, and the last ones go on alone."""
    tasks, x, y = tasks_for("iris", {"max_iter": 300, "tol": 1e-3, "batch_size": 20})
    for k, task in enumerate(tasks):
        task.estimator.set_params(max_iter=20 + 30 * k, n_iter_no_change=2 + k % 5)
    alone = [clone(task.estimator) for task in tasks]
    monkeypatch.setattr(lanes, "suit", lambda first, count: count > 3)
    together.fit(tasks)
    for task, estimator in zip(tasks, alone, strict=True):
        assert_same_state(estimator.fit(x[task.at], y[task.at]), task.estimator)
    assert len({task.estimator.n_iter_ for task in tasks}) > 5


def test_more_members_than_lanes_and_large_networks_train(monkeypatch):
    x, y = iris()
    first = MLPClassifier(3, max_iter=5, random_state=0)
    data = Validated(first, x, y)
    rng = np.random.default_rng(0)
    tasks = [
        Task(clone(first).set_params(random_state=k, hidden_layer_sizes=size), data, at)
        for k, size in enumerate([3] * 70 + [2000] * 2)
        for at in [rng.integers(0, 150, 100)]
    ]
    alone = [clone(task.estimator) for task in tasks]
    together.fit(tasks)
    for task, estimator in zip(tasks, alone, strict=True):
        assert_same_state(estimator.fit(x[task.at], y[task.at]), task.estimator)


def test_lanes_are_for_small_networks_and_enough_of_them():
    tasks, _, _ = tasks_for("iris", {"batch_size": 20})
    member = together._begun(tasks[0])
    assert lanes.suit(member, 16)
    assert not lanes.suit(member, 3)
    large, _, _ = tasks_for("iris", {"hidden_layer_sizes": 500})
    assert not lanes.suit(together._begun(large[0]), 64)
    over_rows, _, _ = tasks_for("iris", {"activation": "softmax"})
    assert not lanes.suit(together._begun(over_rows[0]), 64)


def test_without_a_random_state_each_member_draws_its_own_seed():
    tasks, _, _ = tasks_for("iris", {"random_state": None, "max_iter": 3})
    np.random.seed(5)  # noqa: NPY002 - the generator that is used without a seed
    together.fit(tasks)
    first = [task.estimator.coefs_[0] for task in tasks]
    assert len({array.tobytes() for array in first}) == len(tasks)
    again, _, _ = tasks_for("iris", {"random_state": None, "max_iter": 3})
    np.random.seed(5)  # noqa: NPY002 - the generator that is used without a seed
    together.fit(again)
    for task, array in zip(again, first, strict=True):
        np.testing.assert_array_equal(task.estimator.coefs_[0], array)


def test_ctrl_c_ends_all_training(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    tasks, _, _ = tasks_for("iris", {})
    monkeypatch.setattr(together.alone, "train", interrupted)
    monkeypatch.setattr(lanes.Lanes, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        together.fit(tasks)


@pytest.mark.parametrize("keep", [1, 3, 100])
def test_orders_can_be_read_again(keep):
    def drawn(first, epochs):
        return np.array(orders.of(first, epochs))

    plain = Orders(np.random.RandomState(0), 7)
    expected = np.array([plain.of(epoch, 1)[0] for epoch in range(12)])
    orders = Orders(np.random.RandomState(0), 7, keep)
    for first, epochs in [(0, 4), (4, 2), (2, 5), (0, 12), (11, 1), (3, 1)]:
        np.testing.assert_array_equal(drawn(first, epochs), expected[first : first + epochs])


def test_improvement_counts_like_a_loop():
    rng = np.random.default_rng(0)
    losses = rng.integers(0, 6, (50, 9)) / 4.0
    before, count = rng.integers(0, 6, 50) / 4.0, rng.integers(0, 5, 50)
    tol = rng.integers(0, 3, 50) / 4.0
    best, counts = improvement(losses, before, count, tol)
    for k in range(50):
        least, so_far = before[k], count[k]
        for loss, counted in zip(losses[k], counts[k], strict=True):
            so_far = so_far + 1 if loss > least - tol[k] else 0
            least = min(least, loss)
            assert counted == so_far
        assert best[k] == least
        one = improvement(losses[k], before[k], count[k], tol[k])
        assert one[0] == best[k]
        np.testing.assert_array_equal(one[1], counts[k])
