"""`out=` of the kernels of the multi-layer perceptron."""

import numpy as np
import pytest
from mlp_networks import Network, refused

from nncore import reference


def test_outputs_are_written_to_out(core, dtype):
    net = Network(dtype)
    expected = net.predict(core)
    room = np.zeros((46, 6), dtype)
    for out in (np.zeros_like(expected), room[::2, ::2], np.zeros((3, 23), dtype).T,
                np.zeros((23, 3), np.dtype(dtype).newbyteorder())):  # fmt: skip
        for module in (core, reference):
            out[...] = 7
            assert net.predict(module, out=out) is out
            np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)
    assert not room[1::2].any()


@pytest.mark.parametrize("shift", [0, 1, 40])
def test_outputs_may_overlap_the_inputs_or_the_weights(core, dtype, shift):
    for module in (core, reference):
        net = Network(dtype, (5, 5), rows=23)
        expected = net.predict(module)
        room = np.zeros(23 * 5 + 64, dtype)
        x = room[: 23 * 5].reshape(23, 5)
        x[...] = net.x
        out = room[shift : shift + 23 * 5].reshape(23, 5)
        assert net.predict(module, x=x, out=out).tobytes() == expected.tobytes()
        few = Network(dtype, (5, 5), rows=3)
        expected = few.predict(module)
        out = few.weights[:15].reshape(3, 5)
        assert few.predict(module, out=out).tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("out", "error", "text"),
    [
        (
            np.zeros((23, 4), np.float32),
            ValueError,
            "out has shape \\(23, 4\\), expected \\(23, 3\\)",
        ),
        (np.zeros((23, 3)), TypeError, "out must be of float32, got"),
        ([[0.0] * 3] * 23, TypeError, "out must be a NumPy array of float32, got list"),
        (np.broadcast_to(np.float32(0), (23, 3)), ValueError, "out is read-only"),
    ],
    ids=["wide", "float64", "list", "read-only"],
)
def test_an_unsuitable_out_is_refused(core, out, error, text):
    refused(core, "predict", ((), {"out": out}), error, text)
