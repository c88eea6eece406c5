"""PopulationSearchCV finds what GridSearchCV and RandomizedSearchCV find, with the same bits."""

import pickle

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", reason="needs scikit-learn")
import scipy.sparse  # noqa: E402
import scipy.stats  # noqa: E402
from estimators import XR, YR, X, Y, same  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.datasets import make_multilabel_classification  # noqa: E402
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.metrics import accuracy_score, make_scorer  # noqa: E402
from sklearn.model_selection import (  # noqa: E402
    GridSearchCV,
    GroupKFold,
    KFold,
    RandomizedSearchCV,
    ShuffleSplit,
)
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

import nncore  # noqa: E402
from nncore.sklearn import MLPClassifier, MLPRegressor, PopulationSearchCV, evaluation  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stochastic Optimizer:UserWarning",
    "ignore:lbfgs failed:UserWarning",
    "ignore:batch_size:UserWarning",
)
GRID = {"alpha": [1e-4, 1e-2], "learning_rate_init": [1e-3, 1e-2]}
XL, YL = make_multilabel_classification(120, 6, n_classes=3, random_state=0)
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]


def classifier(**settings):
    return MLPClassifier(**{"hidden_layer_sizes": 6, "max_iter": 20, "random_state": 0} | settings)


def regressor(**settings):
    return MLPRegressor(**{"hidden_layer_sizes": 6, "max_iter": 20, "random_state": 0} | settings)


def without_times(search):
    return {name: value for name, value in search.cv_results_.items() if "time" not in name}


def assert_same(search, other):
    """Both searches have the same results, to the last bit, and the same best network."""
    assert list(search.cv_results_) == list(other.cv_results_)
    for name, value in without_times(search).items():
        if name == "params":
            assert repr(value) == repr(other.cv_results_[name])
        else:
            np.testing.assert_array_equal(value, other.cv_results_[name], err_msg=name)
            assert value.dtype == other.cv_results_[name].dtype, name
    for name in ("best_index_", "best_score_", "n_splits_", "multimetric_"):
        assert getattr(search, name, None) == getattr(other, name, None), name
    assert hasattr(search, "best_estimator_") == hasattr(other, "best_estimator_")
    if hasattr(search, "best_estimator_"):
        assert same(search.best_estimator_, other.best_estimator_)


def compare(estimator, grid, x, y, **settings):
    """Fit both searches, and compare them."""
    settings = {"cv": 3} | settings
    search = PopulationSearchCV(estimator, grid, **settings).fit(x, y)
    assert_same(search, GridSearchCV(estimator, grid, **settings).fit(x, y))
    return search


def count_fits(monkeypatch):
    """A list that becomes longer with each ordinary fit of a search."""
    calls, original = [], evaluation._fit_and_score

    def counted(*args, **kwargs):
        calls.append(kwargs["parameters"])
        return original(*args, **kwargs)

    monkeypatch.setattr(evaluation, "_fit_and_score", counted)
    return calls


TASKS = {
    "three classes": (classifier, X, Y),
    "names of classes": (classifier, X, NAMES),
    "two classes": (classifier, X[:100], np.array(["no", "yes"])[Y[:100]]),
    "several labels": (classifier, XL / 10, YL),
    "one output": (regressor, XR, YR),
    "two outputs": (regressor, XR, np.column_stack([YR, YR**2])),
    "a column": (regressor, XR.tolist(), YR.tolist()),
}


@pytest.mark.parametrize("task", TASKS)
def test_all_tasks_have_the_scores_of_grid_search(task, monkeypatch):
    ordinary = count_fits(monkeypatch)
    estimator, x, y = TASKS[task]
    search = compare(estimator(), GRID, x, y, return_train_score=True)
    assert not ordinary
    np.testing.assert_array_equal(search.predict(x), search.best_estimator_.predict(x))
    assert search.score(x, y) == search.best_estimator_.score(x, y)


@pytest.mark.parametrize(
    "settings",
    [
        {"solver": "sgd"},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.01, "n_iter_no_change": 2},
        {"solver": "sgd", "learning_rate": "invscaling"},
        {"batch_size": 16},
        {"early_stopping": True, "batch_size": 16},
        {"dtype": "float32", "batch_size": 25},
        {"random_state": np.random.RandomState(3), "batch_size": 16},
        {"solver": nncore.Adam(0.01), "schedule": nncore.CosineDecay()},
    ],
)
def test_settings_of_the_estimator_are_kept(settings):
    grid = {"alpha": [1e-4, 1e-2], "l1": [0, 1e-3]}
    compare(classifier(**settings), grid, X, Y)


def test_grids_with_networks_of_several_kinds_and_ordinary_fits(monkeypatch):
    ordinary = count_fits(monkeypatch)
    grid = [
        {"hidden_layer_sizes": [3, (4, 4)], "activation": ["relu", "tanh", "softmax"]},
        {"solver": ["lbfgs", "sgd", "adam"], "random_state": [0, 1]},
        {"batch_size": [7, 1000], "dropout": [0.0, 0.3], "class_weight": [None, "balanced"]},
        {"solver": [nncore.SGD(0.1)], "solver__learning_rate": [0.01, 0.1]},
    ]
    compare(classifier(), grid, X, Y)
    # lbfgs, and all but one combination of dropout and class weights, for each of three splits
    assert len(ordinary) == 3 * (2 + 2 * 3)


def test_random_searches_draw_the_candidates_of_randomized_search():
    grid = {"alpha": scipy.stats.loguniform(1e-5, 1e-1), "hidden_layer_sizes": [3, 5]}
    settings = {"cv": 3, "n_iter": 5, "random_state": 1}
    search = PopulationSearchCV(classifier(), grid, **settings).fit(X, Y)
    assert_same(search, RandomizedSearchCV(classifier(), grid, **settings).fit(X, Y))


@pytest.mark.parametrize(
    "settings",
    [
        {"scoring": "f1_macro"},
        {"scoring": ["accuracy", "neg_log_loss"], "refit": "neg_log_loss"},
        {"scoring": {"a": "accuracy", "b": make_scorer(accuracy_score)}, "refit": False},
        {"scoring": lambda model, x, y: float(abs(model.coefs_[0]).sum())},
        {
            "scoring": lambda model, x, y: {"score": model.score(x, y), "epochs": model.n_iter_},
            "refit": "epochs",
        },
        {"refit": False},
        {"refit": lambda results: 1},
    ],
)
def test_scores_and_the_choice_of_the_best_are_those_of_grid_search(settings):
    search = compare(classifier(), GRID, X, Y, return_train_score=True, **settings)
    assert search.scorer_ is not None


@pytest.mark.parametrize(
    "cv",
    [
        4,
        KFold(3, shuffle=True, random_state=0),
        ShuffleSplit(2, train_size=0.5, random_state=0),
        [(np.arange(150) % 2 == 0, np.arange(150) % 2 == 1), (np.arange(100), np.arange(-50, 0))],
    ],
)
def test_splits_are_those_of_grid_search(cv):
    compare(classifier(), GRID, X, Y, cv=cv)


def test_random_splits_are_drawn_once():
    cv = ShuffleSplit(3, random_state=np.random.RandomState(0))
    search = PopulationSearchCV(classifier(), {"alpha": [1e-4, 1e-4]}, cv=cv).fit(X, Y)
    scores = search.cv_results_
    assert all(
        scores[f"split{k}_test_score"][0] == scores[f"split{k}_test_score"][1] for k in "012"
    )


def test_splits_without_a_class_are_ordinary_fits(monkeypatch):
    ordinary = count_fits(monkeypatch)
    compare(classifier(), GRID, X, Y, cv=KFold(3), scoring="accuracy")  # sorted by class
    assert len(ordinary) == 3 * 4


@pytest.mark.parametrize("y", [np.zeros(150), np.array(["one"] * 150)])
def test_a_single_class_has_the_scores_of_grid_search(y):
    compare(classifier(), GRID, X, y)


def test_groups_and_arguments_of_fit_are_passed_on():
    groups = np.arange(150) % 5
    search = PopulationSearchCV(classifier(), GRID, cv=GroupKFold(3)).fit(X, Y, groups=groups)
    other = GridSearchCV(classifier(), GRID, cv=GroupKFold(3)).fit(X, Y, groups=groups)
    assert_same(search, other)
    weight = np.linspace(0.5, 2, 150)
    search = PopulationSearchCV(classifier(), GRID, cv=3).fit(X, Y, sample_weight=weight)
    assert_same(search, GridSearchCV(classifier(), GRID, cv=3).fit(X, Y, sample_weight=weight))


def test_sparse_rows_are_ordinary_fits(monkeypatch):
    ordinary = count_fits(monkeypatch)
    compare(classifier(), GRID, scipy.sparse.csr_array(X), Y)
    assert len(ordinary) == 3 * 4


def test_names_of_columns_are_kept():
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    table = pandas.DataFrame(X, columns=["a", "b", "c", "d"])
    search = compare(classifier(), GRID, table, pandas.Series(NAMES))
    assert search.feature_names_in_.tolist() == ["a", "b", "c", "d"]


DIVERGING = {"learning_rate_init": [1e-2, 1e30], "activation": ["identity"], "solver": ["sgd"]}


@pytest.mark.parametrize(
    "grid", [DIVERGING, {"alpha": [1e-4, -1.0]}, {"hidden_layer_sizes": [3, (0,), "x"]}]
)
@pytest.mark.parametrize("scoring", [None, ["accuracy", "f1_macro"]])
@pytest.mark.filterwarnings("ignore:One or more of the test scores:UserWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_candidates_that_fail_get_the_error_score(grid, scoring):
    refit = "accuracy" if scoring else True
    for error_score in (np.nan, -1.0):
        how = {"scoring": scoring, "refit": refit, "error_score": error_score}
        compare(classifier(), grid, X, Y, **how)
        with pytest.warns(FitFailedWarning, match="3 fits failed|6 fits failed"):
            PopulationSearchCV(classifier(), grid, cv=3, **how).fit(X, Y)


def halved(step, total=0):
    return 0.5


def refusing(step, total=0):
    raise ZeroDivisionError("no step size")


@pytest.mark.filterwarnings("ignore:One or more of the test scores:UserWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_an_error_of_one_schedule_is_that_of_its_candidates():
    grid = {"schedule": [halved, refusing], "alpha": [1e-5, 1e-4, 1e-3, 1e-2]}
    search = compare(classifier(batch_size=16), grid, X, Y, refit=False)
    assert np.isnan(search.cv_results_["mean_test_score"]).sum() == 4


def test_errors_are_those_of_grid_search():
    def message(search, settings, x, y):
        with pytest.raises((ValueError, TypeError)) as raised:
            search(classifier(), **settings).fit(x, y)
        return type(raised.value), str(raised.value).splitlines()[0].replace(search.__name__, "")

    for settings, x, y in [
        ({"param_grid": DIVERGING, "error_score": "raise"}, X, Y),
        ({"param_grid": {"unknown": [1]}}, X, Y),
        ({"param_grid": {"alpha": [-1.0]}}, X, Y),
        ({"param_grid": GRID}, X, Y[:-1]),
        ({"param_grid": GRID}, np.full_like(X, np.nan), Y),
        ({"param_grid": GRID, "scoring": ["accuracy", "f1_macro"]}, X, Y),
        ({"param_grid": GRID, "cv": 1}, X, Y),
    ]:
        assert message(PopulationSearchCV, settings, x, y) == message(GridSearchCV, settings, x, y)


def test_warnings_as_errors_fail_the_same_candidates():
    grid = {"max_iter": [2, 400], "tol": [0.5]}
    with pytest.warns((ConvergenceWarning, FitFailedWarning, UserWarning)) as caught:
        search = PopulationSearchCV(classifier(), grid, cv=3, refit=False).fit(X, Y)
    assert sum(issubclass(each.category, ConvergenceWarning) for each in caught) == 3
    assert not np.isnan(search.cv_results_["mean_test_score"]).any()


@pytest.mark.parametrize(
    "estimator", [LogisticRegression(), make_pipeline(StandardScaler(), MLPClassifier())]
)
def test_other_estimators_are_refused(estimator):
    with pytest.raises(TypeError, match="estimator must be an MLPClassifier or MLPRegressor"):
        PopulationSearchCV(estimator, {}).fit(X, Y)


@pytest.mark.parametrize(
    "settings",
    [{"n_iter": 0}, {"verbose": -1}, {"random_state": "x"}, {"error_score": "x"}, {"refit": 3.5}],
)
def test_invalid_parameters_are_refused(settings):
    with pytest.raises(ValueError, match=f"The '{next(iter(settings))}' parameter"):
        PopulationSearchCV(classifier(), GRID, **settings).fit(X, Y)


def test_scores_of_subclasses_are_their_own():
    class Strict(MLPClassifier):
        def score(self, X, y, sample_weight=None):
            return super().score(X, y, sample_weight) / 2

    compare(Strict(6, max_iter=20, random_state=0), GRID, X, Y)


def test_subclasses_with_their_own_fit_are_ordinary_fits(monkeypatch):
    class Other(MLPClassifier):
        def fit(self, X, y):
            return super().fit(X, 1 - np.minimum(y, 1))

    ordinary = count_fits(monkeypatch)
    compare(Other(6, max_iter=20, random_state=0), GRID, X, Y)
    assert len(ordinary) == 3 * 4


def test_copies_pickles_and_parameters():
    search = PopulationSearchCV(classifier(), GRID, cv=3, n_iter=2, random_state=0)
    assert clone(search).get_params().keys() == search.get_params().keys()
    assert search.set_params(estimator__alpha=1.0).estimator.alpha == 1.0
    copy = pickle.loads(pickle.dumps(search.fit(X, Y)))
    np.testing.assert_array_equal(copy.predict_proba(X), search.predict_proba(X))
    assert copy.classes_.tolist() == [0, 1, 2]


def test_messages_tell_the_numbers_of_fits(capsys):
    PopulationSearchCV(classifier(), GRID, cv=3, verbose=2).fit(X, Y)
    assert capsys.readouterr().out.splitlines() == [
        "Fitting 3 folds for each of 4 candidates, totalling 12 fits",
        "12 fits are trained together",
    ]


def test_the_estimator_of_the_search_is_not_changed():
    estimator = classifier()
    before = dict(vars(estimator))
    PopulationSearchCV(estimator, GRID, cv=3).fit(X, Y)
    assert vars(estimator) == before
