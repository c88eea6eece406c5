"""Invalid arguments of the estimators, and interrupted fits."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")

from estimators import XR, YR, X, Y, fitted, parameters, same

from nncore.sklearn import MLPClassifier, MLPRegressor, lbfgs

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer:UserWarning")


# --- refusals ---------------------------------------------------------------------

REFUSED = {
    "an unknown solver": ({"solver": "adamax"}, "solver' parameter"),
    "an unknown activation": ({"activation": "gelus"}, "activation' parameter"),
    "no hidden units": ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes must be > 0"),
    "dropout of 1": ({"dropout": 1.0}, "dropout' parameter"),
    "one rate too many": ({"dropout": (0.1, 0.2)}, r"expected a number or shape \(1,\)"),
    "negative dropout": ({"dropout": [-0.1]}, r"dropout must be in \[0, 1\)"),
    "l1 with lbfgs": ({"solver": "lbfgs", "l1": 0.1}, "solver='lbfgs' does not support l1"),
    "dropout with lbfgs": ({"solver": "lbfgs", "dropout": 0.1}, "does not support dropout"),
    "clipping with lbfgs": ({"solver": "lbfgs", "clip_norm": 1.0}, "does not support clip_norm"),
    "a schedule with lbfgs": ({"solver": "lbfgs", "schedule": max}, "does not support schedule"),
    "two schedules": ({"learning_rate": "adaptive", "schedule": max}, "cannot be combined"),
    "lbfgs that stops early": (
        {"solver": "lbfgs", "early_stopping": True, "fit": {"validation_data": (X, Y)}},
        "solver='lbfgs' does not support early_stopping",
    ),
    "another dtype": ({"dtype": "float16"}, "dtype' parameter"),
    "an unknown class weight": ({"class_weight": "equal"}, "class_weight' parameter"),
    "a layer that is not there": ({"hidden_layer": 0.5}, "hidden_layer' parameter"),
    "a negative l1": ({"l1": -1.0}, "l1' parameter"),
}


@pytest.mark.parametrize(("settings", "message"), REFUSED.values(), ids=REFUSED)
def test_refused_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        fitted(**settings)


@pytest.mark.parametrize("sizes", [(3.7,), (3.0,), ("3",), (5, None), np.array([3.5])])
def test_sizes_of_layers_are_whole_numbers(sizes):
    with pytest.raises(TypeError, match="hidden_layer_sizes must be integers"):
        fitted(hidden_layer_sizes=sizes)
    whole = np.array([3, 4], np.int16)
    model = fitted(hidden_layer_sizes=whole)
    assert same(model, fitted(hidden_layer_sizes=(np.int64(3), 4)))


def test_refused_calls():
    with pytest.raises(TypeError, match="validation_data must be"):
        fitted(fit={"validation_data": X})
    with pytest.raises(ValueError, match="expected one of"):
        fitted(fit={"validation_data": (X, Y + 1)})
    with pytest.raises(TypeError, match="callbacks"):
        fitted(callbacks=[3])
    with pytest.raises(ValueError, match="class_weight='balanced' is not supported"):
        MLPClassifier(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="classes must be passed"):
        MLPClassifier().partial_fit(X, Y)
    with pytest.raises(ValueError, match="not the same as on last call"):
        MLPClassifier().partial_fit(X, Y, classes=[0, 1, 2]).partial_fit(X, Y, classes=[0, 1])
    with pytest.raises(ValueError, match="classes not in"):
        MLPClassifier().partial_fit(X, Y, classes=[0, 1, 2]).partial_fit(X, Y + 1)
    with pytest.raises(ValueError, match=r"y must not be negative .* got -1"):
        fitted(MLPRegressor, y=Y - 1, loss="poisson")
    assert not hasattr(MLPRegressor(solver="lbfgs"), "partial_fit")


LABELS = {
    "two": (np.array([0, 1]), [2, -1, "a", "1", b"a", 0.5]),
    "one": (np.array([7, 7]), [8, "7"]),
    "names": (np.array(["a", "b"]), ["", "c", 0, b"a", True]),
    "objects": (np.array(["a", "b"], object), ["c", 0, b"a"]),
    "three": (np.array([0, 1, 2]), [3, "a", "1", 0.5]),
}


@pytest.mark.parametrize(("classes", "strange"), LABELS.values(), ids=LABELS)
def test_invalid_labels_are_refused_in_every_method(classes, strange):
    y = classes[np.arange(len(Y)) % len(classes)]
    fitted(y=y, fit={"validation_data": (X, y.astype(object))})
    for label in strange:
        others = [np.full(len(Y), label), np.array([*y.tolist()[1:], label], object)]
        for other in others:
            with pytest.raises(ValueError, match="expected one of"):
                fitted(y=y, fit={"validation_data": (X, other)})


def test_text_is_refused_in_partial_fit():
    y = np.arange(len(Y)) % 20  # of few classes NumPy would not make text
    model = MLPClassifier(8).partial_fit(X, y, classes=np.arange(20))
    with pytest.raises(ValueError, match="classes not in"):
        model.partial_fit(X, y.astype(str))


SEVERAL = np.stack([Y == 0, Y == 1, Y == 2], axis=1).astype(int)


@pytest.mark.parametrize(
    ("estimator", "y", "other", "counts"),
    [
        (MLPRegressor, SEVERAL, SEVERAL[:, :2], (2, 3)),
        (MLPRegressor, SEVERAL, Y, (1, 3)),
        (MLPRegressor, Y, SEVERAL, (3, 1)),
        (MLPClassifier, SEVERAL, SEVERAL[:, :2], (2, 3)),
        (MLPClassifier, SEVERAL, Y > 0, (1, 3)),
        (MLPClassifier, Y > 0, SEVERAL, (3, 1)),
        (MLPClassifier, Y, SEVERAL, (3, 1)),
    ],
)
def test_targets_with_a_different_number_of_outputs_are_refused(estimator, y, other, counts):
    message = "has {} column\\(s\\), expected {}".format(*counts)
    with pytest.raises(ValueError, match="y of validation_data " + message):
        fitted(estimator, y=y, fit={"validation_data": (X, other)})
    model = fitted(estimator, y=y, warm_start=True)
    before = [array.copy() for array in parameters(model)]
    for go_on in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="^y " + message):
            go_on(X, other)
    assert all(map(np.array_equal, parameters(model), before))
    assert model.n_outputs_ == len(model.intercepts_[-1])
    fitted(estimator, y=y, fit={"validation_data": (X, y)})


# --- interruptions -----------------------------------------------------------------------------


def test_divergence_is_an_error():
    for settings in ({"solver": "sgd", "learning_rate_init": 1e6}, {}):
        x = XR if settings else 1e307 * XR
        with pytest.raises(ValueError, match="non-finite parameter weights"):
            fitted(MLPRegressor, x, YR, activation="identity", **settings)


def test_ctrl_c_ends_training_with_what_has_been_learned():
    def interrupt(event):
        if event.epoch == 3:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="interrupted by user"):
        model = fitted(callbacks=interrupt)
    assert model.n_iter_ == 3
    assert model.predict(X).shape == Y.shape
    model.set_params(callbacks=None).partial_fit(X, Y)


@pytest.mark.parametrize("evaluations", [0, 9])
@pytest.mark.filterwarnings("ignore:lbfgs failed")
def test_ctrl_c_ends_lbfgs_with_the_last_iteration(monkeypatch, evaluations):
    objective = lbfgs.Objective.__call__
    left = [evaluations]

    def interrupted(self, weights):
        left[0] -= 1
        if left[0] == -1:
            raise KeyboardInterrupt
        return objective(self, weights)

    with monkeypatch.context() as patch:
        patch.setattr(lbfgs.Objective, "__call__", interrupted)
        with pytest.warns(UserWarning, match="interrupted by user"):
            model = fitted(solver="lbfgs")
    assert (model.n_iter_ > 0) == (evaluations > 0)
    if evaluations:
        expected = fitted(solver="lbfgs", max_iter=model.n_iter_)
        assert same(model, expected)
        assert model.loss_ == expected.loss_
    model.set_params(warm_start=True).fit(X, Y)


@pytest.mark.filterwarnings("ignore:lbfgs failed")
def test_ctrl_c_in_a_callback_of_lbfgs_keeps_its_iteration():
    def interrupt(event):
        if event.epoch == 3:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="interrupted by user"):
        model = fitted(solver="lbfgs", callbacks=interrupt, fit={"validation_data": (X, Y)})
    assert model.n_iter_ == len(model.validation_loss_curve_) == 3
    assert same(model, fitted(solver="lbfgs", max_iter=3))


@pytest.mark.filterwarnings("ignore:lbfgs failed")
def test_lbfgs_ignores_early_stopping():
    assert same(fitted(solver="lbfgs", early_stopping=True), fitted(solver="lbfgs"))
