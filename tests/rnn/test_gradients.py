"""The gradients and traces of RNN, for every cell, one to three layers, and ragged sequences."""

import numpy as np
import pytest
from rnns import BACKENDS, EVERY_CELL, RETURNS, classifier, ragged, small, targets_for

import nncore

DEPTHS = pytest.mark.parametrize("hidden", [(4,), (4, 3), (4, 3, 5)], ids=len)


@EVERY_CELL
@RETURNS
@DEPTHS
@BACKENDS
def test_gradients_are_those_of_difference_quotients(cell, returns, hidden, backend):
    how = {"layer_sizes": (3, *hidden, 2), "returns": returns, "backend": backend}
    for net in (small(cell, l2=0.1, **how), classifier(cell, **how)):
        x = ragged((3, 1, 5, 3))
        found = nncore.check_gradients(net, x, targets_for(net, x), sample=150)
        assert found.ok, found
        assert found.checked == min(150, found.total)
        assert found.total == sum(array.size for array in net.parameters.values())


@pytest.mark.parametrize("name", ["wxh", "whh2", "why", "bh", "bn2"])
def test_a_wrong_derivative_is_found_and_named(name, monkeypatch):
    true = nncore.RNN.loss_and_gradients

    def spoiled(self, *args, **kwargs):
        loss, gradients = true(self, *args, **kwargs)
        gradients[name].flat[0] += 0.1
        return loss, gradients

    monkeypatch.setattr(nncore.RNN, "loss_and_gradients", spoiled)
    net, x = small("gru"), ragged((3, 1, 5))
    found = nncore.check_gradients(net, x, targets_for(net, x))
    assert not found.ok
    assert found.parameter.startswith(f"{name}[0")


@EVERY_CELL
@RETURNS
@DEPTHS
@pytest.mark.parametrize("made", [small, classifier])
def test_a_trace_ends_with_the_loss_and_its_gradients(cell, returns, hidden, made):
    how = {"layer_sizes": (3, *hidden, 2), "returns": returns, "dtype": "float64", "l2": 0.1}
    net, x = made(cell, **how), np.stack(ragged([4] * 5))
    y = np.array(targets_for(net, x))
    found, (loss, gradients) = net.trace(x, y), net.loss_and_gradients(x, y)
    assert found["loss"] == pytest.approx(loss, rel=1e-12)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(found[f"d{name}"], gradient, atol=1e-12)
    np.testing.assert_allclose(found["a"], net.predict(x), atol=1e-12)
    np.testing.assert_array_equal(found["x"], x)
    np.testing.assert_array_equal(found["y"], y)
    top = f"h{len(hidden)}" if len(hidden) > 1 else "h"
    assert found[top].shape == (5, 4, hidden[-1])
    rows = found[top] if returns == "sequence" else found[top][:, -1]
    np.testing.assert_allclose(found["z"], rows @ found["why"] + found["by"], atol=1e-12)
    assert found["dgates"].shape == found["gates"].shape


def test_a_trace_has_the_states_of_an_lstm():
    net, x = small("lstm", layer_sizes=(3, 5, 2), dtype="float64"), np.stack(ragged([4] * 2))
    found = net.trace(x, np.zeros((2, 2)))
    _, _, _, o = np.split(found["gates"], 4, axis=2)
    np.testing.assert_allclose(found["h"], o * np.tanh(found["c"]), atol=1e-12)
    _, state = net.predict(x, return_state=True)
    np.testing.assert_allclose(np.hstack([found["h"][:, -1], found["c"][:, -1]]), state, atol=1e-12)


def test_a_single_sequence_can_be_traced():
    net, x = classifier(returns="sequence"), ragged([4])[0]
    y = np.array([0, 1, 1, 0])
    found = net.trace(x, y)
    assert found["h"].shape == (1, 4, 5)
    assert found["loss"] == pytest.approx(net.loss(x[None], y[None]), rel=1e-5)
    assert "a = softmax(z)   (1 x 4 x 2)" in str(found)
    with pytest.raises(ValueError, match="X has shape"):
        net.trace(x[0], y)
