"""Prediction, gradients and evaluation by the kernels of the multi-layer perceptron."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from mlp_networks import SEEDS, Network, shapes
from tolerances import error, scale_of

from nncore import reference
from nncore.params import views
from nncore.registry import ACTIVATIONS, LOSSES

EPS, ATOL, RTOL = 1e-6, 1e-7, 1e-5


def assert_close(result, expected, exact, inputs):
    """To rounding in float64; in float32, as good as NumPy in float32."""
    assert result.dtype == expected.dtype
    scale = scale_of(exact, inputs)
    if result.dtype == np.float64:
        assert error(result, expected) <= 1e-12 * scale
    else:
        assert error(result, exact) <= 2 * error(expected, exact) + 3e-6 * scale


def widened(net):
    """The same network in float64."""
    wide = Network(np.float64)
    wide.shapes, wide.layers, wide.loss = net.shapes, net.layers, net.loss
    wide.weights, wide.x = net.weights.astype(np.float64), net.x.astype(np.float64)
    wide.y = net.y if net.y.dtype.kind == "i" else net.y.astype(np.float64)
    return wide


# --- agreement with reference -----------------------------------------------------------------


@pytest.mark.parametrize("activation", ACTIVATIONS)
@given(sizes=shapes, rows=st.integers(0, 40), seed=SEEDS)
def test_prediction_agrees_with_reference(core, dtype, activation, sizes, rows, seed):
    net = Network(dtype, sizes, activation, rows=rows, seed=seed)
    outputs, expected = net.predict(core), net.predict(reference)
    assert_close(outputs, expected, widened(net).predict(reference), [net.x, net.weights])


@pytest.mark.parametrize("loss", LOSSES)
@given(
    sizes=shapes,
    activation=st.sampled_from(ACTIVATIONS),
    rows=st.integers(1, 40),
    weighted=st.booleans(),
    l1=st.sampled_from([0, 0.1]),
    l2=st.sampled_from([0, 0.1]),
    seed=SEEDS,
)
def test_gradients_agree_with_reference(
    core, dtype, loss, sizes, activation, rows, weighted, l1, l2, seed
):
    saturated = loss == "binary_cross_entropy" and activation == "softmax" and sizes[-1] == 1
    assume(not saturated)  # 1 - 1 is rounded otherwise in every type
    net = Network(dtype, sizes, activation, loss, rows, seed=seed)
    keywords = {"l1": l1, "l2": l2}
    if weighted:
        keywords["sample_weight"] = np.random.default_rng(seed).uniform(0, 2, rows).astype(dtype)
    found = [net.gradients(module, **keywords) for module in (core, reference)]
    if weighted:
        keywords["sample_weight"] = keywords["sample_weight"].astype(np.float64)
    objective, exact = widened(net).gradients(reference, **keywords)
    tolerance = 1e-12 if dtype == np.float64 else 1e-4
    assert found[0][0] == pytest.approx(objective, rel=tolerance, abs=tolerance)
    assert_close(found[0][1], found[1][1], exact, [net.x, net.weights])


def test_deep_networks_agree_with_reference(core):
    net = Network(np.float64, [6] * 65, rows=9)
    np.testing.assert_allclose(net.predict(core), net.predict(reference), rtol=1e-9)
    results = [net.gradients(module) for module in (core, reference)]
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rows", [127, 128, 129, 300])
def test_wide_layers_and_many_rows_agree_with_reference(core, rows):
    net = Network(np.float64, (257, 130, 300, 65), rows=rows)
    np.testing.assert_allclose(net.predict(core), net.predict(reference), rtol=1e-9, atol=1e-12)
    results = [net.gradients(module) for module in (core, reference)]
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-9, atol=1e-11)


# --- finite differences -----------------------------------------------------------------------


def quotients(core, net, **keywords):
    """Central differences of the objective by every parameter, with the vector's layout."""
    result = np.zeros_like(net.weights)
    for name, array in net.parameters.items():
        for index in np.ndindex(array.shape):
            at, values = array[index], []
            for moved in (at + EPS, at - EPS):
                array[index] = moved
                values.append(net.gradients(core, **keywords)[0])
            array[index] = at
            views(result, net.shapes)[name][index] = (values[0] - values[1]) / (2 * EPS)
    return result


PENALTIES = [{}, {"l1": 0.05}, {"l2": 0.3}, {"l1": 0.05, "l2": 0.3}]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_are_the_derivatives(core, activation, loss):
    for sizes in ((3, 2), (3, 4, 2), (2, 3, 4, 2)):
        net = Network(np.float64, sizes, activation, loss, rows=4, seed=2)
        for penalties in PENALTIES:
            _, gradient = net.gradients(core, **penalties)
            expected = quotients(core, net, **penalties)
            np.testing.assert_allclose(gradient, expected, rtol=RTOL, atol=ATOL)
            assert np.abs(gradient).max() > 1e-3


@pytest.mark.parametrize("loss", LOSSES)
def test_weighted_gradients_are_the_derivatives(core, loss):
    net = Network(np.float64, (3, 4, 2), "tanh", loss, rows=4, seed=2)
    weight = np.array([0, 0.1, 3, 1])
    _, gradient = net.gradients(core, sample_weight=weight)
    expected = quotients(core, net, sample_weight=weight)
    np.testing.assert_allclose(gradient, expected, rtol=RTOL, atol=ATOL)


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_of_rows_count_like_repetitions(core, dtype, loss):
    net, repeated = (Network(dtype, loss=loss, rows=3) for _ in range(2))
    repeated.x, repeated.y = net.x[[0, 2, 2, 2]], net.y[[0, 2, 2, 2]]
    weight = np.array([2, 0, 6], dtype)
    objective, gradient = net.gradients(core, sample_weight=weight)
    desired, expected = repeated.gradients(core)
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    assert objective == pytest.approx(desired, rel=tolerance)
    np.testing.assert_allclose(gradient, expected, rtol=tolerance, atol=tolerance)


def test_l1_does_not_pull_at_weights_of_zero(core, dtype):
    net = Network(dtype)
    net.weights[::2] = 0
    _, plain = net.gradients(core)
    _, pulled = net.gradients(core, l1=0.1)
    for name, w in net.parameters.items():
        changed = views(plain, net.shapes)[name] != views(pulled, net.shapes)[name]
        np.testing.assert_array_equal(changed, (w != 0) & name.startswith("w"))


# --- evaluation -----------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rows", [1, 23, 129, 300])
@pytest.mark.parametrize("loss", LOSSES)
def test_evaluation_has_the_bits_of_gradients_and_predictions(core, dtype, loss, rows, weighted):
    net = Network(dtype, loss=loss, rows=rows)
    weight = np.random.default_rng(1).uniform(0, 2, rows).astype(dtype) if weighted else None
    value, outputs = net.evaluate(core, sample_weight=weight)
    assert value == net.gradients(core, sample_weight=weight)[0]
    assert outputs.tobytes() == net.predict(core).tobytes()


@pytest.mark.parametrize("loss", LOSSES)
def test_evaluation_agrees_with_reference(core, dtype, loss):
    net = Network(dtype, loss=loss)
    weight = np.random.default_rng(1).uniform(0, 2, len(net.x)).astype(dtype)
    for rows in (None, weight):
        value, outputs = net.evaluate(core, sample_weight=rows)
        desired, expected = net.evaluate(reference, sample_weight=rows)
        tolerance = 1e-12 if dtype == np.float64 else 1e-5
        assert value == pytest.approx(desired, rel=tolerance)
        np.testing.assert_allclose(outputs, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("batch", [1, 5, 23])
def test_weights_that_are_not_divided_by_their_sum(core, dtype, batch):
    """In an epoch without changes, the mean of the objectives over rows is the weighted loss."""
    weight = np.random.default_rng(1).uniform(0, 2, 23)
    weight = (weight / weight.mean()).astype(dtype)
    losses = []
    for module in (core, reference):
        net = Network(dtype, batch_size=batch, optimizer="sgd")
        updates = -(-23 // batch)
        how = {"sample_weight": weight, "mean_weight": 1.0, "rates": np.zeros(updates)}
        net.train(module, updates, **how)
        rows = np.minimum(batch, 23 - batch * np.arange(updates))
        losses.append(float(np.average(net.losses, weights=rows)))
        whole = net.evaluate(module, sample_weight=weight)[0]
        assert losses[-1] == pytest.approx(whole, rel=1e-12 if dtype == np.float64 else 1e-5)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
