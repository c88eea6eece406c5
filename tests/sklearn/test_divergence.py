"""Training without success raises or warns, and the best weights are kept."""

import math
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")
from estimators import parameters, same
from sklearn.datasets import make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

from nncore.sklearn import DivergenceWarning, MLPClassifier, MLPRegressor

X, Y = make_regression(300, 8, noise=1, random_state=0)
SCALED = scale(X)
RATES = [1e-3, 0.01, 1.0, 1e3, 1e30]


def estimator(cls=MLPRegressor, **settings):
    fixed = {"hidden_layer_sizes": 12, "max_iter": 60, "random_state": 0, "solver": "sgd"}
    return cls(**fixed | settings)


def start_of(settings, x, y):
    """The network before its first update."""
    settings = settings | {"learning_rate_init": 1e-300, "max_iter": 1, "solver": "sgd"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator(**settings | {"momentum": 0.0}).fit(x, y)


def test_the_warning_is_a_convergence_warning():
    assert issubclass(DivergenceWarning, ConvergenceWarning)
    assert issubclass(DivergenceWarning, UserWarning)


@pytest.mark.parametrize("loss", ["squared_error", "huber", "poisson"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rate", RATES)
def test_early_stopping_keeps_the_best_weights_of_training_that_diverges(rate, dtype, loss):
    x, y = (X, abs(Y)) if loss == "poisson" else (50 * X, Y)
    settings = {"early_stopping": True, "dtype": dtype, "loss": loss}
    model = estimator(learning_rate_init=rate, **settings)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        model.fit(x, y)
    kinds = {warning.category for warning in told}
    assert kinds <= {DivergenceWarning, ConvergenceWarning}
    assert all(warning.filename == __file__ for warning in told)
    assert all(np.isfinite(array).all() for array in parameters(model))
    diverged = not math.isfinite(model.loss_curve_[-1])
    assert diverged == (DivergenceWarning in kinds)
    if rate >= 0.01 and loss == "squared_error":
        assert diverged
    if not diverged:
        return
    assert math.isfinite(model.loss_)
    assert len(model.validation_scores_) == model.n_iter_
    assert math.isnan(model.validation_scores_[-1])
    finite = [score for score in model.validation_scores_ if math.isfinite(score)]
    if not finite or model.best_validation_score_ > max(finite):
        start = start_of(settings, x, y)
        assert same(model, start)
        assert model.loss_ == pytest.approx(start.loss_, rel=1e-4)
    else:
        best = model.validation_scores_.index(model.best_validation_score_)
        assert model.loss_ == model.loss_curve_[best]
    assert f"{model.loss_:.6g}" in str(told[-1].message)
    assert model.score(x, y) > -1e3 or loss == "poisson"


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_continued_training_keeps_the_best_of_earlier_fits():
    model = estimator(early_stopping=True, warm_start=True, learning_rate_init=1e-3)
    model.fit(SCALED, Y / 100)
    kept = [array.copy() for array in parameters(model)]
    score = model.best_validation_score_
    model.set_params(learning_rate_init=1e30)
    with pytest.warns(DivergenceWarning, match="diverged: non-finite loss or weights in iteration"):
        model.fit(SCALED, Y / 100)
    assert all(map(np.array_equal, parameters(model), kept))
    assert model.best_validation_score_ == score
    assert model.loss_ in model.loss_curve_
    model.set_params(learning_rate_init=1e-3)
    model.fit(SCALED, Y / 100)  # goes on from there
    assert model.best_validation_score_ >= score


@pytest.mark.parametrize("cls", [MLPRegressor, MLPClassifier])
def test_divergence_without_an_earlier_fit_is_an_error(cls):
    y = Y > 0 if cls is MLPClassifier else Y
    rate = 1e200 if cls is MLPClassifier else 1.0
    for settings in ({}, {"early_stopping": True}):
        x = X / abs(X).max() * 1.7e308 if settings else 50 * X  # the start's outputs are infinite
        with pytest.raises(ValueError, match="non-finite parameter weights"):
            estimator(cls, learning_rate_init=rate, activation="identity", **settings).fit(x, y)


@pytest.mark.parametrize("scoring", [None, "r2", "loss"])
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_validation_scores_that_are_never_finite_are_reported(scoring):
    model = estimator(early_stopping=True, scoring=scoring, learning_rate_init=1e-4)
    with pytest.warns(DivergenceWarning, match="score was not finite after any iteration"):
        model.fit(SCALED, Y, validation_data=(1e305 * X, Y))
    assert model.n_iter_ == model.n_iter_no_change + 1
    assert all(np.isfinite(array).all() for array in parameters(model))


@pytest.mark.parametrize("scoring", [None, "neg_mean_squared_error"])
def test_a_scorer_sees_the_weights_of_the_start_too(scoring):
    model = estimator(early_stopping=True, scoring=scoring, learning_rate_init=1.0)
    with pytest.warns(DivergenceWarning, match="diverged"):
        model.fit(50 * X, Y)
    assert same(model, start_of({"early_stopping": True}, 50 * X, Y))


# --- lbfgs --------------------------------------------------------------------------

UNSUCCESSFUL = {
    "iterations": ({"max_iter": 2}, SCALED, Y, ConvergenceWarning, "after 2 iter.*max_iter"),
    "evaluations": ({"max_fun": 3}, SCALED, Y, ConvergenceWarning, "EVALUATIONS EXCEEDS"),
    "large targets": ({}, SCALED, 1e40 * Y, ConvergenceWarning, "No step reduced the loss"),
    "infinite loss": ({}, SCALED, 1e200 * Y, DivergenceWarning, "diverged .* loss is inf"),
    "largest inputs": ({}, X / abs(X).max() * 1.7e308, Y, DivergenceWarning, "lbfgs diverged"),
    "exponentials": ({"loss": "poisson"}, 1e3 * X, abs(Y), DivergenceWarning, "lbfgs diverged"),
}


@pytest.mark.parametrize("case", UNSUCCESSFUL.values(), ids=UNSUCCESSFUL)
def test_every_failure_of_lbfgs_is_reported(case):
    settings, x, y, kind, message = case
    model = estimator(solver="lbfgs", **settings)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        model.fit(x, y)
    assert [warning.category for warning in told] == [kind]
    assert told[0].filename == __file__
    with pytest.warns(kind, match=message):
        model.fit(x, y)
    assert all(np.isfinite(array).all() for array in parameters(model))


def test_lbfgs_that_converges_or_is_stopped_does_not_warn():
    estimator(solver="lbfgs", max_iter=1000, tol=1e-2).fit(SCALED, Y / 100)
    estimator(solver="lbfgs", callbacks=lambda event: event.epoch == 2).fit(SCALED, Y / 100)


@pytest.mark.parametrize("loss", ["squared_error", "huber", "poisson"])
@pytest.mark.parametrize("outputs", [1, 4])
def test_lbfgs_reports_one_loss_in_events_lines_and_the_end(loss, outputs, capsys):
    y = abs(np.stack([np.roll(Y, k) for k in range(outputs)], axis=1)) / 100
    y = y[:, 0] if outputs == 1 else y
    events = []

    def callback(event):
        assert event.model.loss_ == event.loss
        events.append(event)

    model = estimator(solver="lbfgs", loss=loss, alpha=0.1, verbose=True, callbacks=callback)
    with pytest.warns(ConvergenceWarning, match="lbfgs failed"):
        model.set_params(max_iter=5).fit(SCALED, y, validation_data=(SCALED, y))
    penalty = 0.5 * 0.1 * sum((w**2).sum() for w in model.coefs_) / len(X)
    assert events[-1].loss == pytest.approx(model.loss_)
    assert events[-1].validation_loss == pytest.approx(model.loss_ - penalty)
    assert f"Iteration 5, loss = {model.loss_:.8f}" in capsys.readouterr().out
    if loss == "squared_error":
        half = np.mean((model.predict(SCALED) - y) ** 2) / 2
        assert model.loss_ == pytest.approx(half + penalty)


# --- numbers that a dtype cannot hold -------------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("errors", ["warn", "raise"])
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:lbfgs failed")
def test_weights_and_targets_that_float32_cannot_hold_are_refused_by_name(solver, errors):
    model = estimator(solver=solver, dtype="float32", max_iter=2)
    tiny, huge = np.full(len(X), 1e-50), np.full(len(X), 1e50)
    with np.errstate(all=errors):
        with pytest.raises(ValueError, match=r"^sample_weight is 0 for all rows in float32"):
            model.fit(SCALED, Y, tiny)
        with pytest.raises(ValueError, match=r"^sample_weight of validation_data is 0 for all"):
            model.fit(SCALED, Y, validation_data=(SCALED, Y, tiny))
        with pytest.raises(ValueError, match=r"^sample_weight has values too large for float32"):
            model.fit(SCALED, Y, huge)
        with pytest.raises(ValueError, match=r"^y has values too large for float32"):
            model.fit(SCALED, 1e40 * Y)
    with pytest.raises(ValueError, match=r"^sample_weight must have a sum above 0, got -"):
        model.fit(SCALED, Y, -np.ones(len(X)))
    only = np.where(np.arange(len(X)), tiny, 1.0)
    model.fit(SCALED, Y, only)
    assert all(np.isfinite(array).all() for array in parameters(model))


def test_weights_that_sum_to_zero_are_refused_by_name():
    weight = np.zeros(len(X))
    weight[:3] = 1
    with pytest.raises(ValueError, match="sample_weight of the rows held out must have a sum"):
        estimator(early_stopping=True).fit(SCALED, Y, weight)
    with pytest.raises(ValueError, match="sample_weight with class_weight must have a sum above 0"):
        estimator(MLPClassifier, class_weight={0: 0}).fit(SCALED, 0 * Y)


@pytest.mark.parametrize("errors", ["warn", "raise"])
def test_exponentials_beyond_the_largest_number_are_infinite(errors):
    model = estimator(solver="adam", loss="poisson", max_iter=1)
    with pytest.warns(ConvergenceWarning):
        model.fit(SCALED, abs(Y))
    model.coefs_[-1][...] = 1.0
    with np.errstate(all=errors):
        predictions = model.predict(1e5 * X)
    assert np.isinf(predictions).any()
