"""Estimators converted to ONNX give the same predictions."""

import sys

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")
pytest.importorskip("skl2onnx", reason="needs skl2onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
from skl2onnx import to_onnx  # noqa: E402
from sklearn.datasets import load_iris  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

from nncore.sklearn import MLPClassifier, MLPRegressor, register_onnx  # noqa: E402
from nncore.sklearn.parameters import ACTIVATIONS  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer:UserWarning")
X, Y = load_iris(return_X_y=True)
X = X.astype(np.float32)
LABELS = np.stack([Y == 0, Y > 0], axis=1).astype(int)


@pytest.fixture(autouse=True)
def registered():
    register_onnx()


def fitted(estimator=MLPClassifier, y=Y, x=X, **settings):
    settings = {"hidden_layer_sizes": (8, 5), "max_iter": 60, "random_state": 0} | settings
    return estimator(**settings).fit(x, y)


def outputs(model, x=X, **options):
    if options:
        options = {"options": {id(model): options}}
    text = to_onnx(model, x[:1], **options).SerializeToString()
    session = onnxruntime.InferenceSession(text, providers=["CPUExecutionProvider"])
    return session.run(None, {"X": x})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_are_converted(activation, dtype):
    x = X.astype(dtype)
    model = fitted(x=x, activation=activation)
    labels, chances = outputs(model, x, zipmap=False)
    np.testing.assert_array_equal(labels, model.predict(x))
    tolerance = 1e-5 if dtype == "float32" or activation == "gelu" else 1e-12
    np.testing.assert_allclose(chances, model.predict_proba(x), atol=tolerance)
    assert chances.dtype == dtype


CLASSES = {
    "three": Y,
    "text": np.array(["setosa", "é", "virginica"])[Y],
    "objects": np.array(["a", "b", "c"], object)[Y],
    "two": Y > 0,
    "two of text": np.where(Y > 0, "yes", "no"),
    "beyond 32 bits": Y + 2**40,
    "whole floats": Y.astype(float),
    "one": np.full(len(Y), 7),
    "several labels": LABELS,
    "three labels": np.c_[LABELS, Y == 2].astype(int),
}


@pytest.mark.parametrize("y", CLASSES.values(), ids=CLASSES)
def test_every_kind_of_classes_is_converted(y):
    model = fitted(y=y)
    labels, chances = outputs(model, zipmap=False)
    np.testing.assert_array_equal(labels, model.predict(X))
    np.testing.assert_allclose(chances, model.predict_proba(X), atol=1e-5)
    assert labels.shape == model.predict(X).shape


@pytest.mark.parametrize("loss", ["squared_error", "poisson", "absolute_error", "huber"])
@pytest.mark.parametrize("y", [Y, LABELS], ids=["one output", "two outputs"])
def test_every_regression_is_converted(loss, y):
    model = fitted(MLPRegressor, y, loss=loss)
    (predictions,) = outputs(model)
    assert predictions.shape == (len(X), model.n_outputs_)
    np.testing.assert_allclose(predictions.squeeze(), model.predict(X), atol=1e-4)


def test_pipelines_are_converted_with_the_options_of_classifiers():
    pipe = make_pipeline(StandardScaler(), MLPClassifier(8, max_iter=20, random_state=0))
    pipe.fit(X, np.array(["a", "b", "c"])[Y])
    labels, chances = outputs(pipe)
    assert list(labels) == list(pipe.predict(X))
    assert [sorted(row) for row in chances] == [["a", "b", "c"]] * len(X)
    labels, chances = outputs(pipe, nocl=True, zipmap=False)
    np.testing.assert_array_equal(pipe.classes_[labels], pipe.predict(X))
    *_, classes = outputs(pipe, zipmap=False, output_class_labels=True)
    assert list(classes) == ["a", "b", "c"]


def test_integers_are_converted_and_the_trained_activation_is_used():
    x = np.round(X).astype(np.int64)
    model = fitted(x=x, activation="tanh").set_params(activation="relu")
    _, chances = outputs(model, x, zipmap=False)
    np.testing.assert_allclose(chances, model.predict_proba(x), atol=1e-5)


def test_classes_that_onnx_cannot_name_are_refused():
    with pytest.raises(ValueError, match="must be strings or 64-bit integers for ONNX"):
        outputs(fitted(y=Y.astype(np.uint64) + 2**63))


def test_estimators_are_fitted_before_they_are_converted():
    with pytest.raises(ValueError, match="not fitted"):
        to_onnx(MLPRegressor(), X[:1])


def test_without_skl2onnx_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'nncore\[onnx\]'"):
        register_onnx()
