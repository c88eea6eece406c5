"""Subnormal numbers, NaN and infinities in recurrent networks."""

import numpy as np
import pytest
from calls import same_bits
from char_rnn_networks import V
from recurrent_networks import SequenceNetwork, TextNetwork
from scribbling import spoiled_after_the_checks
from subnormals import TINY, kept

from nncore.arguments import rnn as rnn_arguments
from nncore.params import views
from nncore.registry import CELLS

EVERY_CELL = pytest.mark.parametrize("cell", CELLS)
BOTH_ENDS = pytest.mark.parametrize("last", [True, False], ids=["last", "sequence"])


def large(dtype, cell, last):
    """A network with large weights, for which a subnormal input would matter."""
    net = SequenceNetwork(dtype, cell=cell, last=last)
    net.x[...], net.y[...] = TINY[dtype], 0
    for name, array in views(net.weights, net.shapes).items():
        array[...] = 0 if name[0] == "b" else (1e30 if dtype is np.float32 else 1e300)
    return net


@EVERY_CELL
@BOTH_ENDS
def test_sequences_of_subnormals_are_sequences_of_0(core, dtype, cell, last):
    net = large(dtype, cell, last)
    assert (net.predict(core) == 0).all()
    loss, gradient = net.call(core.rnn_gradients)
    assert loss == 0
    assert (gradient == 0).all()
    assert net.call(core.rnn_evaluate)[0] == 0
    before = net.weights.tobytes()
    assert net.train(core, 5, rates=np.zeros(5)) == 5
    assert (net.losses == 0).all()
    assert net.weights.tobytes() == before
    assert kept(dtype)


@EVERY_CELL
def test_the_processor_is_as_before_when_a_recurrent_kernel_raises(core, dtype, cell, monkeypatch):
    net = SequenceNetwork(dtype, cell=cell, loss="softmax_cross_entropy")
    spoiled_after_the_checks(monkeypatch, rnn_arguments, "train", [net.y])
    with pytest.raises(IndexError, match="y has"):
        net.train(core, 6)
    assert kept(dtype)
    text = TextNetwork(dtype, cell)
    with pytest.raises(IndexError, match="text has"):
        text.train(core, 3, text=text.text + np.uint8(V))
    assert kept(dtype)


@EVERY_CELL
@BOTH_ENDS
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_special_inputs_stay_in_their_sequence(core, dtype, cell, last, value):
    net = SequenceNetwork(dtype, cell=cell, last=last)
    expected, bad = net.predict(core), 3
    net.x[net.starts[bad], 0] = value
    outputs = net.predict(core)
    own = slice(bad, bad + 1) if last else slice(*net.starts[bad : bad + 2])
    others = [np.delete(a, np.r_[own], axis=0) for a in (outputs, expected)]
    assert same_bits(others[:1], others[1:])
    assert np.isnan(outputs[own]).all() == np.isnan(value)


@EVERY_CELL
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_weight_that_is_not_finite_stops_training_before_its_first_update(
    core, dtype, cell, value
):
    for net in (SequenceNetwork(dtype, cell=cell), TextNetwork(dtype, cell)):
        views(net.weights, net.shapes)["why"][...] = value
        before = net.bytes()
        assert net.train(core, 3) == 0
        assert net.bytes() == before
        assert not np.isfinite(net.losses[0])
