"""The kernels that run a whole character RNN: training, evaluation, sampling."""

import numpy as np
import pytest
from char_rnn_networks import Network, V
from hypothesis import given
from hypothesis import strategies as st

from nncore import reference
from nncore.arguments.arrays import OPTIMIZER_SLOTS
from nncore.params import char_rnn_shapes, views

# --- training -----------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZER_SLOTS)
@pytest.mark.parametrize("clip_value", [0, 0.02])
@pytest.mark.parametrize("clip_norm", [0, 0.1])
@pytest.mark.parametrize("streams", [1, 3])
def test_training_agrees_with_reference(core, dtype, optimizer, clip_value, clip_norm, streams):
    nets = [Network(dtype, 7, streams, optimizer) for _ in range(2)]
    for net, module in zip(nets, (core, reference), strict=True):
        assert net.train(module, 30, clip_value=clip_value, clip_norm=clip_norm) == 30
    tolerance = 1e-9 if dtype == np.float64 else 2e-3
    np.testing.assert_allclose(nets[0].losses, nets[1].losses, rtol=tolerance)
    for array, expected in zip(nets[0].state(), nets[1].state(), strict=True):
        np.testing.assert_allclose(array, expected, rtol=tolerance, atol=tolerance)


def by_hand(core, net, iterations, limit):
    """The same run as separate steps: windows, gradients, clipping, Adagrad."""
    shapes = char_rnn_shapes(V, net.h.shape[1])
    steps, streams = net.settings["seq_length"], len(net.h)
    lines = net.text[: len(net.text) // streams * streams].reshape(streams, -1).astype(int)
    at, losses, h = 0, [], net.h
    for _ in range(iterations):
        if at + steps + 1 >= lines.shape[1]:
            at, h = 0, np.zeros_like(h)
        parameters = views(net.weights, shapes)
        ids, targets = lines[:, at : at + steps], lines[:, at + 1 : at + steps + 1]
        loss, gradients, h = core.char_rnn_gradients(ids, targets, h, **parameters)
        for name, gradient in gradients.items():
            core.clip_by_value(gradient, limit)
            slot = views(net.slots[0], shapes)[name]
            core.adagrad_update(parameters[name], gradient, slot, learning_rate=0.02)
        losses.append(loss)
        at += steps
    return losses, h, at


@pytest.mark.parametrize("streams", [1, 2, 5])
@pytest.mark.parametrize("hidden", [7, 16])
def test_training_equals_its_parts_one_after_the_other(core, dtype, streams, hidden):
    net, parts = Network(dtype, hidden, streams), Network(dtype, hidden, streams)
    net.train(core, 45, clip_value=0.05)
    losses, h, at = by_hand(core, parts, 45, 0.05)
    np.testing.assert_array_equal(net.losses, losses)
    np.testing.assert_array_equal(net.h, h)
    assert list(net.counters) == [45, at]
    assert net.weights.tobytes() == parts.weights.tobytes()


def test_a_run_may_be_divided_anywhere(core, dtype):
    whole, cut = Network(dtype, optimizer="adamw"), Network(dtype, optimizer="adamw")
    whole.train(core, 40)
    for n in (1, 13, 0, 26):
        assert cut.train(core, n) == n
    assert cut.bytes() == whole.bytes()


def test_wide_ids_train_like_narrow_ones(core, dtype):
    narrow, wide = Network(dtype), Network(dtype)
    wide.text = wide.text.astype(np.uint16)
    for net in (narrow, wide):
        net.train(core, 25)
    assert narrow.bytes() == wide.bytes()


def test_gaps_between_parameters_stay_zero(core, dtype):
    for optimizer in OPTIMIZER_SLOTS:
        net = Network(dtype, 5, optimizer=optimizer)
        net.train(core, 10, clip_norm=1.0)
        for vector in (net.weights, net.gradient, *net.slots):
            gaps = vector.copy()
            for view in views(gaps, char_rnn_shapes(V, 5)).values():
                view[...] = 0
            assert not gaps.any()


@pytest.mark.parametrize("backend", ["core", "reference"])
def test_a_loss_that_is_not_finite_ends_the_run_before_its_update(core, dtype, backend):
    module = core if backend == "core" else reference
    net, control = Network(dtype, optimizer="sgd"), Network(dtype, optimizer="sgd")
    rates = np.array([0.02, 0.02, np.inf, 0.02, 0.02])
    assert net.train(module, 5, rates=rates) == 3
    control.train(module, 3, rates=rates[:3])
    assert np.isnan(net.losses[3])
    assert net.losses[4] == -1
    assert net.bytes() == control.bytes()


@pytest.mark.parametrize("backend", ["core", "reference"])
def test_an_unknown_id_stops_the_run_at_the_step_before(core, dtype, backend):
    module = core if backend == "core" else reference
    text = np.arange(60, dtype=np.uint8) % V
    text[33] = V
    net, control = Network(dtype, text=text), Network(dtype, text=text)
    with pytest.raises(IndexError, match=r"^text has id 11, expected 0 to 10$"):
        net.train(module, 20)
    assert control.train(module, 6) == 6
    assert net.bytes() == control.bytes()


@pytest.mark.parametrize("position", [97, 98, 102, 103, 10**6, 2**62, 2**63 - 1])
def test_a_position_behind_the_text_starts_over(core, dtype, position):
    net, fresh = Network(dtype), Network(dtype)
    net.counters[1], fresh.h[...] = position, 0
    for network in (net, fresh):
        network.train(core, 1)
    assert net.bytes() == fresh.bytes()


# --- evaluation and sampling ----------------------------------------------------------------


@given(
    length=st.integers(0, 140),
    vocabulary=st.sampled_from([V, 16, 17, 50]),
    hidden=st.integers(1, 20),
    seed=st.integers(0, 9),
)
def test_evaluation_is_the_loss_over_the_text(core, length, vocabulary, hidden, seed):
    net = Network(np.float64, hidden, seed=seed, vocabulary=vocabulary)
    text = np.random.default_rng(seed).integers(0, vocabulary, length).astype(np.uint8)
    state = net.h.copy()
    nats = core.char_rnn_evaluate(net.weights, text, state, vocabulary=vocabulary)
    parameters = views(net.weights, char_rnn_shapes(vocabulary, hidden))
    loss, _, last = core.char_rnn_gradients(text[:-1], text[1:], net.h[0], **parameters)
    np.testing.assert_allclose(nats, loss, rtol=1e-12)
    np.testing.assert_allclose(state[0], last, rtol=1e-12)
    again = net.h.copy()
    np.testing.assert_allclose(
        reference.char_rnn_evaluate(net.weights, text, again, vocabulary=vocabulary),
        loss,
        rtol=1e-12,
    )


CHOICES = [{}, {"temperature": 0.3}, {"temperature": 3}, {"top_k": 1}, {"top_k": 4}, {"top_k": 99}]
CHOICES += [{"top_p": 0.01}, {"top_p": 0.6}, {"top_p": 1}, {"top_k": 2**70}]
CHOICES += [{"temperature": 0}, {"temperature": 0.5, "top_k": 5, "top_p": 0.8}]


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_sampling_agrees_with_reference(core, choice):
    net = Network(np.float64)
    uniforms = np.random.default_rng(1).random(200)
    states = [net.h.copy() for _ in range(2)]
    ids = [
        module.char_rnn_sample(net.weights, state, 3, uniforms, vocabulary=V, **choice)
        for module, state in zip((core, reference), states, strict=True)
    ]
    np.testing.assert_array_equal(*ids)
    np.testing.assert_allclose(*states, rtol=1e-9)


def first_draws(core, net, uniforms, **choice):
    """The first ids that a new network draws by these uniform numbers."""
    return np.array([
        core.char_rnn_sample(net.weights, net.h.copy(), 3, np.array([u]), vocabulary=V, **choice)[0]
        for u in uniforms
    ])  # fmt: skip


def next_probabilities(core, net):
    w = views(net.weights, char_rnn_shapes(V, net.h.shape[1]))
    h = core.rnn_step_forward(w["wxh"][3:4], net.h, w["whh"], w["bh"])
    return core.softmax_forward(core.linear_forward(h, w["why"], w["by"]))[0]


def test_uniform_numbers_draw_by_probability(core, dtype):
    net, n = Network(dtype), 2000
    counts = np.bincount(first_draws(core, net, (np.arange(n) + 0.5) / n), minlength=V)
    np.testing.assert_allclose(counts / n, next_probabilities(core, net), atol=1.5 / n)


def test_only_the_most_likely_characters_are_drawn(core, dtype):
    net = Network(dtype)
    order = np.argsort(-next_probabilities(core, net))
    uniforms = np.linspace(0, 0.999, 100)
    held = np.cumsum(next_probabilities(core, net)[order])
    assert set(first_draws(core, net, uniforms, top_k=3)) == set(order[:3])
    assert set(first_draws(core, net, uniforms, top_p=float(held[3]) - 1e-4)) == set(order[:4])
    assert set(first_draws(core, net, uniforms, temperature=0)) == {order[0]}


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_a_network_with_nan_weights_still_draws_valid_ids(core, dtype, number, choice):
    """With NaN, any ids may be drawn."""
    net = Network(dtype)
    views(net.weights, char_rnn_shapes(V, 7))["by"][4:6] = number
    ids = [
        module.char_rnn_sample(
            net.weights, net.h.copy(), 0, np.linspace(0, 1, 9), vocabulary=V, **choice
        )
        for module in (core, reference)
    ]
    assert all((drawn >= 0).all() and (drawn < V).all() for drawn in ids)
    if not np.isnan(number):
        np.testing.assert_array_equal(*ids)


@pytest.mark.parametrize("place", [0, 1, V - 1])
@pytest.mark.parametrize(
    "drawing", [{}, {"temperature": 0.0}, {"top_k": 3}, {"top_p": 0.5}], ids=repr
)
def test_with_non_finite_weights_both_implementations_draw_the_same_ids(
    core, dtype, place, drawing
):
    drawn = []
    for module in (core, reference):
        net = Network(dtype)
        views(net.weights, char_rnn_shapes(V, 7))["by"][place] = np.nan
        uniforms = np.linspace(0, 0.999, 40)
        ids = module.char_rnn_sample(net.weights, net.h, 0, uniforms, vocabulary=V, **drawing)
        drawn.append(ids.tolist())
    assert drawn[0] == drawn[1]
