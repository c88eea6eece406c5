"""Networks whose activations need their inputs for the slope: trained, checked, kept, combined."""

import copy
import math
import pickle

import numpy as np
import pytest
from mlps import same, weights

from nncore import MLP, Adam, Ensemble, check_gradients
from nncore.registry import ACTIVATION_ROWS

NAMES = [row.name for row in ACTIVATION_ROWS if row.slope_from_input]
SIGMOID = lambda z: 1 / (1 + math.exp(-z))  # noqa: E731
SLOPES = {  # f(z), f'(z)
    "silu": (
        lambda z: z * SIGMOID(z),
        lambda z: SIGMOID(z) * (1 + z * SIGMOID(-z)),
    ),
    "gelu": (
        lambda z: z * math.erfc(-z / math.sqrt(2)) / 2,
        lambda z: (
            math.erfc(-z / math.sqrt(2)) / 2 + z * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        ),
    ),
}


def data(rows=200, outputs=1):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, 3))
    y = np.stack([np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2]] * outputs, axis=1)
    return x, y


def trained(name, output="identity", epochs=60, **settings):
    net = MLP((3, 16, 12, 1), name, output, rng=0, **settings)
    net.fit(*data(), epochs=epochs, batch_size=20, optimizer=Adam(0.01))
    return net


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_networks_learn(name, dtype):
    net = trained(name, dtype=dtype)
    assert net.loss(*data()) < 0.02 * np.var(data()[1])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("batch_size", [1, 20])
@pytest.mark.parametrize("sizes", [(3, 2, 1), (3, 16, 12, 1)], ids=str)
def test_both_backends_train_alike(name, batch_size, sizes):
    """Also networks of a few units, and single rows, which have separate loops."""
    ends = []
    for backend in ("compiled", "numpy"):
        net = MLP(sizes, name, name, dropout=0.2, dtype="float64", backend=backend, rng=0)
        net.fit(*data(60), epochs=3, batch_size=batch_size, optimizer=Adam(0.01))
        ends.append(net.parameters)
    for key, array in ends[0].items():
        np.testing.assert_allclose(array, ends[1][key], rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("backend", ["compiled", "numpy"])
@pytest.mark.parametrize("output", ["identity", "itself"])
def test_gradients_pass_the_check(name, backend, output):
    x, y = data(20, outputs=2)
    output = name if output == "itself" else output
    net = MLP((3, 6, 5, 2), name, output, l2=0.1, dtype="float64", backend=backend, rng=1)
    result = check_gradients(net, x, y)
    assert result.ok
    assert result.error < 1e-6
    assert result.kinks == 0


@pytest.mark.parametrize("name", SLOPES)
@pytest.mark.parametrize("z", [-30.0, -3.0, -0.7, 0.0, 0.4, 2.0, 30.0])
def test_the_gradient_of_one_unit_is_the_formula(name, z):
    """The derivative of (f(z) - 1)^2 with respect to the bias, by every function with gradients."""
    f, slope = SLOPES[name]
    start = {"w1": [[0.0]], "b1": [z]}
    net = MLP((1, 1), (), name, weight_init=start, dtype="float64")
    expected = 2 * (f(z) - 1) * slope(z)
    _, gradients = net.loss_and_gradients([[0.5]], [[1.0]])
    trace = net.trace([[0.5]], [[1.0]])
    for found in (gradients["b1"], trace["db1"]):
        assert found.item() == pytest.approx(expected, rel=1e-11, abs=1e-300)
    assert trace["a1"].item() == pytest.approx(f(z), rel=1e-11)
    assert "dz1 = da1 * " + name + "'(z1)" in str(trace)


@pytest.mark.parametrize("name", NAMES)
def test_sparse_inputs_train_like_dense_ones(name):
    sparse = pytest.importorskip("scipy.sparse", reason="the matrix is SciPy's")
    x, y = data(40)
    x[np.abs(x) < 0.7] = 0
    nets = []
    for given in (x, sparse.csr_array(x)):
        net = MLP((3, 9, 1), name, name, dtype="float64", rng=0)
        net.fit(given, y, epochs=3, batch_size=7)
        nets.append(net)
    for key, array in nets[0].parameters.items():
        np.testing.assert_allclose(array, nets[1].parameters[key], rtol=1e-9)
    np.testing.assert_allclose(nets[1].predict(sparse.csr_array(x)), nets[0].predict(x), rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_files_copies_and_pickles_keep_the_activation(name, tmp_path):
    net = trained(name, output=name, epochs=2)
    net.save(tmp_path / "net.safetensors")
    kept = [MLP.load(tmp_path / "net.safetensors"), copy.deepcopy(net)]
    kept.append(pickle.loads(pickle.dumps(net)))
    expected = net.predict(data()[0])
    net.fit(*data(), epochs=2, batch_size=20, optimizer=Adam(0.01))
    for other in kept:
        assert other.activations == (name,) * 3
        np.testing.assert_array_equal(other.predict(data()[0]), expected)
        other.fit(*data(), epochs=2, batch_size=20, optimizer=Adam(0.01))
        assert same(weights(other), weights(net))


@pytest.mark.parametrize("name", NAMES)
def test_ensembles_average_them(name):
    x, _ = data()
    members = [trained(name, epochs=1), trained("tanh", epochs=1)]
    together = Ensemble(members).predict(x)
    np.testing.assert_allclose(together, sum(net.predict(x) for net in members) / 2, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_saturated_units_have_no_gradient_and_no_nan(name):
    """Sums of -1e30: f and f' are 0 and not a product of infinity and 0."""
    start = {"w1": [[-1e30]], "b1": [0], "w2": [[1.0]], "b2": [0]}
    net = MLP((1, 1, 1), name, weight_init=start)
    loss, gradients = net.loss_and_gradients([[1.0], [3e8]], [[2.0], [2.0]])
    assert loss == 4
    assert gradients["w1"] == gradients["b1"] == gradients["w2"] == 0
    assert gradients["b2"] == -4


@pytest.mark.parametrize("name", SLOPES)
def test_signals_neither_vanish_nor_explode_in_a_new_network(name):
    """He's weights, as for relu; with Glorot's, 12 layers leave less than 1% of a signal."""
    net = MLP((100,) * 14, name, rng=0)
    trace = net.trace(np.random.default_rng(0).standard_normal((50, 100)), np.zeros((50, 100)))
    assert 0.05 < trace["z12"].std() / trace["z1"].std() < 10
