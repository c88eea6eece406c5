"""Character RNNs of every cell and depth, as kernels."""

import numpy as np
import pytest
from backends import EVERY_BACKEND, assert_gradient
from char_rnn_networks import V
from recurrent_formulas import outputs_of
from recurrent_networks import TextNetwork

from nncore.params import views
from nncore.reference.hashing import dropout_scale
from nncore.registry import CELLS

EVERY_CELL = pytest.mark.parametrize("cell", CELLS)
EVERY_DEPTH = pytest.mark.parametrize("layers", [1, 2, 3])
F8 = np.float64
TOLERANCE = {np.float32: 2e-4, np.float64: 1e-10}


def cross_entropy(logits, targets):
    logits = logits - logits.max(axis=1, keepdims=True)
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return -logs[np.arange(len(targets)), targets].sum()


def by_formula(net, inputs, targets, masks=None):
    """Loss and states of a window, stream by stream."""
    w, losses, states = views(net.weights.astype(F8), net.shapes), [], []
    for n, ids in enumerate(inputs):
        own = None if masks is None else [mask[:, n] for mask in masks]
        logits, last = outputs_of(net.stack["cell"], w, np.eye(V)[ids], net.h[n].astype(F8), own)
        losses.append(cross_entropy(logits, targets[n]))
        states.append(last)
    return np.mean(losses), np.array(states)


@EVERY_BACKEND
@EVERY_CELL
@EVERY_DEPTH
@pytest.mark.parametrize("streams", [1, 3])
def test_a_window_is_its_formula(module, dtype, cell, layers, streams):
    net = TextNetwork(dtype, cell, layers, streams=streams)
    inputs, targets = net.ids(streams, 7)
    before = net.bytes()
    loss, gradient, last = net.window(module, inputs, targets)
    expected, states = by_formula(net, inputs, targets)
    np.testing.assert_allclose(loss, expected, rtol=TOLERANCE[dtype])
    np.testing.assert_allclose(last, states, rtol=0, atol=TOLERANCE[dtype])
    assert gradient.dtype == last.dtype == dtype
    assert net.bytes() == before


@EVERY_BACKEND
@EVERY_CELL
@EVERY_DEPTH
def test_the_gradient_of_a_window_is_that_of_its_loss(module, cell, layers):
    net = TextNetwork(F8, cell, layers, hidden=3, streams=2)
    inputs, targets = net.ids(2, 4)
    _, gradient, _ = net.window(module, inputs, targets)
    parts = views(gradient, net.shapes)
    for name, view in views(net.weights, net.shapes).items():
        assert_gradient(parts[name], lambda: net.window(module, inputs, targets)[0], view)


@EVERY_BACKEND
def test_gaps_between_parameters_have_no_gradient(module, dtype):
    for cell in CELLS:
        net = TextNetwork(dtype, cell, 3)
        gradient = net.window(module, *net.ids(1, 6))[1]
        for view in views(gradient, net.shapes).values():
            view[...] = 0
        assert not gradient.any()


@EVERY_BACKEND
@pytest.mark.parametrize("streams", [1, 3])
def test_a_window_of_one_tanh_layer_has_the_bits_of_char_rnn_gradients(module, dtype, streams):
    net = TextNetwork(dtype, "tanh", 1, hidden=18, streams=streams)
    inputs, targets = net.ids(streams, 7)
    loss, gradient, last = net.window(module, inputs, targets)
    parameters = views(net.weights, net.shapes)
    expected = module.char_rnn_gradients(inputs, targets, net.h, **parameters)
    assert loss == expected[0]
    assert last.tobytes() == expected[2].tobytes()
    for name, view in views(gradient, net.shapes).items():
        assert view.tobytes() == expected[1][name].tobytes()


@EVERY_BACKEND
@EVERY_CELL
def test_a_window_of_no_steps_is_empty(module, dtype, cell):
    net = TextNetwork(dtype, cell, 2, streams=3)
    none = np.zeros((3, 0), int)
    loss, gradient, last = net.window(module, none, none)
    assert loss == 0
    assert not gradient.any()
    np.testing.assert_array_equal(last, net.h)


# --- training -----------------------------------------------------------------------------


def by_hand(module, net, iterations, limit):
    """The same run as separate steps: windows, clipping, Adam."""
    steps, streams = net.settings["seq_length"], len(net.h)
    lines = net.text[: len(net.text) // streams * streams].reshape(streams, -1).astype(int)
    at, losses, h = 0, [], net.h
    for i in range(iterations):
        if at + steps + 1 >= lines.shape[1]:
            at, h = 0, np.zeros_like(h)
        ids, following = lines[:, at : at + steps], lines[:, at + 1 : at + steps + 1]
        loss, gradient, h = net.window(module, ids, following, h)
        module.clip_by_norm(gradient, limit)
        module.adam_update(
            net.weights, gradient, *net.slots, step=i + 1, learning_rate=0.01, beta1=0.9,
            beta2=0.99, epsilon=1e-8,
        )  # fmt: skip
        losses.append(loss)
        at += steps
    return losses, h, at


@EVERY_BACKEND
@EVERY_CELL
@pytest.mark.parametrize(("layers", "streams"), [(1, 1), (2, 1), (2, 4), (3, 2)])
def test_training_equals_its_parts_one_after_the_other(module, dtype, cell, layers, streams):
    net, parts = (TextNetwork(dtype, cell, layers, streams=streams) for _ in range(2))
    assert net.train(module, 30, clip_norm=0.5) == 30
    losses, h, at = by_hand(module, parts, 30, 0.5)
    tolerance = TOLERANCE[dtype]
    np.testing.assert_allclose(net.losses, losses, rtol=tolerance)
    np.testing.assert_allclose(net.h, h, rtol=0, atol=tolerance)
    np.testing.assert_allclose(net.weights, parts.weights, rtol=0, atol=tolerance)
    assert net.counters.tolist() == [30, at]


@EVERY_BACKEND
@EVERY_CELL
def test_a_run_may_be_divided_anywhere(module, dtype, cell):
    whole, cut = TextNetwork(dtype, cell, 2), TextNetwork(dtype, cell, 2)
    whole.train(module, 40, dropout=0.3, seed=5)
    for n in (1, 13, 0, 26):
        assert cut.train(module, n, dropout=0.3, seed=5) == n
    assert cut.bytes() == whole.bytes()


@EVERY_BACKEND
@EVERY_CELL
def test_training_learns_a_text_by_heart(module, dtype, cell):
    net = TextNetwork(dtype, cell, 2, hidden=12)
    net.text = (np.arange(100) * 7 % 13 % V).astype(np.uint8)
    net.train(module, 300, rates=np.full(300, 0.03), losses=(losses := np.zeros(300)))
    assert losses[-1] < 0.1 * losses[0]


@EVERY_BACKEND
@EVERY_CELL
def test_a_loss_that_is_not_finite_ends_the_run_before_its_update(module, dtype, cell):
    net, control = (TextNetwork(dtype, cell, 2, optimizer="sgd") for _ in range(2))
    rates = np.array([0.02, 0.02, np.inf, 0.02, 0.02])
    done = net.train(module, 5, rates=rates)
    assert done == 3
    control.train(module, 3, rates=rates[:3])
    assert np.isnan(net.losses[3])
    assert net.losses[4] == -1
    assert net.bytes() == control.bytes()


@EVERY_BACKEND
@EVERY_CELL
@pytest.mark.parametrize("streams", [1, 3])
def test_dropout_is_the_mask_of_the_hash_between_the_layers(module, dtype, cell, streams):
    net = TextNetwork(dtype, cell, 3, streams=streams)
    net.counters[0] = 17
    steps, seed, rate = 5, 2**64 - 3, 0.4
    lines = net.text[: len(net.text) // streams * streams].reshape(streams, -1).astype(int)
    masks = [
        dropout_scale(seed, 17, i, (steps * streams, 5), rate, np.dtype(F8))
        .reshape(steps, streams, 5)
        for i in range(2)
    ]  # fmt: skip
    expected, states = by_formula(net, lines[:, :steps], lines[:, 1 : steps + 1], masks)
    net.train(module, 1, dropout=rate, seed=seed, rates=np.zeros(1))
    np.testing.assert_allclose(net.losses[0], expected, rtol=TOLERANCE[dtype])
    np.testing.assert_allclose(net.h, states, rtol=0, atol=TOLERANCE[dtype])


@EVERY_BACKEND
@EVERY_CELL
def test_the_gradient_with_dropout_is_that_of_its_loss(module, cell):
    net = TextNetwork(F8, cell, 3, hidden=3, streams=2, optimizer="sgd")
    before = net.bytes()
    start, h = net.weights.copy(), net.h.copy()

    def loss():
        net.counters[...], net.h[...] = 0, h
        net.train(module, 1, dropout=0.4, seed=3, rates=np.zeros(1))
        return net.losses[0]

    loss()
    parts = views(net.gradient.copy(), net.shapes)
    for name, view in views(net.weights, net.shapes).items():
        assert_gradient(parts[name], loss, view)
    np.testing.assert_array_equal(net.weights, start)
    assert net.bytes() != before  # the states are those after the window


@EVERY_BACKEND
def test_one_layer_has_no_dropout(module, dtype):
    nets = [TextNetwork(dtype, "gru", 1) for _ in range(2)]
    nets[0].train(module, 9)
    nets[1].train(module, 9, dropout=0.9, seed=1)
    assert nets[0].bytes() == nets[1].bytes()


# --- evaluation and sampling ----------------------------------------------------------------


@EVERY_BACKEND
@EVERY_CELL
@EVERY_DEPTH
@pytest.mark.parametrize("length", [0, 1, 2, 64, 65, 66, 103])
def test_evaluation_is_the_loss_over_the_text(module, cell, layers, length):
    net = TextNetwork(F8, cell, layers)
    text, state = net.text[:length], net.h.copy()
    nats = module.char_rnn_evaluate(net.weights, text, state, **net.stack)
    ids = text.astype(int)[None]
    loss, _, last = net.window(module, ids[:, :-1], ids[:, 1:])
    np.testing.assert_allclose(nats, loss, rtol=1e-11)
    np.testing.assert_allclose(state, last, rtol=1e-9, atol=1e-12)


@EVERY_BACKEND
@EVERY_CELL
@EVERY_DEPTH
def test_drawn_ids_are_the_inputs_of_the_next_steps(module, cell, layers):
    net = TextNetwork(F8, cell, layers)
    state, uniforms = net.h.copy(), np.random.default_rng(1).random(30)
    ids = module.char_rnn_sample(net.weights, state, 3, uniforms, **net.stack)
    w = views(net.weights, net.shapes)
    inputs = np.eye(V)[[3, *ids[:-1]]]
    logits, last = outputs_of(cell, w, inputs, net.h[0])
    cumulated = np.cumsum(np.exp(logits), axis=1)
    expected = [
        np.searchsorted(row, u * row[-1]) for row, u in zip(cumulated, uniforms, strict=True)
    ]
    assert ids.tolist() == expected
    np.testing.assert_allclose(state[0], last, rtol=1e-9, atol=1e-12)


# --- refusals -------------------------------------------------------------------------------

STATES = np.zeros((1, 20))
BAD_STACKS = {
    "unknown cell": ({"cell": "mgu"}, ValueError, "cell must be one of 'tanh', 'lstm', 'gru', got"),
    "no cell": ({"cell": None}, ValueError, "cell must be one of"),
    "no layers": ({"layers": 0}, ValueError, "layers must be from 1 to 16, got 0"),
    "too many layers": ({"layers": 17}, ValueError, "layers must be from 1 to 16, got 17"),
    "half a layer": ({"layers": 1.5}, TypeError, "layers must be an integer, got float"),
    "another depth": ({"layers": 1}, ValueError, "weights must be"),
    "another cell": ({"cell": "tanh"}, ValueError, "weights must be"),
    "states that cannot be divided": (
        {"layers": 3},
        ValueError,
        r"h has shape \(1, 20\), expected \(N, 6H\) for 3 layers of 'lstm'",
    ),
    "flat states": ({"h": STATES[0]}, ValueError, r"h has shape \(20,\), expected \(N, 4H\) with"),
    "states of another type": ({"h": STATES.astype("f4")}, ValueError, "weights must be a C-order"),
}
BAD_DROPOUT = {
    "all dropped": ({"dropout": 1.0}, ValueError, r"dropout must be in \[0, 1\), got 1.0"),
    "dropout below 0": ({"dropout": -0.1}, ValueError, r"dropout must be in \[0, 1\), got -0.1"),
    "dropout of NaN": ({"dropout": np.nan}, ValueError, r"dropout must be in \[0, 1\), got nan"),
    "rates of each layer": ({"dropout": (0.1,)}, TypeError, "dropout must be a number, got tuple"),
    "a seed below 0": ({"seed": -1}, ValueError, "seed must be in"),
    "a long seed": ({"seed": 2**64}, ValueError, "seed must be in"),
    "half a seed": ({"seed": 0.5}, TypeError, "seed must be an integer, got float"),
}


def refused(net, call, error, text):
    before = net.bytes()
    with pytest.raises(error, match=f"^{text}"):
        call()
    assert net.bytes() == before


@EVERY_BACKEND
@pytest.mark.parametrize("kind", BAD_STACKS)
def test_all_kernels_refuse_bad_stacks(module, kind):
    changes, error, text = BAD_STACKS[kind]
    net = TextNetwork(F8)
    arrays = {"weights": net.weights, "h": net.h}
    ids = net.text.astype(int)[None]
    calls = {
        module.char_rnn_evaluate: {**arrays, "text": net.text, **net.stack},
        module.char_rnn_sample: {**arrays, "last": 0, "uniforms": np.ones(2) / 2, **net.stack},
        module.char_rnn_window: {**arrays, "inputs": ids, "targets": ids, **net.stack},
    }
    for kernel, arguments in calls.items():
        refused(net, lambda k=kernel, a=arguments: k(**{**a, **changes}), error, text)
    refused(net, lambda: net.train(module, 3, **changes), error, text)


@EVERY_BACKEND
@pytest.mark.parametrize("kind", BAD_DROPOUT)
def test_training_refuses_bad_dropout(module, kind):
    changes, error, text = BAD_DROPOUT[kind]
    net = TextNetwork(F8)
    refused(net, lambda: net.train(module, 3, **changes), error, text)
    assert (net.losses == -1).all()


GOOD = np.array([[0, 1, 2]])
BAD_IDS = {
    "an id below 0": (np.array([[0, -1, 2]]), IndexError, "has -1, expected 0 to 10"),
    "an unknown id": (np.array([[0, V, 2]]), IndexError, "has 11, expected 0 to 10"),
    "floats": (np.zeros((1, 3)), TypeError, "must be a NumPy array of integers, got array of"),
    "a list": ([[0, 1, 2]], TypeError, "must be a NumPy array of integers, got list"),
    "flat ids": (
        np.array([0, 1, 2]),
        ValueError,
        r"has shape \(3,\), expected \(N, T\) with N = 1",
    ),
    "more streams": (np.zeros((2, 3), int), ValueError, r"has shape \(2, 3\), expected \(N, T\)"),
    "more steps": (np.zeros((1, 4), int), ValueError, "has [34] steps, expected [34], as many as"),
}


@EVERY_BACKEND
@pytest.mark.parametrize("kind", BAD_IDS)
@pytest.mark.parametrize("name", ["inputs", "targets"])
def test_windows_refuse_bad_ids(module, kind, name):
    bad, error, text = BAD_IDS[kind]
    net = TextNetwork(F8)
    ids = {"inputs": GOOD, "targets": GOOD, name: bad}
    name = "targets" if kind == "more steps" else name
    refused(net, lambda: net.window(module, **ids), error, f"{name} {text}")


@EVERY_BACKEND
def test_a_window_reads_read_only_arrays(module, dtype):
    net = TextNetwork(dtype)
    inputs, targets = net.ids(1, 4)
    for array in (net.weights, net.h, inputs, targets):
        array.setflags(write=False)
    assert np.isfinite(net.window(module, inputs, targets)[0])
