"""MLP as an object: its settings and weights, prediction, loss, trace, and what it refuses."""

import copy
import pickle

import numpy as np
import pytest
from mlps import classifier, rows, same, small, weights

from nncore import MLP, Adam, reference
from nncore.initializers import INITIALIZERS
from nncore.registry import ACTIVATIONS, CHANCES, LOSS_ROW, MLP_LOSSES, SIGNS, outputs_for

X, Y, LABELS = rows()
BACKENDS = pytest.mark.parametrize("backend", ["compiled", "numpy"])
FITTING = [  # output activation, loss
    (activation, loss) for loss in MLP_LOSSES for activation in outputs_for(loss)
]


def chances(y=Y):
    return (y + 1) / 2


def answers(loss):
    """Targets that the loss is made for."""
    row = LOSS_ROW[loss]
    if row.takes_labels:
        return LABELS
    if row.targets == SIGNS:
        return np.sign(Y)
    return chances() if row.targets == CHANCES else Y


# --- weights ------------------------------------------------------------------------------------


def test_parameters_are_writable_views_by_name():
    net = small()
    shapes = {name: array.shape for name, array in net.parameters.items()}
    assert shapes == {"w1": (4, 6), "b1": (6,), "w2": (6, 3), "b2": (3,)}
    for array in net.parameters.values():
        array[...] = 0
    net.parameters["b2"][:] = [1, 2, 3]
    assert net.predict(X[:2]).tolist() == [[1, 2, 3]] * 2
    net.parameters["b2"] = np.zeros(3)  # of a dict that nobody keeps
    assert net.predict(X[:1]).tolist() == [[1, 2, 3]]


def test_prediction_is_the_formula():
    net = MLP((4, 6, 5, 3), ("tanh", "relu"), "sigmoid", dtype="float64", rng=1)
    p = net.parameters
    hidden = np.maximum(np.tanh(X @ p["w1"] + p["b1"]) @ p["w2"] + p["b2"], 0)
    wanted = 1 / (1 + np.exp(-(hidden @ p["w3"] + p["b3"])))
    np.testing.assert_allclose(net.predict(X), wanted, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64", np.float32, float, np.dtype("f4")])
def test_dtype_is_that_of_all_numbers(dtype):
    net = small(dtype=dtype)
    net.fit(X, Y, epochs=2)
    arrays = [*net.parameters.values(), net._slots, net.predict(X)]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


def test_settings_are_kept_by_name():
    net = MLP((4, 6, 5, 3), ("tanh", "relu"), "softmax", "softmax_cross_entropy", 0.1, 0.2, 0.5)
    assert net.layer_sizes == (4, 6, 5, 3)
    assert net.activations == ("tanh", "relu", "softmax")
    assert net.loss_name == "softmax_cross_entropy"
    assert (net.l1, net.l2, net.dropout) == (0.1, 0.2, (0.5, 0.5))
    assert (net.dtype, net.backend) == (np.float32, "compiled")
    assert small(layer_sizes=[4, 3], dropout=0.3).dropout == ()


def test_a_network_tells_what_it_is():
    net = small()
    assert repr(net) == "<MLP 4-6-3, relu, identity, squared_error, float32, 0 epochs>"
    net.fit(X, Y, epochs=2)
    assert "2 epochs" in repr(net)


RANGES = {  # of weights and biases for 40 inputs and 60 outputs
    "glorot_uniform": (np.sqrt(6 / 100), 0),
    "he_uniform": (np.sqrt(6 / 40), 0),
    "fan_in": (np.sqrt(1 / 40), np.sqrt(1 / 40)),
    "symmetric": (1, 1),
}
DEVIATIONS = {"glorot_normal": (np.sqrt(2 / 100), 0), "he_normal": (np.sqrt(2 / 40), 0),
              "normal": (1, 1)}  # fmt: skip


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initial_weights_have_the_range_of_their_formula(name):
    p = MLP((40, 60), weight_init=name, rng=0).parameters
    if name == "uniform":
        for array in p.values():
            assert 0 <= array.min() < 0.06
            assert 0.94 < array.max() <= 1
    elif name in RANGES:
        for array, at in zip((p["w1"], p["b1"]), RANGES[name], strict=True):
            assert np.abs(array).max() <= at * 1.000001
            assert np.abs(array).max() >= 0.9 * at
            assert abs(array.mean()) <= 0.2 * at
    else:
        for array, deviation in zip((p["w1"], p["b1"]), DEVIATIONS[name], strict=True):
            assert array.std() == pytest.approx(deviation, rel=0.3)


@pytest.mark.parametrize(
    ("activation", "name"),
    [("relu", "he_uniform"), ("leaky_relu", "he_uniform"), ("tanh", "glorot_uniform"),
     ("identity", "glorot_uniform")],
)  # fmt: skip
def test_auto_initialises_by_the_activation(activation, name):
    hidden = small(hidden_activation=activation), small(weight_init=name)
    assert same(*({"w1": weights(net)["w1"]} for net in hidden))
    output = small(output_activation=activation), small(weight_init=name)
    assert np.array_equal(*(np.sign(net.parameters["w2"]) for net in output))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_initial_weights_can_be_given(dtype):
    given = {"w1": np.arange(24).reshape(4, 6), "b1": [1] * 6, "b2": (True, False, True),
             "w2": np.full((6, 3), 0.1, np.float16)}  # fmt: skip
    net = small(weight_init=given, dtype=dtype)
    for name, array in net.parameters.items():
        np.testing.assert_array_equal(array, np.asarray(given[name]).astype(dtype))
    assert same(weights(small(weight_init=net.parameters, dtype=dtype)), weights(net))


def test_initial_weights_can_come_from_a_function():
    seen = []

    def draw(rng, inputs, outputs):
        seen.append((inputs, outputs))
        return np.full((inputs, outputs), rng.random()), np.zeros(outputs)

    net = small(weight_init=draw)
    assert seen == [(4, 6), (6, 3)]
    assert same(weights(net), weights(small(weight_init=draw)))
    assert not same(weights(net), weights(small(weight_init=draw, rng=1)))


GOOD = {"w1": np.zeros((4, 6)), "b1": np.zeros(6), "w2": np.zeros((6, 3)), "b2": np.zeros(3)}


@pytest.mark.parametrize(
    ("init", "error", "message"),
    [
        ("zeros", ValueError, "weight_init must be one of 'auto', 'glorot_uniform'.*got 'zeros'"),
        ({}, ValueError, "weight_init: expected w1, b1, w2, b2, got nothing"),
        (GOOD | {"w3": 0}, ValueError, "expected w1, b1, w2, b2, got w1, b1, w2, b2, w3$"),
        (GOOD | {"w1": np.zeros((6, 4))}, ValueError, r"w1 has shape \(6, 4\), expected \(4, 6\)"),
        (GOOD | {"b1": np.zeros((6, 1))}, ValueError, r"b1 has shape \(6, 1\), expected \(6,\)"),
        (GOOD | {"b1": 0.0}, ValueError, r"b1 has shape \(\), expected \(6,\)"),
        (
            GOOD | {"b2": [1, 2, np.nan]},
            ValueError,
            "b2 must hold finite numbers in the range of floa",
        ),
        (GOOD | {"b2": ["1", "2", "3"]}, TypeError, "b2 must hold numbers, got <U1"),
        (GOOD | {"b2": [1j, 0, 0]}, TypeError, "b2 must hold numbers, got complex128"),
        (lambda r, i, o: (np.zeros((o, i)), np.zeros(o)), ValueError, r"w1 has shape \(6, 4\)"),
        (lambda r, i, o: np.zeros((i, o)), TypeError, "weight_init must return weights and biases"),
        (lambda r, i, o: None, TypeError, "weight_init must return weights and biases, got None"),
        (None, TypeError, "weight_init must be a name, a function or a mapping, got NoneType"),
        (GOOD | {"w1": np.full((4, 6), 1e300)}, ValueError, r"got values from 1e\+300 to 1e\+300"),
    ],
    ids=lambda value: None,
)
def test_initial_weights_that_do_not_fit_are_refused(init, error, message):
    with pytest.raises(error, match=message):
        small(weight_init=init)


# --- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"layer_sizes": 4}, TypeError, "layer_sizes must be a sequence of integers, got int"),
        ({"layer_sizes": {4, 3}}, TypeError, "layer_sizes must be a sequence .* got set"),
        ({"layer_sizes": (4,)}, ValueError, r"layer_sizes has 1 entries, wanted 2 \(inputs, outp"),
        ({"layer_sizes": (4,) * 66}, ValueError, "layer_sizes has 66 entries, wanted 2"),
        ({"layer_sizes": (4, 0, 3)}, ValueError, r"layer_sizes\[1\] must be at least 1, got 0"),
        ({"layer_sizes": (4, 2.5, 3)}, TypeError, r"layer_sizes\[1\] must be an integer, got flo"),
        ({"layer_sizes": (4, True, 3)}, TypeError, r"layer_sizes\[1\] must be an integer, got boo"),
        ({"layer_sizes": "43"}, TypeError, r"layer_sizes\[0\] must be an integer, got str"),
        ({"hidden_activation": "gelu"}, ValueError, "hidden_activation must be one of .*'gelu'"),
        ({"hidden_activation": ["tanh"] * 2}, ValueError, "hidden_activation has 2 entries, wante"),
        ({"hidden_activation": ["no"]}, ValueError, r"hidden_activation\[0\] must be one of .*'no"),
        ({"hidden_activation": None}, ValueError, "hidden_activation must be one of .*got None"),
        ({"output_activation": "gelu"}, ValueError, "output_activation must be one of .*'gelu'"),
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
        ({"dropout": [0.1, 0.1]}, ValueError, "dropout has 2 entries, wanted 1: one a hidden la"),
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


def test_without_a_seed_every_network_is_another():
    assert not same(weights(small(rng=None)), weights(small(rng=None)))


def test_global_random_numbers_are_left_alone():
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    small(rng=None, dropout=0.5).fit(X, Y, epochs=2, validation_fraction=0.2)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@BACKENDS
@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))], ids=["copy", "pickle"]
)
def test_a_copy_goes_its_own_way_and_the_same_one(copied, backend):
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
def test_a_single_output_tells_two_classes_by_its_middle(activation, middle):
    net = small(layer_sizes=(4, 6, 1), output_activation=activation)
    outputs = net.predict(X)[:, 0]
    assert net.predict_class(X).tolist() == (outputs > middle).astype(int).tolist()
    wanted = np.where(Y[:, 0] > 0, 1, -1 if activation == "tanh" else 0)
    assert net.accuracy(X, wanted) == np.mean((outputs > middle) == (Y[:, 0] > 0))
    assert net.accuracy(X, wanted[:, None]) == net.accuracy(X, wanted)


def test_threads_may_predict_at_the_same_time():
    from concurrent.futures import ThreadPoolExecutor

    net = small(layer_sizes=(4, 40, 3))
    wanted = net.predict(X).tobytes()
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: net.predict(X).tobytes(), range(200)))
    assert set(results) == {wanted}


# --- loss and gradients -------------------------------------------------------------------------


def by_definition(loss, outputs, y):
    """The mean over rows of each loss, as its docstring has it, in float64.

    Those that have no formula here have one in `reference`, which other tests check.
    """
    y = y if y.dtype.kind == "i" else y.astype(np.float64)
    d = outputs - y if not LOSS_ROW[loss].takes_labels else None
    formulas = {
        "squared_error": lambda: (d**2).sum(axis=1),
        "half_squared_error": lambda: (d**2).sum(axis=1) / 2,
        "absolute_error": lambda: np.abs(d).sum(axis=1),
        "huber": lambda: np.where(np.abs(d) > 1, np.abs(d) - 0.5, d**2 / 2).sum(axis=1),
        "binary_cross_entropy": lambda: -(
            y * np.log(outputs) + (1 - y) * np.log(1 - outputs)
        ).sum(axis=1),
        "softmax_cross_entropy": lambda: -np.log(outputs[np.arange(len(y)), y]),
    }  # fmt: skip
    if loss in formulas:
        return float(np.mean(formulas[loss]()))
    return getattr(reference, loss)(outputs, y)[0] / len(y)


def logits(outputs, activation):
    """What gives these outputs of a sigmoid."""
    return np.log(outputs / (1 - outputs)) if activation == "sigmoid" else outputs


def normalised(logits):
    e = np.exp(logits)
    return e / e.sum(axis=1, keepdims=True)


@BACKENDS
@pytest.mark.parametrize(("activation", "loss"), FITTING)
def test_the_loss_is_the_mean_over_rows_of_the_sum_over_outputs(backend, activation, loss):
    net = small(output_activation=activation, loss=loss, dtype="float64", backend=backend)
    y, outputs = answers(loss), net.predict(X)
    if loss == "softmax_cross_entropy" and activation == "identity":
        outputs = normalised(outputs)
    if LOSS_ROW[loss].takes_logits == "sigmoid":
        outputs = logits(outputs, activation)
    assert net.loss(X, y) == pytest.approx(by_definition(loss, outputs, y), rel=1e-10)
    assert net.loss(X, y) == net.loss_and_gradients(X, y)[0]


@BACKENDS
def test_penalties_are_of_weights_and_not_of_biases(backend):
    free = small(weight_init="normal", dtype="float64", backend=backend)
    net = small(weight_init="normal", dtype="float64", backend=backend, l1=0.1, l2=0.3)
    w = [net.parameters[name] for name in ("w1", "w2")]
    penalty = sum(0.1 * np.abs(a).sum() + 0.15 * (a**2).sum() for a in w)
    assert net.loss(X, Y) == pytest.approx(free.loss(X, Y) + penalty, rel=1e-12)
    gradients, without = (n.loss_and_gradients(X, Y)[1] for n in (net, free))
    for name, array in net.parameters.items():
        added = 0.1 * np.sign(array) + 0.3 * array if name[0] == "w" else 0
        np.testing.assert_allclose(gradients[name], without[name] + added, rtol=1e-10)


def test_dropout_is_for_training_only():
    with_, without = small(dropout=0.5), small()
    assert with_.predict(X).tobytes() == without.predict(X).tobytes()
    assert with_.loss(X, Y) == without.loss(X, Y)


@BACKENDS
def test_cross_entropies_of_sure_networks_are_finite_and_exact(backend):
    """No probability is rounded to 0: the loss is computed from the logits."""
    start = {"w1": [[200.0]], "b1": [0]}
    net = MLP((1, 1), (), "sigmoid", "binary_cross_entropy", weight_init=start, backend=backend)
    assert net.loss([[-1]], [1]) == pytest.approx(200)
    start = {"w1": [[200.0, 0.0]], "b1": [0, 0]}
    for activation in ("softmax", "identity"):
        net = MLP((1, 2), (), activation, "softmax_cross_entropy", weight_init=start,
                  backend=backend)  # fmt: skip
        assert net.loss([[1]], [1]) == pytest.approx(200)


def test_weights_of_rows_count_like_repetitions():
    net = small(dtype="float64")
    chosen = [0, 2, 2, 2]
    loss, gradients = net.loss_and_gradients(X[:3], Y[:3], sample_weight=[1, 0, 3])
    wanted, expected = net.loss_and_gradients(X[chosen], Y[chosen])
    assert loss == pytest.approx(wanted, rel=1e-12)
    assert net.loss(X[:3], Y[:3], sample_weight=[1, 0, 3]) == loss
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, expected[name], rtol=1e-10, atol=1e-14)


# --- trace --------------------------------------------------------------------------------------


@BACKENDS
@pytest.mark.parametrize(("activation", "loss"), FITTING)
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_the_trace_has_the_loss_and_gradients(backend, hidden, activation, loss):
    net = MLP((4, 6, 5, 3), hidden, activation, loss, 0.01, 0.02, dtype="float64",
              backend=backend, rng=0)  # fmt: skip
    y = answers(loss)
    trace, (objective, gradients) = net.trace(X, y), net.loss_and_gradients(X, y)
    assert trace["loss"] == pytest.approx(objective, rel=1e-12)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(trace[f"d{name}"], gradient, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(trace["a3"], net.predict(X), rtol=1e-12)


def test_the_trace_names_everything_in_the_order_of_its_making():
    trace = small().trace(X, Y)
    forward = ["x", "w1", "b1", "z1", "a1", "w2", "b2", "z2", "a2", "y", "loss"]
    assert list(trace) == [*forward, "da2", "dz2", "dw2", "db2", "da1", "dz1", "dw1", "db1"]
    assert {name: trace[name].shape for name in ("x", "z1", "a2", "da1", "dw1", "db2")} == {
        "x": (30, 4), "z1": (30, 6), "a2": (30, 3), "da1": (30, 6), "dw1": (4, 6), "db2": (3,),
    }  # fmt: skip
    np.testing.assert_allclose(trace["z1"], trace["x"] @ trace["w1"] + trace["b1"], atol=1e-5)
    np.testing.assert_allclose(trace["db2"], trace["dz2"].sum(axis=0), atol=1e-5)
    assert "z1" in repr(trace)
    with pytest.raises(KeyError):
        trace["z3"]


def test_the_trace_prints_formulas_and_numbers():
    start = {"w1": [[0.5], [-1.0]], "b1": [0.25]}
    net = MLP((2, 1), (), "sigmoid", "half_squared_error", l2=0.5, weight_init=start)
    text = str(net.trace([1, 2], [1]))
    for line in (
        "z1 = x @ w1 + b1   (1 x 1)",
        "a1 = sigmoid(z1)   (1 x 1)",
        "loss = half_squared_error(a1, y) + penalties = ",
        "da1 = half_squared_error'(a1, y)",
        "dz1 = da1 * sigmoid'(z1)",
        "dw1 = x.T @ dz1 + l2 w1   (2 x 1)",
        "db1 = sum of the rows of dz1",
        "[[-1.25]]",
    ):
        assert line in text
    assert "(a1 - one-hot y) / 30" in str(classifier(layer_sizes=(4, 3)).trace(X, LABELS))


def test_a_single_row_can_be_traced():
    for net, y in ((small(), Y), (classifier(), LABELS)):
        alone, batch = net.trace(X[3], y[3]), net.trace(X[3:4], y[3:4])
        assert list(alone) == list(batch)
        assert all(np.array_equal(alone[name], batch[name]) for name in batch)
        with pytest.raises(TypeError, match=r"Y must .* got NoneType"):
            net.trace(X[3], None)


def test_a_trace_is_a_picture_of_its_moment():
    net = small()
    x, y = X.copy(), Y.copy()
    trace = net.trace(x, y)
    kept = {name: np.array(value) for name, value in trace.items()}
    net.fit(X, Y, epochs=2, optimizer=Adam(0.1))
    x[...] = y[...] = 7
    assert all(np.array_equal(trace[name], kept[name]) for name in trace)
    before = weights(net)
    trace["w1"][...] = 0
    assert same(weights(net), before)


@pytest.mark.parametrize(
    ("output", "y", "error", "message"),
    [
        ("softmax", np.eye(2)[[0] * 30], ValueError, r"Y has shape \(30, 2\), wanted \(30, 3\)"),
        ("softmax", np.full((30, 3), np.nan), ValueError, "Y has nan in row 0, column 0"),
        ("softmax", [3] * 30, IndexError, "Y has 3, wanted 0 to 2"),
        ("softmax", np.zeros((30, 2, 2)), ValueError, "Y has shape"),
        ("sigmoid", [0, 7] * 15, ValueError, "Y has 7; wanted 0 and 1, the two classes"),
        ("tanh", [0, 1] * 15, ValueError, "Y has 0; wanted -1 and 1, the two classes"),
        ("sigmoid", np.zeros((30, 3)), ValueError, r"Y has shape \(30, 3\), wanted \(30, 1\)"),
        ("sigmoid", np.zeros((30, 1, 1)), ValueError, "Y has shape"),
        ("sigmoid", [0] * 29, ValueError, "Y has 29 rows, wanted 30 as X"),
        ("sigmoid", None, TypeError, "Y must be an array of numbers, got NoneType"),
    ],
)
def test_accuracy_refuses_what_is_no_class(output, y, error, message):
    net = MLP([4, 3 if output == "softmax" else 1], (), output, rng=0)
    with pytest.raises(error, match=message):
        net.accuracy(X, y)


def test_rows_without_a_class_are_told():
    x = X.copy()
    x[7, 2] = np.nan
    net = small()
    with pytest.raises(ValueError, match="X leads to NaN in row 7, which has no class"):
        net.predict_class(x)
    with pytest.raises(ValueError, match="X has nan in row 7, column 2"):
        net.accuracy(x, LABELS)
    assert np.isnan(net.predict(x)).any(axis=1).tolist() == [row == 7 for row in range(len(x))]


@pytest.mark.parametrize("name", ["shuffle", "progress", "resume"])
def test_flags_are_true_or_false(name):
    with pytest.raises(TypeError, match=f"{name} must be True or False, got 'yes'"):
        small().fit(X, Y, **{name: "yes"})


def test_accuracy_wants_rows_and_a_class_for_each():
    net = small()
    with pytest.raises(ValueError, match=r"^X has no rows; wanted at least one$"):
        net.accuracy(X[:0], LABELS[:0])
    with pytest.raises(ValueError, match=r"^Y has 2 rows, wanted 3 as X$"):
        net.accuracy(X[:3], LABELS[:2])
