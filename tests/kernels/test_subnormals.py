"""Networks treat subnormal numbers as 0, as they would be slow; single kernels do not."""

import time

import numpy as np
import pytest
from builds import SLOWER
from char_rnn_networks import Network as CharNetwork
from char_rnn_networks import V
from mlp_networks import Network
from subnormals import TINY, kept

import nncore
from nncore.sklearn import MLPRegressor

# The short fits of estimators here.
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")


def large(dtype, **how):
    """A network with large weights, for which a subnormal input would matter."""
    net = Network(dtype, (5, 4, 2), "identity", "squared_error", **how)
    net.x[...] = TINY[dtype]
    for name, array in net.parameters.items():
        array[...] = 0 if name[0] == "b" else (1e30 if dtype is np.float32 else 1e300)
    net.y[...] = 0
    return net


@pytest.mark.parametrize("rows", [1, 23])
def test_predictions_treat_subnormals_as_0(core, dtype, rows):
    net = large(dtype, rows=rows)
    assert (net.predict(core) == 0).all()
    assert kept(dtype)


def test_losses_and_gradients_treat_subnormals_as_0(core, dtype):
    net = large(dtype)
    loss, gradient = net.gradients(core)
    assert loss == 0
    assert (gradient == 0).all()
    loss, outputs = net.evaluate(core)
    assert loss == 0
    assert (outputs == 0).all()
    assert kept(dtype)


def test_kernels_of_arrays_keep_subnormals(core, dtype):
    x = np.full((3, 4), TINY[dtype], dtype)
    w = np.ones((4, 2), dtype)
    assert (core.linear_forward(x, w) > 0).all()
    assert (core.relu_forward(x) == x).all()


def test_the_processor_is_as_before_when_a_kernel_raises(core, dtype):
    net = Network(dtype, loss="softmax_cross_entropy")
    order = np.arange(46) % 23
    net.order = order
    order[5] = 10**9
    with pytest.raises(IndexError):
        net.train(core, 6, order=order, shuffle=False)
    assert kept(dtype)
    one = CharNetwork(dtype)
    with pytest.raises(IndexError):
        core.char_rnn_evaluate(one.weights, one.text + V, np.zeros((1, 7), dtype), vocabulary=V)
    assert kept(dtype)


def test_callbacks_compute_with_subnormals(dtype):
    seen = []
    net = nncore.MLP([2, 3, 1], dtype=dtype, rng=0)
    look = lambda event: seen.append(kept(dtype))  # noqa: E731
    net.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=2, callbacks=[look])
    text = "ab" * 60
    nncore.CharRNN(4, 5, 1, dtype=dtype, rng=0).fit(text, iterations=3, callbacks=[look])
    assert seen
    assert all(seen)


def shortest(function, times=9):
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def uses(dtype, scale):
    """What is done with rows of a size: a prediction, a loss, a validated fit, and so on."""
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(500, 100)) * scale).astype(dtype)
    Y = rng.normal(size=(500, 1))
    net = nncore.MLP([100, 60, 1], "sigmoid", dtype=dtype, rng=0)
    forest = MLPRegressor(
        hidden_layer_sizes=(60,), activation="logistic", max_iter=3, random_state=0
    ).fit(X, Y[:, 0])
    weak = nncore.MLP([100, 60, 1], dtype=dtype, rng=0)
    if scale != 1:
        for array in weak.parameters.values():
            array[...] = scale
    plain = rng.normal(size=(500, 100)).astype(dtype)
    data = {"validation_data": (X, Y)}
    return {
        "predict": lambda: net.predict(X),
        "predict by tiny weights": lambda: weak.predict(plain),
        "loss": lambda: net.loss(X, Y),
        "validated fit": lambda: nncore.MLP([100, 60, 1], dtype=dtype, rng=0).fit(
            X, Y, epochs=3, **data
        ),
        "estimator's prediction": lambda: forest.predict(X),
        "estimator's validated fit": lambda: forest.fit(X, Y[:, 0], validation_data=(X, Y[:, 0])),
    }


def test_subnormals_cost_no_time(dtype):
    """At most 1.2 times as long on an idle machine; among other tests the bound is larger."""
    tiny, usual = uses(dtype, TINY[dtype]), uses(dtype, 1.0)
    ratios = {name: shortest(tiny[name]) / shortest(usual[name]) for name in usual}
    assert max(ratios.values()) < 2 * SLOWER, ratios
