"""Validation data: passed in two ways, transformed by pipelines, scored by any scorer."""

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", reason="needs scikit-learn")
import scipy.sparse  # noqa: E402
from estimators import same  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.datasets import load_diabetes, load_iris  # noqa: E402
from sklearn.metrics import get_scorer, log_loss, make_scorer  # noqa: E402
from sklearn.model_selection import GridSearchCV, train_test_split  # noqa: E402
from sklearn.pipeline import Pipeline, make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler, scale  # noqa: E402

import nncore  # noqa: E402
from nncore.sklearn import MLPClassifier, MLPRegressor, validation  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore:Stochastic Optimizer:UserWarning"),
    pytest.mark.filterwarnings("ignore:lbfgs failed"),
]
X, Y = load_iris(return_X_y=True)
X = scale(X)
XR, YR = map(scale, load_diabetes(return_X_y=True))
WEIGHT = np.linspace(1, 2, len(X))


def estimator(cls=MLPClassifier, **settings):
    return cls(**{"hidden_layer_sizes": 8, "max_iter": 15, "random_state": 0} | settings)


@pytest.mark.parametrize(
    ("solver", "early_stopping"), [("adam", False), ("adam", True), ("lbfgs", False)]
)
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
def test_both_ways_to_give_validation_rows_are_equivalent(solver, early_stopping, weight):
    settings = {"solver": solver, "early_stopping": early_stopping}
    one = estimator(**settings).fit(X, Y, validation_data=(X, Y, weight))
    other = estimator(**settings).fit(X, Y, X_val=X, y_val=Y, sample_weight_val=weight)
    assert same(one, other)
    assert one.validation_loss_curve_ == other.validation_loss_curve_
    assert len(one.validation_loss_curve_) == one.n_iter_
    if early_stopping:
        assert one.validation_scores_ == other.validation_scores_
        expected = one.score(X, Y, sample_weight=weight)
        assert one.best_validation_score_ == pytest.approx(expected)


HALVES = {
    "X_val is provided, but y_val was not": {"X_val": X},
    "y_val is provided, but X_val was not": {"y_val": Y},
    "sample_weight_val is provided, but X_val and y_val": {"sample_weight_val": WEIGHT},
    "X_val and y_val cannot be combined with validation_data": {
        "X_val": X,
        "y_val": Y,
        "validation_data": (X, Y),
    },
    "solver='lbfgs' does not support early_stopping": {"X_val": X, "y_val": Y},
}


@pytest.mark.parametrize("message", HALVES)
@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_incomplete_and_contradicting_validation_rows_are_refused(cls, message):
    settings = {"solver": "lbfgs", "early_stopping": True} if "lbfgs" in message else {}
    with pytest.raises(ValueError, match=message):
        estimator(cls, **settings).fit(X, Y, **HALVES[message])


@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_a_pipeline_transforms_validation_rows_as_it_does_those_of_training(cls):
    if "transform_input" not in Pipeline([]).get_params():
        pytest.skip("pipelines transform validation rows from scikit-learn 1.6 on")
    rows = {"X_val": 100 * X + 7, "y_val": Y, "sample_weight_val": WEIGHT}
    with sklearn.config_context(enable_metadata_routing=True):
        model = estimator(cls, early_stopping=True)
        model.set_fit_request(X_val=True, y_val=True, sample_weight_val=True)
        steps = [("scale", StandardScaler()), ("net", model)]
        pipe = Pipeline(steps, transform_input=["X_val"]).fit(100 * X + 7, Y, **rows)
    expected = estimator(cls, early_stopping=True).fit(
        StandardScaler().fit_transform(100 * X + 7), Y, validation_data=(X, Y, WEIGHT)
    )
    np.testing.assert_allclose(
        pipe[-1].validation_loss_curve_, expected.validation_loss_curve_, rtol=1e-9
    )


# --- scoring -----------------------------------------------------------------------

SEVERAL = np.stack([Y == 0, Y > 0], axis=1).astype(int)
SCORED = {
    "classes": (MLPClassifier, X, Y, "neg_log_loss"),
    "names": (MLPClassifier, X, np.array(["a", "b", "c"])[Y], "balanced_accuracy"),
    "two names": (MLPClassifier, X, np.where(Y > 0, "yes", "no"), "roc_auc"),
    "several labels": (MLPClassifier, X, SEVERAL, "f1_macro"),
    "sparse rows": (MLPClassifier, scipy.sparse.csc_array(X), Y, "neg_log_loss"),
    "one number": (MLPRegressor, XR, YR, "neg_median_absolute_error"),
    "numbers": (MLPRegressor, XR, np.stack([YR, -YR], axis=1), "neg_mean_absolute_error"),
    "poisson": (MLPRegressor, XR, YR + 5, "neg_mean_poisson_deviance"),
    "a scorer": (MLPClassifier, X, Y, make_scorer(log_loss, response_method="predict_proba")),
    "a function": (MLPRegressor, XR, YR, lambda model, x, y: -abs(model.predict(x) - y).max()),
}


@pytest.mark.parametrize("dtype", [None, np.float32])
@pytest.mark.parametrize("case", SCORED.values(), ids=SCORED)
def test_any_scorer_can_control_early_stopping(case, dtype):
    cls, x, y, scoring = case
    loss = {"loss": "poisson"} if scoring == "neg_mean_poisson_deviance" else {}
    model = estimator(cls, early_stopping=True, scoring=scoring, dtype=dtype, **loss)
    model.fit(x, y, validation_data=(x, y))
    expected = (get_scorer(scoring) if isinstance(scoring, str) else scoring)(model, x, y)
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.best_validation_score_ == pytest.approx(expected, rel=1e-5)
    assert len(set(model.validation_scores_)) > 1
    model.fit(x, y)  # on rows held out
    assert len(model.validation_scores_) == model.n_iter_


@pytest.mark.parametrize("name", ["neg_log_loss", "loss"])
def test_weights_count_in_scores(name):
    model = estimator(early_stopping=True, scoring=name)
    model.fit(X, Y, X_val=X, y_val=Y, sample_weight_val=WEIGHT**3)
    chances = model.predict_proba(X)[np.arange(len(Y)), Y]
    expected = np.average(np.log(chances), weights=WEIGHT**3)
    assert model.best_validation_score_ == pytest.approx(expected)
    with sklearn.config_context(enable_metadata_routing=True):
        again = estimator(early_stopping=True, scoring=name)
        again.fit(X, Y, X_val=X, y_val=Y, sample_weight_val=WEIGHT**3)
    assert again.validation_scores_ == model.validation_scores_


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_callbacks_get_the_score_that_was_asked_for(solver):
    seen = []
    model = estimator(solver=solver, scoring="neg_log_loss", max_iter=4, callbacks=seen.append)
    model.fit(X, Y, validation_data=(X, Y))
    assert [event.validation_accuracy for event in seen] == pytest.approx(
        [-event.validation_loss for event in seen]
    )


def test_scores_of_tables_do_not_warn_of_missing_names():
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    table = pandas.DataFrame(X, columns=["a", "b", "c", "d"])
    model = estimator(early_stopping=True, scoring="accuracy")
    model.fit(table, Y)
    model.fit(table, Y, validation_data=(table, Y))
    assert len(model.validation_scores_) == model.n_iter_


def test_scoring_without_early_stopping_changes_nothing():
    assert same(estimator(scoring="accuracy").fit(X, Y), estimator().fit(X, Y))


@pytest.mark.parametrize("scoring", ["accurate", 3, ["accuracy"]])
def test_unknown_scoring_is_refused(scoring):
    with pytest.raises(ValueError, match="The 'scoring' parameter of MLPClassifier must be"):
        estimator(early_stopping=True, scoring=scoring).fit(X, Y)


def test_scores_must_be_numbers_and_errors_of_scorers_are_passed_on():
    for wrong in (lambda model, x, y: {"accuracy": 1.0}, lambda model, x, y: None):
        with pytest.raises(TypeError, match="the score of scoring must be a number, got"):
            estimator(early_stopping=True, scoring=wrong).fit(X, Y)
    model = estimator(early_stopping=True, scoring=lambda model, x, y: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model.fit(X, Y)
    with pytest.raises(ValueError, match="3 features, but MLPClassifier is expecting 4"):
        model.predict(X[:, :3])


# --- strata ------------------------------------------------------------------------


def test_strata_of_two_classes_are_one_dimensional_and_split_as_before(monkeypatch):
    """Of a column, scikit-learn joins every row as text: ten times the time of the training."""
    given = []

    def recording(*arrays, **settings):
        given.append(settings["stratify"])
        return train_test_split(*arrays, **settings)

    monkeypatch.setattr(validation, "train_test_split", recording)
    estimator(early_stopping=True).fit(X, Y > 0)
    estimator(early_stopping=True).fit(X, Y)  # as scikit-learn's, which has no strata here
    (strata, none) = given
    assert none is None
    assert strata.shape == Y.shape

    def split(strata):
        return train_test_split(np.arange(150), random_state=3, test_size=0.2, stratify=strata)

    for one, other in zip(split(strata), split((Y > 0)[:, None]), strict=True):
        np.testing.assert_array_equal(one, other)


# --- optimizers and dtypes as parameters --------------------------------------------


def test_grid_search_sets_the_constants_of_an_optimizer():
    pipe = make_pipeline(StandardScaler(), estimator(solver=nncore.SGD(momentum=0.5)))
    grid = {"mlpclassifier__solver__learning_rate": [1e-12, 0.3]}
    search = GridSearchCV(pipe, grid, cv=3).fit(X, Y)
    assert search.best_estimator_[-1].solver == nncore.SGD(0.3, momentum=0.5)
    scores = search.cv_results_["mean_test_score"]
    assert scores[1] > scores[0] + 0.1
    assert pipe[-1].solver == nncore.SGD(momentum=0.5)


def test_a_solver_and_its_constants_are_set_together():
    shared = nncore.Adam(0.01)
    models = [estimator(solver=shared) for _ in "ab"]
    assert models[0].get_params()["solver__beta1"] == 0.9
    assert "solver__beta1" not in models[0].get_params(deep=False)
    models[0].set_params(solver__learning_rate=0.5, alpha=0.1)
    assert models[0].solver == nncore.Adam(0.5)
    assert models[0].alpha == 0.1
    assert models[1].solver == shared == nncore.Adam(0.01)
    models[0].set_params(solver__momentum=0.3, solver=nncore.SGD(0.2))
    assert models[0].solver == nncore.SGD(0.2, momentum=0.3)
    copied = clone(models[0])
    assert copied.get_params() == models[0].get_params()
    assert same(copied.fit(X, Y), models[0].fit(X, Y))


@pytest.mark.parametrize("optimizer", [nncore.SGD(0.1, 0.5, True), nncore.AdamW(0.1)])
def test_clones_of_optimizers_are_equal(optimizer):
    assert clone(optimizer) == optimizer
    assert type(optimizer)(**optimizer.get_params()) == optimizer


@pytest.mark.parametrize(
    ("solver", "constants", "message"),
    [
        ("sgd", {"solver__learning_rate": 0.1}, "needs an nncore optimizer as solver"),
        (nncore.SGD(), {"solver__beta1": 0.1}, "Invalid parameter 'beta1' for solver SGD"),
        (nncore.SGD(), {"solver__learning_rate": -1}, "SGD: learning_rate must be in"),
        (nncore.SGD(), {"solvers__learning_rate": 1}, "Invalid parameter 'solvers'"),
    ],
)
def test_constants_that_a_solver_does_not_have_are_refused(solver, constants, message):
    model = estimator(solver=solver)
    with pytest.raises(ValueError, match=message):
        model.set_params(**constants)
    assert model.solver == solver


@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("name", ["float32", "float64"])
def test_dtypes_are_names_types_and_dtypes(cls, name):
    expected = estimator(cls, dtype=name).fit(X, Y)
    for dtype in (getattr(np, name), np.dtype(name)):
        model = clone(estimator(cls, dtype=dtype)).fit(X, Y)
        assert same(model, expected)
        assert model.coefs_[0].dtype == name


@pytest.mark.parametrize("dtype", [np.float16, np.dtype(">f4"), int, "f4", 32])
def test_other_dtypes_are_refused(dtype):
    with pytest.raises(ValueError, match="The 'dtype' parameter of MLPClassifier must be"):
        estimator(dtype=dtype).fit(X, Y)
