"""Another thread changes every argument of a recurrent kernel: errors, never a crash.

Run under AddressSanitizer by `.ci/run`, which also detects accesses outside of arrays.
"""

import numpy as np
import pytest
from calls import flat, same_bits
from recurrent_networks import SequenceNetwork, TextNetwork
from scribbling import spoiled_after_the_checks, survives

from nncore.arguments import char_rnn as char_rnn_arguments
from nncore.arguments import rnn as rnn_arguments
from nncore.registry import CELLS


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("streams", [1, 3])
def test_stacks_over_text_survive_arguments_that_change(core, cell, streams):
    net = TextNetwork(np.float32, cell, 2, 7, streams)
    inputs, targets = net.ids(streams, 6)
    one, uniforms = net.h[:1].copy(), np.linspace(0, 1, 50)

    def work():
        net.train(core, 30, dropout=0.5)
        net.window(core, inputs, targets)
        core.char_rnn_evaluate(net.weights, net.text, one, **net.stack)
        core.char_rnn_sample(net.weights, one, 0, uniforms, **net.stack, top_k=3)

    arrays = [net.weights, net.gradient, net.slots, net.counters, net.h, one, uniforms]
    survives(work, [*arrays, net.text, inputs, targets])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "huber"])
def test_networks_over_sequences_survive_arguments_that_change(core, cell, last, loss):
    lengths = [1 + n % 5 for n in range(70)]
    net = SequenceNetwork(np.float32, (3, 7, 5, 4), cell, loss=loss, last=last, lengths=lengths)
    net.order = np.zeros(70, np.intp)
    weight, rates, state = np.ones(70, "f4"), np.full(60, 0.01), net.states()

    def work():
        net.train(core, 60, sample_weight=weight, rates=rates, dropout=0.5)
        net.train(core, 60, order=None)
        net.call(core.rnn_gradients, sample_weight=weight)
        net.call(core.rnn_evaluate)
        net.predict(core, state=state)

    arrays = [net.weights, net.gradient, net.slots, net.x, net.starts, net.y, net.order]
    survives(work, [*arrays, net.counters, weight, rates, state])


def test_orders_of_sequences_that_are_given_may_change(core):
    net = SequenceNetwork(np.float32, lengths=[1 + n % 5 for n in range(40)], batch_size=8)
    order = np.tile(np.arange(40), 60)
    survives(lambda: net.train(core, 300, order=order, shuffle=False), [order, net.counters])


# --- the moment between the checks and the computation --------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_a_stack_over_text_uses_the_values_that_were_checked(core, monkeypatch, cell):
    net = TextNetwork(np.float32, cell, 2)
    inputs, targets = net.ids(1, 5)
    expected = net.window(core, inputs, targets)[0]
    spoiled_after_the_checks(monkeypatch, char_rnn_arguments, "window", [inputs, targets])
    assert net.window(core, inputs, targets)[0] == expected
    spoiled_after_the_checks(monkeypatch, char_rnn_arguments, "train", [net.counters])
    assert net.train(core, 3) == 3
    assert net.counters.tolist() == [3, 15]


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "huber"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_training_over_sequences_uses_the_values_that_were_checked(
    core, monkeypatch, last, loss, shuffle
):
    net = SequenceNetwork(np.float32, (3, 5, 4), loss=loss, last=last)
    order = np.arange(7) if shuffle else np.tile(np.arange(7), 4)
    labelled = net.y.dtype.kind == "i"
    integers = [net.starts, net.counters, order, *([net.y] if labelled else [])]
    spoiled_after_the_checks(monkeypatch, rnn_arguments, "train", integers)
    try:
        net.train(core, 10, order=order, shuffle=shuffle)
    except IndexError:
        assert not shuffle or labelled
    else:
        assert net.counters.tolist() == [10, 10, 3, 3]


@pytest.mark.parametrize("name", ["predict", "gradients"])
@pytest.mark.parametrize("last", [True, False])
def test_a_pass_over_sequences_uses_the_starts_that_were_checked(core, monkeypatch, name, last):
    net = SequenceNetwork(np.float32, last=last)
    kernels = {"predict": [net.predict]}
    kernels["gradients"] = [
        lambda module, kernel=kernel: net.call(getattr(module, kernel))
        for kernel in ("rnn_gradients", "rnn_evaluate")
    ]
    starts = net.starts.copy()
    for kernel in kernels[name]:
        net.starts[...] = starts
        expected = flat(kernel(core))
        with monkeypatch.context() as patch:
            spoiled_after_the_checks(patch, rnn_arguments, name, [net.starts])
            assert same_bits(flat(kernel(core)), expected)
        assert net.starts[1] > len(net.x)


@pytest.mark.parametrize("last", [True, False])
def test_labels_of_sequences_are_checked_again_as_they_are_read(core, monkeypatch, last):
    net = SequenceNetwork(np.float32, loss="softmax_cross_entropy", last=last)
    spoiled_after_the_checks(monkeypatch, rnn_arguments, "gradients", [net.y])
    good = net.y.copy()
    for kernel in (core.rnn_gradients, core.rnn_evaluate):
        net.y[...] = good
        with pytest.raises(IndexError, match="y has 9223372036854775807, expected 0 to 1"):
            net.call(kernel)
