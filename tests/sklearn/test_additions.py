"""Parameters and methods that scikit-learn's estimators do not have."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")
from estimators import XR, YR, X, Y, fitted, parameters, same
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale

import nncore
from nncore import kernels
from nncore.params import aligned_zeros
from nncore.sklearn import MLPClassifier, MLPRegressor
from nncore.sklearn.callback_protocol import CallbackSupportMixin
from nncore.sklearn.parameters import SOLVERS

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer:UserWarning")


def size(model):
    return sum(np.abs(w).sum() for w in model.coefs_)


# --- class_weight -----------------------------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.filterwarnings("ignore:lbfgs failed")
def test_class_weights_count_as_weights_of_the_rows_do(solver):
    weights = {0: 1.0, 1: 3.0, 2: 0.5}
    by_class = fitted(class_weight=weights, solver=solver)
    by_row = fitted(fit={"sample_weight": np.vectorize(weights.get)(Y)}, solver=solver)
    assert same(by_class, by_row)


def test_balanced_classes_improve_recall_of_the_rare_class():
    x, y = load_breast_cancer(return_X_y=True)
    x = scale(x)[:, :3]
    kept = np.flatnonzero((y == 1) | (np.arange(len(y)) % 8 == 0))
    x, y = x[kept], y[kept]
    plain, balanced = (
        fitted(x=x, y=y, class_weight=how, max_iter=300) for how in (None, "balanced")
    )
    rare = y == 0
    assert (balanced.predict(x[rare]) == 0).mean() > (plain.predict(x[rare]) == 0).mean()


@pytest.mark.parametrize("targets", ["several", "two", "several labels"])
def test_balanced_classes_count_weights_as_repeated_rows(targets):
    y = {"several": Y, "two": Y == 1, "several labels": np.stack([Y == 0, Y > 0], axis=1)}[targets]
    weight = np.arange(len(Y)) % 4 * (1 + Y)  # also of 0
    rows = np.repeat(np.arange(len(Y)), weight)
    settings = {"class_weight": "balanced", "batch_size": len(Y), "learning_rate_init": 0.01}
    weighted = fitted(y=y, fit={"sample_weight": weight}, **settings)
    repeated = fitted(x=X[rows], y=y[rows], **settings | {"batch_size": len(rows)})
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-9)
    plain = fitted(y=y, **settings)
    assert abs(plain.predict_proba(X) - weighted.predict_proba(X)).max() > 1e-3
    assert same(plain, fitted(y=y, fit={"sample_weight": np.ones(len(Y))}, **settings))


def test_named_classes_and_multilabel_targets_have_weights():
    names = np.array(["a", "b", "c"])[Y]
    two = names != "c"
    for rows in (slice(None), two):
        fitted(x=X[rows], y=names[rows], class_weight={"a": 2.0, "b": 1.0, "c": 1.0})
    several = np.stack([Y == 0, Y == 1], axis=1).astype(int)
    fitted(y=several, class_weight=[{0: 1, 1: 2}, {0: 1, 1: 3}])


# --- dropout, l1, clipping, schedules, solvers, losses ------------------------------


def test_dropout_changes_training_and_not_prediction():
    model, again, plain = fitted(dropout=0.3), fitted(dropout=0.3), fitted()
    assert same(model, again)
    assert not same(model, plain)
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))
    assert not same(fitted(dropout=(0.3, 0.0), hidden_layer_sizes=(8, 8)),
                    fitted(dropout=(0.0, 0.3), hidden_layer_sizes=(8, 8)))  # fmt: skip


def test_l1_shrinks_weights():
    assert size(fitted(l1=0.1, max_iter=200)) < 0.8 * size(fitted(max_iter=200))


def test_clipped_gradients_move_the_network_by_no_more():
    start = fitted(solver="sgd", momentum=0, max_iter=1, learning_rate_init=1e-12)
    model = fitted(solver="sgd", momentum=0, max_iter=1, learning_rate_init=0.5, clip_norm=0.01,
                   alpha=0)  # fmt: skip
    way = np.concatenate([(a - b).ravel() for a, b in zip(parameters(model), parameters(start),
                                                          strict=True)])  # fmt: skip
    assert np.linalg.norm(way) == pytest.approx(0.5 * 0.01, rel=1e-6)


def test_a_schedule_multiplies_the_step_size():
    still = fitted(schedule=lambda step, total: 0.0)
    np.testing.assert_array_equal(still.coefs_[0], fitted(learning_rate_init=1e-300).coefs_[0])
    seen = []

    def halved(step, total):
        seen.append((step, total))
        return 0.5

    half = fitted(schedule=halved, batch_size=50, n_iter_no_change=np.inf)
    assert seen == [(step, 90) for step in range(90)]
    assert same(half, fitted(learning_rate_init=0.0005, batch_size=50, n_iter_no_change=np.inf))
    fitted(schedule=nncore.CosineDecay(), solver="sgd")


OBJECTS = [nncore.Adam(0.01), nncore.SGD(0.1, 0.9), nncore.AdamW(weight_decay=0.1)]


@pytest.mark.parametrize("solver", [*sorted({*SOLVERS} - {"lbfgs"}), *OBJECTS])
def test_every_solver_learns(solver):
    model = fitted(solver=solver, learning_rate_init=0.01, max_iter=200)
    assert model.score(X, Y) > 0.8
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert hasattr(model, "partial_fit")


@pytest.mark.parametrize("activation", ["leaky_relu", "sigmoid", "softmax"])
def test_every_activation_learns(activation):
    assert fitted(activation=activation, max_iter=300, learning_rate_init=0.02).score(X, Y) > 0.9


def test_sigmoid_and_logistic_are_the_same():
    assert same(fitted(activation="sigmoid"), fitted(activation="logistic"))


@pytest.mark.parametrize("loss", ["absolute_error", "huber"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.filterwarnings("ignore:lbfgs failed")
def test_robust_losses_are_less_sensitive_to_outliers(loss, solver):
    y = YR.copy()
    y[::20] += 40.0
    robust, squared = (
        fitted(MLPRegressor, XR, y, loss=how, solver=solver, max_iter=200, alpha=1.0)
        for how in (loss, "squared_error")
    )
    clean = np.arange(len(y)) % 20 > 0
    errors = [np.abs(model.predict(XR) - YR)[clean].mean() for model in (robust, squared)]
    assert errors[0] < errors[1]
    outputs = robust.predict(XR)[:, None]
    total, _ = getattr(kernels, loss)(outputs, y[:, None])
    penalty = 0.5 * sum((w**2).sum() for w in robust.coefs_) / len(y)
    if solver == "lbfgs":
        assert robust.loss_ == pytest.approx(total / len(y) + penalty)


# --- validation data, callbacks, hidden layers, dtype, progress ---------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_validation_data_is_measured_after_every_iteration(weighted):
    weight = [np.linspace(1, 2, 50)] if weighted else []
    held_out = (X[::3], Y[::3], *weight)
    model = fitted(fit={"validation_data": held_out})
    assert len(model.validation_loss_curve_) == model.n_iter_ == 30
    assert same(model, fitted())
    chances = model.predict_proba(X[::3])[np.arange(50), Y[::3]]
    expected = np.average(-np.log(chances), weights=weight[0] if weighted else None)
    assert model.validation_loss_curve_[-1] == pytest.approx(expected)
    assert fitted().validation_loss_curve_ is None


def test_weighted_validation_data_may_be_long():
    weight = np.linspace(1, 2, 15 * len(Y))
    model = fitted(fit={"validation_data": (np.tile(X, (15, 1)), np.tile(Y, 15), weight)})
    chances = np.tile(model.predict_proba(X)[np.arange(len(Y)), Y], 15)
    expected = np.average(-np.log(chances), weights=weight)
    assert model.validation_loss_curve_[-1] == pytest.approx(expected)


def test_early_stopping_takes_the_validation_data_given():
    held_out = (X[::3], Y[::3])
    settings = {"early_stopping": True, "max_iter": 500, "learning_rate_init": 0.02}
    model = fitted(fit={"validation_data": held_out}, **settings)
    assert model.n_iter_ < 500
    assert model.best_validation_score_ == model.score(*held_out) == max(model.validation_scores_)
    assert model.best_loss_ is None


@pytest.mark.parametrize("targets", ["binary", "several labels", "regression", "poisson"])
def test_the_validation_score_is_that_of_the_estimator(targets):
    x, y = (XR, YR) if targets == "regression" else (X, Y)
    if targets == "binary":
        y = np.array(["no", "yes"])[(y == 1).astype(int)]
    if targets == "several labels":
        y = np.stack([y == 0, y > 0], axis=1).astype(int)
    estimator = MLPClassifier if targets in ("binary", "several labels") else MLPRegressor
    loss = {"loss": "poisson"} if targets == "poisson" else {}
    model = fitted(estimator, x, y, {"validation_data": (x, y)}, early_stopping=True,
                   n_iter_no_change=1000, **loss)  # fmt: skip
    assert model.score(x, y) == pytest.approx(model.best_validation_score_)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.filterwarnings("ignore:lbfgs failed")
def test_callbacks_see_every_iteration_and_may_end_training(solver):
    seen = []

    def callback(event):
        assert event.model.predict(X).shape == Y.shape
        seen.append((event.epoch, event.loss, event.validation_loss, event.validation_accuracy))
        return len(seen) == 5

    model = fitted(callbacks=callback, solver=solver, fit={"validation_data": (X, Y)})
    assert [epoch for epoch, *_ in seen] == [1, 2, 3, 4, 5]
    assert model.n_iter_ == 5
    assert seen[-1][1] == pytest.approx(model.loss_)
    assert seen[-1][3] == model.score(X, Y)
    fitted(callbacks=[callback, print], max_iter=1)


def test_hidden_layers_can_be_used_as_features():
    model = fitted(hidden_layer_sizes=(8, 5), activation="tanh")
    first = np.tanh(X @ model.coefs_[0] + model.intercepts_[0])
    second = np.tanh(first @ model.coefs_[1] + model.intercepts_[1])
    np.testing.assert_allclose(model.transform(X), second, atol=1e-12)
    np.testing.assert_allclose(model.set_params(hidden_layer=0).transform(X), first, atol=1e-12)
    assert model.get_feature_names_out().tolist()[:2] == ["mlpclassifier0", "mlpclassifier1"]
    with pytest.raises(ValueError, match="hidden_layer is 2, expected -2 to 1"):
        model.set_params(hidden_layer=2).transform(X)
    with pytest.raises(ValueError, match="a hidden layer, but the network has none"):
        fitted(hidden_layer_sizes=()).transform(X)


def test_all_learned_arrays_have_the_dtype():
    model = fitted(dtype="float32")
    assert {array.dtype for array in parameters(model)} == {np.dtype("float32")}
    assert model.predict_proba(X).dtype == np.float32
    np.testing.assert_allclose(model.predict_proba(X), fitted().predict_proba(X), atol=1e-3)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("go_on", ["fit", "partial_fit"])
@pytest.mark.parametrize("before", ["float32", "float64"])
def test_training_continues_in_another_dtype(solver, go_on, before):
    after = "float64" if before == "float32" else "float32"
    model = fitted(dtype=before, solver=solver, max_iter=3, warm_start=True, batch_size=32)
    slots = model._optimizer.slots.copy()
    expected = pickle.loads(pickle.dumps(model))  # whose arrays are replaced by others of the dtype
    expected.coefs_ = [array.astype(after) for array in expected.coefs_]
    expected.intercepts_ = [array.astype(after) for array in expected.intercepts_]
    steps = expected._optimizer
    steps.slots = aligned_zeros(slots.shape, after)
    steps.slots[...] = slots
    assert steps.slots.any()
    for each in (model, expected):
        each.set_params(dtype=after, max_iter=1)
        getattr(each, go_on)(X, Y)
        assert {array.dtype for array in parameters(each)} == {np.dtype(after)}
    assert same(model, expected)
    assert model._optimizer.slots.dtype == after
    np.testing.assert_array_equal(model._optimizer.slots, expected._optimizer.slots)
    assert not same(model, fitted(dtype=after, solver=solver, max_iter=1, batch_size=32))
    assert model.predict_proba(X.astype(after)).dtype == after


def test_progress_draws_a_bar(capsys):
    fitted(progress=True)
    assert "30/30" in capsys.readouterr().err


def test_scikit_learns_callbacks_are_called_where_it_has_them():
    if not hasattr(CallbackSupportMixin, "set_callbacks"):
        pytest.skip("scikit-learn has callbacks from 1.9 on")
    events = []

    class Recorder:
        def setup(self, estimator, context):
            events.append("setup")

        def teardown(self, estimator, context):
            events.append("teardown")

        def on_fit_task_begin(self, estimator, context):
            events.append(context.task_name)

        def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
            assert fitted_estimator.score(X, y) >= 0
            return events.count("epoch") == 3

    model = MLPClassifier(8, random_state=0).set_callbacks(Recorder()).fit(X, Y)
    assert model.n_iter_ == 3
    assert events == ["setup", "fit", "epoch", "epoch", "epoch", "teardown"]
