"""With np.seterr(all="raise") nncore raises no FloatingPointError, whatever the size of data.

The numbers are the same as without, and the user's setting is what callbacks see.
"""

import numpy as np
import pytest

import nncore

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 3)), RNG.normal(size=(40, 2))
LABELS = (Y[:, 0] > 0).astype(int)
# Below and above what float32 holds, and what float64 squares.
SIZES = [1e-320, 1e-300, 1e-45, 1e-30, 1.0, 1e18]


@pytest.fixture(autouse=True)
def all_errors_raise():
    with np.errstate(all="raise"):
        yield


def network(**settings):
    return nncore.MLP([3, 4, 2], "tanh", rng=0, **settings)


def scaled(array, size):
    with np.errstate(all="ignore"):
        return array * size


@pytest.mark.parametrize("backend", ["compiled", "numpy"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", SIZES)
def test_networks_on_data_of_any_size(size, dtype, backend):
    x, y, weight = scaled(X, size), scaled(Y, size), scaled(np.abs(X[:, 0]), size)
    how = {"epochs": 2, "optimizer": nncore.SGD(1e-300), "schedule": nncore.CosineDecay()}
    for inputs, targets in ((x, Y), (X, y), (np.float32(X), y)):
        net = network(dtype=dtype, backend=backend, l1=1e-310, l2=1e-310)
        net.fit(inputs, targets, sample_weight=weight, validation_data=(x, y, weight), **how)
        assert np.isfinite(net.history.loss).all()
        net.predict(inputs)
        net.loss(inputs, targets, sample_weight=weight)
        net.loss_and_gradients(inputs, targets)
        net.trace(inputs[0], targets[0])
        net.accuracy(inputs, targets)
    net = network(dtype=dtype, backend=backend)
    net.fit(x, LABELS[:, None] == [0, 1], validation_fraction=0.2, **how)
    net.predict_class(x.tolist())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", SIZES)
def test_weights_of_any_size(size, dtype):
    start = {name: scaled(array, size) for name, array in network(dtype="f8").parameters.items()}
    net = network(dtype=dtype, weight_init=start)
    net.fit(X, Y, epochs=1, optimizer=nncore.SGD(1e-30))
    net.trace(X[0], Y[0])
    if size < 1e10:
        nncore.check_gradients(net, X[:3], Y[:3])


@pytest.mark.parametrize("rate", [1e-320, 1e-300, 1e-40, 1.0])
@pytest.mark.parametrize("kind", [nncore.SGD, nncore.Adam, nncore.RMSprop, nncore.Adagrad])
@pytest.mark.parametrize("backend", ["compiled", "numpy"])
def test_step_sizes_of_any_size(kind, rate, backend):
    how = {"optimizer": kind(rate), "schedule": nncore.CosineDecay()}
    network(backend=backend).fit(X, Y, epochs=3, **how)
    model = nncore.CharRNN(
        8, 5, 2, kind(rate), schedule=nncore.CosineDecay(), backend=backend, rng=0
    )
    model.fit("ab c" * 40, iterations=8, validation_fraction=0.2)
    model.evaluate("abc abc")
    model.sample(5)


def test_divergence_raises_divergence_error():
    with pytest.raises(nncore.DivergenceError):
        network().fit(X, Y, epochs=500, optimizer=nncore.SGD(1e30))
    model = nncore.CharRNN(8, 5, 2, nncore.SGD(1e30), clip_norm=None, rng=0)
    with pytest.raises(nncore.DivergenceError):
        model.fit("ab c" * 40, iterations=80)


def test_callbacks_run_with_the_numpy_errors_of_the_user():
    seen = []
    look = lambda event: seen.append(np.geterr()["under"])  # noqa: E731
    network().fit(X, Y, epochs=2, callbacks=[look])
    nncore.CharRNN(8, 5, 2, rng=0).fit("ab c" * 40, iterations=2, callbacks=[look])
    assert set(seen) == {"raise"}


def test_trainers_raise_no_floating_point_error():
    nncore.train_xor(rng=0)
    nncore.train_rgb(rng=0)
