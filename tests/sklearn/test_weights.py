"""Weights of rows and classes, for every batch size."""

import numpy as np
import pytest

from nncore.sklearn import MLPClassifier, MLPRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 3))
RARE = (X[:, 0] + RNG.normal(size=300) > 2.2).astype(int)  # some 5 of 100
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")


def classifier(batch, **settings):
    return MLPClassifier(
        **{"hidden_layer_sizes": (4,), "max_iter": 20, "random_state": 0, **settings},
        batch_size=batch,
    )


@pytest.mark.parametrize("batch", [1, 2, 20, 300])
def test_classes_count_at_every_batch_size(batch):
    """With batches of single rows "balanced" used to change nothing at all."""
    how = {"max_iter": 20 + batch, "learning_rate_init": 0.01}
    plain = classifier(batch, **how).fit(X, RARE)
    balanced = classifier(batch, class_weight="balanced", **how).fit(X, RARE)
    assert balanced.predict(X).mean() > plain.predict(X).mean() + 0.05


def test_the_loss_is_the_weighted_mean():
    weight = {0: 1.0, 1: 9.0}
    model = classifier(1, class_weight=weight, learning_rate_init=1e-12, alpha=0.0).fit(X, RARE)
    chances = model.predict_proba(X)[np.arange(300), RARE]
    rows = np.where(RARE, 9.0, 1.0)
    assert model.loss_ == pytest.approx(np.average(-np.log(chances), weights=rows), rel=1e-6)


def test_classes_count_in_partial_fit_of_single_rows():
    models = [classifier(1, class_weight=weight) for weight in (None, {0: 1.0, 1: 20.0})]
    for model in models:
        for i in range(150):
            model.partial_fit(X[i : i + 1], RARE[i : i + 1], classes=[0, 1])
    assert models[1].predict(X).mean() > models[0].predict(X).mean()


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_weights_that_have_no_effect_cause_a_warning(kind, recwarn):
    weight = np.where(RARE, 9.0, 1.0)
    model = kind(hidden_layer_sizes=(3,), batch_size=1, max_iter=1)
    with pytest.warns(UserWarning, match="sample_weight has no effect on batches of a single row"):
        model.fit(X, RARE, sample_weight=weight)
    recwarn.clear()
    model.set_params(batch_size=2).fit(X, RARE, sample_weight=weight)
    model.set_params(batch_size=1).fit(X, RARE, sample_weight=np.ones(300))
    assert not [w for w in recwarn if "no effect" in str(w.message)]


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize(
    ("dtype", "weight"),
    [("float32", 1e-38), ("float32", 1e-45), ("float64", 1e-310), ("float64", 1e308)],
)
def test_weights_that_would_round_to_zero_are_refused(solver, dtype, weight):
    """Subnormal ones are 0 in the kernels, and a sum that is infinite divides all to 0."""
    model = MLPRegressor(hidden_layer_sizes=(3,), solver=solver, dtype=dtype)
    with np.errstate(all="raise"), pytest.raises(ValueError, match=r"sample_weight .*; scale it"):
        model.fit(X, X[:, 0], sample_weight=np.full(300, weight))
    with pytest.raises(ValueError, match=r"validation_data .*; scale it"):
        model.fit(X, X[:, 0], X_val=X, y_val=X[:, 0], sample_weight_val=np.full(300, weight))


@pytest.mark.parametrize("weight", [1e-320, 1e308])
def test_weights_of_classes_and_rows_are_judged_together(weight):
    model = classifier(20, class_weight="balanced")
    with np.errstate(all="raise"), pytest.raises(ValueError, match="with class_weight"):
        model.fit(X, RARE, sample_weight=np.full(300, weight))


@pytest.mark.parametrize("scoring", ["rand_score", "accuracy", lambda e, X, y: e.score(X, y)])
def test_scorers_that_take_no_weights_get_none(scoring):
    settings = {"class_weight": "balanced", "early_stopping": True, "scoring": scoring}
    model = classifier(20, **settings).fit(X, RARE)
    assert 0 <= model.best_validation_score_ <= 1
