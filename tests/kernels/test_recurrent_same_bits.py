"""Recurrent networks give the same bits on AVX2 and AVX-512, alone and in a batch, in one call and
in many, at every run and wherever the arrays lie.
"""

import numpy as np
import pytest
from builds import BOTH_LEVELS, build
from calls import flat, same_bits
from hypothesis import given
from hypothesis import strategies as st
from recurrent_networks import SequenceNetwork, TextNetwork

from nncore.params import aligned_zeros
from nncore.registry import CELLS, LOSSES, OPTIMIZER_SLOTS

EVERY_CELL = pytest.mark.parametrize("cell", CELLS)
BOTH_ENDS = pytest.mark.parametrize("last", [True, False], ids=["last", "sequence"])
SIZES = [(1, 1, 1), (3, 20, 4), (5, 33, 17, 3), (2, 7, 64, 9, 19), (130, 96, 2)]
EVERY_SIZE = pytest.mark.parametrize("sizes", SIZES, ids=str)
some_lengths = st.lists(st.integers(1, 9), min_size=1, max_size=9)
some_sizes = st.lists(st.sampled_from([1, 2, 7, 16, 17, 33, 50]), min_size=3, max_size=5).map(tuple)


def text_results(core, net):
    """Everything that the kernels of a character RNN return and change."""
    window = net.window(core, *net.ids(len(net.h), 6))
    first, uniforms = net.h[:1].copy(), np.linspace(0, 1, 20)
    nats = core.char_rnn_evaluate(net.weights, net.text, first, **net.stack)
    chosen = core.char_rnn_sample(net.weights, first, 1, uniforms, **net.stack, top_p=0.9)
    net.train(core, 25, dropout=0.3, seed=5, clip_value=1.0, clip_norm=2.0)
    assert len(set(net.losses)) == 25
    return flat((window, nats, first, chosen, net.weights, net.slots, net.h, net.losses))


def sequence_results(core, net, place=lambda array: array):
    """Everything that the kernels over vectors return and change, and the weights afterwards."""
    for name in ("weights", "gradient", "slots", "x", "y"):
        setattr(net, name, place(getattr(net, name)))
    state = place(np.full_like(net.states(), 0.1))
    weight = place(np.linspace(0.5, 2, net.sequences).astype(net.weights.dtype))
    net.order = np.zeros(net.sequences, np.intp)
    results = [net.predict(core, state=state), state]
    for kernel in (core.rnn_evaluate, core.rnn_gradients):
        results += flat((net.call(kernel), net.call(kernel, sample_weight=weight)))
    how = {"dropout": 0.3, "seed": 5, "l2": 0.01, "clip_norm": 2.0, "sample_weight": weight}
    assert net.train(core, 20, **how) == 20
    assert len(set(net.losses)) == 20
    return [*results, net.weights, net.slots, net.counters, net.losses]


# --- levels ---------------------------------------------------------------------------------


@BOTH_LEVELS
@EVERY_CELL
@pytest.mark.parametrize(("layers", "hidden"), [(1, 32), (2, 20), (3, 7), (2, 33)])
@pytest.mark.parametrize("streams", [1, 3, 8])
def test_text_gives_the_same_bits_on_avx2_and_avx512(dtype, cell, layers, hidden, streams):
    results = [
        text_results(build(level), TextNetwork(dtype, cell, layers, hidden, streams))
        for level in ("avx2", "avx512")
    ]
    assert same_bits(*results)


@BOTH_LEVELS
@EVERY_CELL
@EVERY_SIZE
@BOTH_ENDS
@pytest.mark.parametrize("loss", ["huber", "softmax_cross_entropy"])
def test_sequences_give_the_same_bits_on_avx2_and_avx512(dtype, cell, sizes, last, loss):
    results = [
        sequence_results(build(level), SequenceNetwork(dtype, sizes, cell, "tanh", loss, last))
        for level in ("avx2", "avx512")
    ]
    assert same_bits(*results)


@BOTH_LEVELS
@EVERY_CELL
@pytest.mark.parametrize("optimizer", OPTIMIZER_SLOTS)
def test_every_optimizer_gives_the_same_bits_on_avx2_and_avx512(dtype, cell, optimizer):
    how = {"sizes": (3, 17, 5, 2), "cell": cell, "optimizer": optimizer}
    results = [
        sequence_results(build(level), SequenceNetwork(dtype, **how))
        for level in ("avx2", "avx512")
    ]
    assert same_bits(*results)


# --- sequences of a batch ---------------------------------------------------------------------


def alone(net, n, state):
    """The arguments of sequence n, without the others."""
    at = slice(*net.starts[n : n + 2])
    return {"x": net.x[at], "starts": np.array([0, at.stop - at.start]), "state": state}


def assert_sequences_do_not_know_each_other(core, net):
    before = np.random.default_rng(3).normal(0, 0.5, net.states().shape).astype(net.x.dtype)
    states, alone_states = before.copy(), before.copy()
    outputs = net.predict(core, state=states)
    parts = [
        net.predict(core, **alone(net, n, alone_states[n : n + 1])) for n in range(net.sequences)
    ]
    assert same_bits([outputs, states], [np.concatenate(parts), alone_states])


@EVERY_CELL
@BOTH_ENDS
@given(sizes=some_sizes, lengths=some_lengths)
def test_ragged_sequences_get_the_bits_they_get_alone(core, dtype, cell, last, sizes, lengths):
    net = SequenceNetwork(dtype, sizes, cell, "sigmoid", last=last, lengths=lengths)
    assert_sequences_do_not_know_each_other(core, net)


MANY = {
    "more than are predicted at once": [1 + n % 4 for n in range(150)],
    "a long one between others": [2, 3000, 1, 2500, 7],
}


@EVERY_CELL
@BOTH_ENDS
@pytest.mark.parametrize("kind", MANY)
def test_many_sequences_get_the_bits_they_get_alone(core, dtype, cell, last, kind):
    net = SequenceNetwork(dtype, (3, 18, 9, 2), cell, last=last, lengths=MANY[kind])
    assert_sequences_do_not_know_each_other(core, net)


# So many sequences and so wide layers that steps read copies of whh, until few sequences are left.
WIDE = {"sizes": (3, 150, 520, 2), "lengths": [1 + n % 4 for n in range(100)]}


@EVERY_CELL
def test_sequences_in_wide_layers_get_the_bits_they_get_alone(core, dtype, cell):
    assert_sequences_do_not_know_each_other(core, SequenceNetwork(dtype, cell=cell, **WIDE))


@EVERY_CELL
@BOTH_ENDS
def test_gradients_in_wide_layers_are_those_of_the_only_weighted_sequence(core, dtype, cell, last):
    net = SequenceNetwork(dtype, cell=cell, last=last, **WIDE)
    for n in (0, 51, 99):
        at = slice(n, n + 1) if last else slice(*net.starts[n : n + 2])
        one = {**alone(net, n, None), "y": net.y[at]}
        del one["state"]
        weight = np.zeros(net.sequences, dtype)
        weight[n] = 1
        gradient = net.call(core.rnn_gradients, sample_weight=weight)[1]
        np.testing.assert_array_equal(gradient, net.call(core.rnn_gradients, **one)[1])
        assert np.any(gradient)


@EVERY_CELL
@BOTH_ENDS
@pytest.mark.parametrize("loss", ["huber", "softmax_cross_entropy"])
def test_the_loss_of_one_sequence_is_that_in_a_batch_of_one(core, dtype, cell, last, loss):
    net = SequenceNetwork(dtype, (3, 17, 5, 3), cell, loss=loss, last=last, batch_size=1)
    assert net.train(core, net.sequences, rates=np.zeros(net.sequences)) == net.sequences
    for n in range(net.sequences):
        at = slice(n, n + 1) if last else slice(*net.starts[n : n + 2])
        given_ = {**alone(net, n, None), "y": net.y[at]}
        del given_["state"]
        assert net.call(core.rnn_evaluate, **given_)[0] == net.losses[n]


@EVERY_CELL
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_streams_of_text_get_the_bits_they_get_alone(core, dtype, cell, layers):
    net = TextNetwork(dtype, cell, layers, 18, streams=5)
    inputs, targets = net.ids(5, 7)
    last = net.window(core, inputs, targets)[2]
    for n in range(5):
        one = slice(n, n + 1)
        assert same_bits(
            [net.window(core, inputs[one], targets[one], net.h[one])[2]], [last[one].copy()]
        )


@EVERY_CELL
@given(sizes=some_sizes, lengths=some_lengths, loss=st.sampled_from(LOSSES), last=st.booleans())
def test_evaluation_has_the_bits_of_the_gradients_loss(
    core, dtype, cell, sizes, lengths, loss, last
):
    net = SequenceNetwork(dtype, sizes, cell, "sigmoid", loss, last, lengths)
    weight = np.linspace(0.5, 2, net.sequences).astype(dtype)
    for given_ in (None, weight):
        one, other = (
            net.call(kernel, sample_weight=given_)[0]
            for kernel in (core.rnn_evaluate, core.rnn_gradients)
        )
        assert same_bits([np.float64(one)], [np.float64(other)])


# --- runs and places ----------------------------------------------------------------------------


RUNS = {
    "in order": {},
    "a sequence at a time": {"batch_size": 1, "shuffled": True},
    "everything": {
        "batch_size": 4, "shuffled": True, "dropout": 0.3, "seed": 9, "l2": 0.1, "clip_norm": 0.5,
        "clip_value": 0.1,
    },
}  # fmt: skip


@EVERY_CELL
@BOTH_ENDS
@pytest.mark.parametrize("kind", RUNS)
def test_one_call_has_the_bits_of_many(core, dtype, cell, last, kind):
    how = dict(RUNS[kind])
    shuffled, results = how.pop("shuffled", False), []
    for parts in ([23], [1, 9, 0, 2, 11]):
        net = SequenceNetwork(dtype, (3, 17, 5, 2), cell, last=last)
        net.order = np.zeros(net.sequences, np.intp) if shuffled else None
        losses = []
        for updates in parts:
            assert net.train(core, updates, **how) == updates
            losses += net.losses.tolist()
        results.append([*net.bytes(), losses, None if net.order is None else net.order.tolist()])
    assert results[0] == results[1]


@EVERY_CELL
@BOTH_ENDS
def test_every_run_gives_the_same_bits_wherever_the_arrays_lie(core, dtype, cell, last):
    def results(offset):
        def place(array):
            if array.dtype != dtype:
                return array.copy()
            room = aligned_zeros(array.size + offset, dtype)[offset:].reshape(array.shape)
            room[...] = array
            return room

        net = SequenceNetwork(dtype, (3, 17, 5, 2), cell, last=last)
        return sequence_results(core, net, place)

    first = results(0)
    assert all(same_bits(first, results(offset)) for offset in (0, 1, 3, 8))
