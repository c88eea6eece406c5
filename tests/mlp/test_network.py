"""MLP as an object: its settings, copies and predictions, and what it refuses."""

import copy
import pickle

import numpy as np
import pytest
from mlp_targets import LABELS, X, Y
from mlps import BACKENDS, classifier, same, small, weights

from nncore import Adam

# --- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"layer_sizes": 4}, TypeError, "layer_sizes must be a sequence of integers, got int"),
        ({"layer_sizes": {4, 3}}, TypeError, "layer_sizes must be a sequence .* got set"),
        ({"layer_sizes": (4,)}, ValueError, r"layer_sizes has 1 entries, expected 2 \(inputs, out"),
        ({"layer_sizes": (4,) * 66}, ValueError, "layer_sizes has 66 entries, expected 2"),
        ({"layer_sizes": (4, 0, 3)}, ValueError, r"layer_sizes\[1\] must be at least 1, got 0"),
        ({"layer_sizes": (4, 2.5, 3)}, TypeError, r"layer_sizes\[1\] must be an integer, got flo"),
        ({"layer_sizes": (4, True, 3)}, TypeError, r"layer_sizes\[1\] must be an integer, got boo"),
        ({"layer_sizes": "43"}, TypeError, r"layer_sizes\[0\] must be an integer, got str"),
        ({"hidden_activation": "no"}, ValueError, "hidden_activation must be one of .*'no'"),
        (
            {"hidden_activation": ["tanh"] * 2},
            ValueError,
            "hidden_activation has 2 entries, expec",
        ),
        ({"hidden_activation": ["no"]}, ValueError, r"hidden_activation\[0\] must be one of .*'no"),
        ({"hidden_activation": None}, ValueError, "hidden_activation must be one of .*got None"),
        ({"output_activation": "no"}, ValueError, "output_activation must be one of .*'no'"),
        ({"loss": "mse"}, ValueError, "loss must be one of 'squared_error', .* got 'mse'"),
        ({"loss": "sigmoid_cross_entropy"}, ValueError, "loss must be one of"),
        (
            {"loss": "binary_cross_entropy"},
            ValueError,
            "loss 'binary_cross_entropy' needs output_activation 'sigmoid' or 'softmax', got 'iden",
        ),
        (
            {"loss": "softmax_cross_entropy", "output_activation": "tanh"},
            ValueError,
            "loss 'softmax_cross_entropy' needs output_activation 'softmax' or 'identity', got",
        ),
        (
            {"layer_sizes": (4, 1), "loss": "softmax_cross_entropy"},
            ValueError,
            "softmax over a single output is always 1",
        ),
        ({"layer_sizes": (4, 1), "output_activation": "softmax"}, ValueError, "always 1"),
        ({"l1": -1}, ValueError, "l1 must be 0 or a positive number, got -1"),
        ({"l2": np.inf}, ValueError, "l2 must be 0 or a positive number, got inf"),
        ({"l2": "0"}, TypeError, "l2 must be a number, got str"),
        ({"dropout": 1}, ValueError, r"dropout must be in \[0, 1\), got 1"),
        ({"dropout": [0.1, 0.1]}, ValueError, "dropout has 2 entries, expected 1, one for each h"),
        ({"dropout": [np.nan]}, ValueError, r"dropout\[0\] must be in \[0, 1\), got nan"),
        ({"dtype": "float16"}, ValueError, "dtype must be float32 or float64, got 'float16'"),
        ({"backend": "torch"}, ValueError, "backend must be one of 'compiled', 'numpy', got"),
        ({"rng": "seed"}, TypeError, "rng must be an int, a SeedSequence"),
        ({"rng": True}, TypeError, "rng must be an int, a SeedSequence"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        small(**settings)


# --- seeds and copies ---------------------------------------------------------------------------


@BACKENDS
def test_the_same_seed_gives_the_same_bits(backend):
    def run(rng):
        net = small(backend=backend, rng=rng, dropout=0.3)
        net.fit(X, Y, epochs=3, batch_size=7)
        return weights(net)

    first, second, other = run(5), run(np.random.SeedSequence(5)), run(6)
    assert same(first, second)
    assert not same(first, other)


def test_without_a_seed_networks_differ():
    assert not same(weights(small(rng=None)), weights(small(rng=None)))


def test_the_global_random_state_is_unchanged():
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    small(rng=None, dropout=0.5).fit(X, Y, epochs=2, validation_fraction=0.2)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@BACKENDS
@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))], ids=["copy", "pickle"]
)
def test_a_copy_trains_independently_to_the_same_bits(copied, backend):
    net = small(backend=backend, dropout=0.2)
    net.fit(X, Y, epochs=2, batch_size=8)
    before, twin = weights(net), copied(net)
    assert same(weights(twin), before)
    twin.fit(X, Y, epochs=2, batch_size=8)
    assert same(weights(net), before)
    net.fit(X, Y, epochs=2, batch_size=8)
    assert same(weights(net), weights(twin))
    assert net.history.loss.tolist() == twin.history.loss.tolist()


# --- prediction ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_row_is_predicted_the_same_alone_and_in_a_batch(dtype):
    net = small(dtype=dtype)
    batch = net.predict(X)
    assert batch.shape == (30, 3)
    for i in (0, 13, 29):
        assert net.predict(X[i : i + 1]).tobytes() == batch[i].tobytes()
    assert net.predict(X[7:]).tobytes() == batch[7:].tobytes()
    assert net.predict(X[:0]).shape == (0, 3)


def test_classes_are_those_of_the_largest_output():
    net = classifier()
    net.fit(X, LABELS, epochs=100, optimizer=Adam(0.05))
    classes = net.predict_class(X)
    assert classes.tolist() == net.predict(X).argmax(axis=1).tolist()
    assert net.accuracy(X, LABELS) == np.mean(classes == LABELS) > 0.9
    assert net.accuracy(X, np.eye(3)[LABELS]) == net.accuracy(X, LABELS)
    assert net.accuracy(X, Y) == net.accuracy(X, LABELS)


@pytest.mark.parametrize(
    ("activation", "middle"), [("sigmoid", 0.5), ("identity", 0.5), ("tanh", 0)]
)
def test_a_single_output_separates_two_classes_at_its_midpoint(activation, middle):
    net = small(layer_sizes=(4, 6, 1), output_activation=activation)
    outputs = net.predict(X)[:, 0]
    assert net.predict_class(X).tolist() == (outputs > middle).astype(int).tolist()
    expected = np.where(Y[:, 0] > 0, 1, -1 if activation == "tanh" else 0)
    assert net.accuracy(X, expected) == np.mean((outputs > middle) == (Y[:, 0] > 0))
    assert net.accuracy(X, expected[:, None]) == net.accuracy(X, expected)


def test_threads_may_predict_at_the_same_time():
    from concurrent.futures import ThreadPoolExecutor

    net = small(layer_sizes=(4, 40, 3))
    expected = net.predict(X).tobytes()
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: net.predict(X).tobytes(), range(200)))
    assert set(results) == {expected}
