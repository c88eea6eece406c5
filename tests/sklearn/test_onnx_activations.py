"""Each activation's nodes compute its formula, also where no estimator offers it yet."""

import math

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")
pytest.importorskip("skl2onnx", reason="needs skl2onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
from skl2onnx import to_onnx  # noqa: E402

from nncore.sklearn import MLPRegressor, register_onnx  # noqa: E402
from nncore.sklearn.onnx_converters import FORMULAS, NODES  # noqa: E402
from nncore.sklearn.parameters import ACTIVATIONS  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer:UserWarning")
SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772
DEFINITIONS = {
    "elu": lambda z: np.where(z < 0, np.expm1(np.minimum(z, 0)), z),
    "selu": lambda z: SCALE * np.where(z < 0, ALPHA * np.expm1(np.minimum(z, 0)), z),
    "softplus": lambda z: np.logaddexp(z, 0),
    "hard_sigmoid": lambda z: np.clip(z / 6 + 0.5, 0, 1),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "gelu": lambda z: z * (1 + np.vectorize(math.erf)(z / math.sqrt(2))) / 2,
    "leaky_relu": lambda z: np.maximum(z, 0.01 * z),
}
Z = np.linspace(-9, 9, 73)


def converted(activation, dtype):
    """Outputs of a network for Z whose only hidden unit passes them through the activation."""
    x = Z[:, None].astype(dtype)
    model = MLPRegressor("squared_error", 1, "identity", max_iter=1).fit(x, Z)
    for array, value in zip((*model.coefs_, *model.intercepts_), (1, 1, 0, 0), strict=True):
        array[...] = value
    model._activation = activation
    register_onnx()
    text = to_onnx(model, x[:1]).SerializeToString()
    session = onnxruntime.InferenceSession(text, providers=["CPUExecutionProvider"])
    return session.run(None, {"X": x})[0][:, 0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", DEFINITIONS)
def test_nodes_compute_the_formula(activation, dtype):
    found = converted(activation, dtype)
    assert found.dtype == dtype
    tolerance = 1e-5 if dtype == "float32" or activation == "gelu" else 1e-13
    np.testing.assert_allclose(found, DEFINITIONS[activation](Z), rtol=0, atol=tolerance)


def test_every_activation_of_the_estimators_can_be_converted():
    assert not set(ACTIVATIONS) - {*NODES, *FORMULAS}


def test_the_error_for_an_unknown_activation_lists_the_known_ones():
    with pytest.raises(NotImplementedError, match=r"'cosine' cannot be .* expected one of .*selu"):
        converted("cosine", "float32")
