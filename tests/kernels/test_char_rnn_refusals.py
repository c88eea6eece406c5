"""Invalid arguments of the kernels of a whole character RNN: errors, and nothing changes."""

import numpy as np
import pytest
from calls import shaped
from char_rnn_networks import Network, V

from nncore import reference
from nncore.arguments.arrays import UpdateRule

P = Network(np.float32).weights.size


BAD_TRAINING = {
    "weights of another dtype": (
        {"weights": shaped(P, dtype=np.float64)},
        ValueError,
        "weights must",
    ),
    "short weights": ({"weights": shaped(P - 1)}, ValueError, f"shape \\({P},\\), got .*{P - 1}"),
    "weights with an axis more": ({"weights": shaped(1, P)}, ValueError, "weights must be a"),
    "strided weights": ({"weights": shaped(2 * P)[::2]}, ValueError, "weights must be a C-ordered"),
    "no weights": ({"weights": None}, ValueError, "weights must be .*got NoneType"),
    "masked weights": ({"weights": np.ma.zeros(P, np.float32)}, ValueError, "weights must be a"),
    "short gradient": ({"gradient": shaped(P - 1)}, ValueError, "gradient must be a"),
    "flat slots": ({"slots": shaped(P)}, ValueError, "slots must be .*\\(1, "),
    "slots the other way": ({"slots": shaped(P, 1)}, ValueError, "slots must be .*\\(1, "),
    "too many slots": ({"slots": shaped(2, P)}, ValueError, "slots must be .*\\(1, "),
    "text of int64": (
        {"text": shaped(50, dtype=np.int64)},
        TypeError,
        "text must be an array of uint8",
    ),
    "text of lines": ({"text": shaped(5, 10, dtype=np.uint8)}, ValueError, "text must be"),
    "strided text": (
        {"text": shaped(99, dtype=np.uint8)[::2]},
        ValueError,
        "text must be a C-ordered",
    ),
    "swapped text": ({"text": shaped(50, dtype=">u2")}, TypeError, "text must be .*>u2"),
    "text in a list": ({"text": [1, 2, 3]}, TypeError, "text must be .*got list"),
    "short text": ({"text": shaped(5, dtype=np.uint8)}, ValueError, "text has 5 ids; 1 streams"),
    "counters of int32": ({"counters": shaped(2, dtype=np.int32)}, ValueError, "counters must be"),
    "three counters": ({"counters": shaped(3, dtype=np.int64)}, ValueError, "counters must be"),
    "a position below 0": (
        {"counters": np.array([0, -1])},
        ValueError,
        "position -1, expected at least 0",
    ),
    "flat states": ({"h": shaped(7)}, ValueError, "h has shape \\(7,\\), expected \\(N, H\\)"),
    "no streams": ({"h": shaped(0, 7)}, ValueError, "h has shape \\(0, 7\\)"),
    "wide states": ({"h": shaped(1, 8)}, ValueError, "weights must be"),
    "states as a list": ({"h": [[0.0] * 7]}, TypeError, "h must be a NumPy array of float32 or"),
    "rates of float32": ({"rates": shaped(3)}, ValueError, "rates must be"),
    "short rates": ({"rates": shaped(2, dtype=float)}, ValueError, "rates must be .*\\(3,\\)"),
    "losses of lines": ({"losses": shaped(1, 3, dtype=float)}, ValueError, "losses must be"),
    "no vocabulary": ({"vocabulary": 0}, ValueError, "vocabulary must be from 1 to 65536, got 0"),
    "a vast vocabulary": ({"vocabulary": 65537}, ValueError, "vocabulary must be from 1 to 65536"),
    "half a character": (
        {"vocabulary": 10.5},
        TypeError,
        "vocabulary must be an integer, got float",
    ),
    "another vocabulary": ({"vocabulary": V + 9}, ValueError, "weights must be"),
    "no steps": ({"seq_length": 0}, ValueError, "seq_length must be at least 1, got 0"),
    "half a step": ({"seq_length": 2.5}, TypeError, "seq_length must be an integer, got float"),
    "steps beyond the text": ({"seq_length": 2**70}, ValueError, "text has 103 ids"),
    "negative clip": ({"clip_value": -1}, ValueError, "clip_value must be 0 .* got -1"),
    "clip of NaN": ({"clip_norm": np.nan}, ValueError, "clip_norm must be 0 .* got nan"),
    "beta1 of 1": (
        {"optimizer": UpdateRule("adamw", 1.0, 0.99), "slots": shaped(2, P)},
        ValueError,
        "beta1 must be in \\[0, 1\\), got 1.0",
    ),
    "beta2 of 1": (
        {"optimizer": UpdateRule("adam", 0.9, 1.0), "slots": shaped(2, P)},
        ValueError,
        "beta2 must be in \\[0, 1\\), got 1.0",
    ),
    "clip of None": ({"clip_norm": None}, TypeError, "clip_norm must be a number, got NoneType"),
}


@pytest.mark.parametrize("kind", BAD_TRAINING)
def test_training_refuses_bad_arguments(core, kind):
    changes, error, text = BAD_TRAINING[kind]
    messages = []
    for module in (core, reference):
        net = Network(np.float32)
        before = net.bytes()
        with pytest.raises(error, match=text) as raised:
            net.train(module, 3, **changes)
        messages.append(str(raised.value))
        assert net.bytes() == before
        assert (net.losses == -1).all()
    assert messages[0] == messages[1]


@pytest.mark.parametrize("name", ["weights", "gradient", "slots", "counters", "h", "losses"])
def test_training_refuses_to_write_to_read_only_arrays(core, name):
    for module in (core, reference):
        net = Network(np.float32)
        net.losses = np.zeros(3)
        array = getattr(net, name).copy()
        array.setflags(write=False)
        with pytest.raises(ValueError, match=f"^{name} must be a writable, C-ordered array"):
            net.train(module, 3, **{name: array})


def test_training_reads_from_read_only_text_and_rates(core):
    net = Network(np.float32)
    rates = np.full(3, 0.1)
    for array in (net.text, rates):
        array.setflags(write=False)
    assert net.train(core, 3, rates=rates) == 3


def test_unknown_optimizers_are_refused(core):
    for module in (core, reference):
        with pytest.raises(ValueError, match=r"optimizer: kind must be one of .*, got .adamax."):
            Network(np.float32).train(module, 3, optimizer=UpdateRule("adamax"))


BAD_SAMPLING = {
    "two states": ({"h": shaped(2, 7)}, ValueError, "h has shape \\(2, 7\\), expected \\(1, H\\)"),
    "an id below 0": ({"last": -1}, IndexError, "last is -1, expected 0 to 10"),
    "an unknown id": ({"last": V}, IndexError, "last is 11, expected 0 to 10"),
    "half an id": ({"last": 1.5}, TypeError, "last must be an integer, got float"),
    "uniforms of float32": ({"uniforms": shaped(3)}, ValueError, "uniforms must be"),
    "uniforms in a list": ({"uniforms": [0.5]}, ValueError, "uniforms must be .* got list"),
    "temperature below 0": ({"temperature": -1}, ValueError, "temperature must be 0 or a positive"),
    "endless heat": ({"temperature": np.inf}, ValueError, "temperature must be 0 or a positive"),
    "temperature of NaN": ({"temperature": np.nan}, ValueError, "temperature must be 0 or"),
    "temperature of text": (
        {"temperature": "1"},
        TypeError,
        "temperature must be a number, got str",
    ),
    "top_k below 0": ({"top_k": -1}, ValueError, "top_k must be 0"),
    "half of top_k": ({"top_k": 0.5}, TypeError, "top_k must be an integer, got float"),
    "top_p of 0": ({"top_p": 0}, ValueError, "top_p must be above 0 and at most 1, got 0"),
    "top_p above 1": ({"top_p": 1.01}, ValueError, "top_p must be above 0 and at most 1, got 1.01"),
    "top_p of NaN": ({"top_p": np.nan}, ValueError, "top_p must be above 0"),
    "top_p of None": ({"top_p": None}, TypeError, "top_p must be a number, got NoneType"),
}


@pytest.mark.parametrize("kind", BAD_SAMPLING)
def test_sampling_refuses_bad_arguments(core, kind):
    changes, error, text = BAD_SAMPLING[kind]
    messages = []
    for module in (core, reference):
        net = Network(np.float32)
        before = net.bytes()
        arguments = {"weights": net.weights, "h": net.h, "last": 0, "uniforms": np.zeros(3)}
        with pytest.raises(error, match=text) as raised:
            module.char_rnn_sample(**{**arguments, "vocabulary": V, **changes})
        messages.append(str(raised.value))
        assert net.bytes() == before
    assert messages[0] == messages[1]


@pytest.mark.parametrize(
    "text", [[0, 1], shaped(4), shaped(2, 2, dtype=np.uint8), np.array(1, np.uint8)]
)
def test_evaluation_refuses_other_arrays_than_text(core, text):
    messages = []
    for module in (core, reference):
        net = Network(np.float32)
        with pytest.raises((TypeError, ValueError), match=r"^text must be") as raised:
            module.char_rnn_evaluate(net.weights, text, net.h, vocabulary=V)
        messages.append(str(raised.value))
    assert messages[0] == messages[1]


def test_evaluation_refuses_unknown_ids(core):
    text = np.array([0, 1, V, 0], np.uint8)
    for module in (core, reference):
        net = Network(np.float32)
        with pytest.raises(IndexError, match=r"^text has id 11, expected 0 to 10$"):
            module.char_rnn_evaluate(net.weights, text, net.h, vocabulary=V)


def test_gradients_of_no_stream_are_refused(core):
    weights = shaped(V, 7), shaped(7, 7), shaped(7, V), shaped(7), shaped(V)
    ids = np.zeros((0, 3), np.intp)
    for module in (core, reference):
        with pytest.raises(ValueError, match=r"^h0 has no rows, expected at least one stream$"):
            module.char_rnn_gradients(ids, ids, shaped(0, 7), *weights)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16])
def test_sizes_do_not_overflow_in_small_integers(core, kind):
    net = Network(np.float32)
    for module in (core, reference):
        module.char_rnn_evaluate(net.weights, net.text, net.h[:1].copy(), vocabulary=kind(V))
        with pytest.raises(ValueError, match="weights must be"):
            module.char_rnn_evaluate(net.weights, net.text, net.h[:1].copy(), vocabulary=kind(100))


def test_huge_numbers_of_empty_streams_take_no_time(core):
    """Arrays of 2^59 rows and no columns take no memory, but a loop over them takes years."""
    ids, states = np.zeros((2**59, 0), np.intp), shaped(2**59, 0)
    weights = shaped(2, 0), shaped(0, 0), shaped(0, 2), shaped(0), shaped(2)
    loss, gradients, last = core.char_rnn_gradients(ids, ids, states, *weights)
    assert loss == 0
    assert last.shape == states.shape
    assert gradients["by"].tolist() == [0, 0]


def test_evaluation_refuses_more_than_one_state(core):
    for module in (core, reference):
        net = Network(np.float32)
        with pytest.raises(ValueError, match=r"^h has shape \(2, 7\), expected \(1, H\)$"):
            module.char_rnn_evaluate(net.weights, np.zeros(3, np.uint8), shaped(2, 7), vocabulary=V)
