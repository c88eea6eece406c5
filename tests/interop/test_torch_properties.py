"""Networks of any shape go to PyTorch and back, and predict the same there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import nncore  # noqa: E402
from nncore.interop import from_torch, to_torch  # noqa: E402
from nncore.registry import ACTIVATIONS, CELLS  # noqa: E402

SIZES = st.integers(1, 9)
RATES = st.sampled_from([0.0, 0.1, 0.5])
COMMON = st.fixed_dictionaries(
    {"dtype": st.sampled_from(["float32", "float64"]), "rng": st.integers(0, 5)}
)


@st.composite
def perceptrons(draw):
    sizes = draw(st.lists(SIZES, min_size=2, max_size=5))
    sizes[-1] += 1  # softmax needs two outputs
    hidden = [draw(st.sampled_from(ACTIVATIONS)) for _ in sizes[1:-1]]
    dropout = [draw(RATES) for _ in hidden]
    last = draw(st.sampled_from(ACTIVATIONS))
    return nncore.MLP(sizes, hidden, last, dropout=dropout, **draw(COMMON))


@st.composite
def recurrent_networks(draw):
    layers, hidden = draw(st.integers(1, 3)), draw(SIZES)
    sizes = [draw(SIZES), *[hidden] * layers, draw(SIZES) + 1]
    return nncore.RNN(
        sizes,
        draw(st.sampled_from(CELLS)),
        draw(st.sampled_from(ACTIVATIONS)),
        returns=draw(st.sampled_from(["last", "sequence"])),
        dropout=draw(RATES) if layers > 1 else 0.0,
        **draw(COMMON),
    )


@given(st.one_of(perceptrons(), recurrent_networks()), st.integers(1, 4))
def test_networks_go_to_pytorch_and_back(net, rows):
    for array in net.parameters.values():
        array[...] += 0.1 * np.arange(array.size).reshape(array.shape) % 1
    module = to_torch(net)
    again = from_torch(module, loss=net.loss_name)
    assert repr(again) == repr(net)
    assert again.dropout == net.dropout
    for name, array in net.parameters.items():
        assert again.parameters[name].tobytes() == array.tobytes()
    shape = (
        (rows, net.layer_sizes[0]) if isinstance(net, nncore.MLP) else (rows, 3, net.layer_sizes[0])
    )
    x = np.random.default_rng(0).standard_normal(shape).astype(net.dtype)
    with torch.no_grad():
        expected = module(torch.tensor(x)).numpy()
    tolerance = (2e-5 if net.dtype == "float32" else 1e-13) * max(1, np.abs(expected).max())
    np.testing.assert_allclose(net.predict(x), expected, rtol=0, atol=tolerance)
