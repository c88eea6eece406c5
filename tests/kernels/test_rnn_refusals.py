"""Invalid arguments of the kernels of recurrent networks over vectors: errors, nothing changes."""

import numpy as np
import pytest
from backends import EVERY_BACKEND
from calls import shaped
from recurrent_networks import SequenceNetwork

from nncore.arguments import rnn as rnn_arguments
from nncore.arguments.rnn_train_call import RNNTrainCall
from nncore.registry import UpdateRule

P = SequenceNetwork(np.float32).weights.size
F8, I8 = np.float64, np.int64
NET = {
    "short weights": ({"weights": shaped(P - 1)}, ValueError, f"weights must .*got .*{P - 1}"),
    "weights in a list": ({"weights": [0.0]}, TypeError, "weights must be a NumPy array .*list"),
    "integer weights": ({"weights": shaped(P, dtype=int)}, TypeError, "weights must be a NumPy"),
    "strided weights": ({"weights": shaped(2 * P)[::2]}, ValueError, "weights must be a C-ordered"),
    "x of another type": ({"x": shaped(23, 3, dtype=F8)}, ValueError, "x must be .*float32 with"),
    "x in a list": ({"x": [[0.0] * 3]}, TypeError, "x must be a NumPy array"),
    "wide x": ({"x": shaped(23, 4)}, ValueError, r"x must be .*\(any, 3\), got .*\(23, 4\)"),
    "x of blocks": ({"x": shaped(1, 23, 3)}, ValueError, "x must be a C-ordered"),
    "strided x": ({"x": shaped(23, 6)[:, ::2]}, ValueError, "x must be a C-ordered"),
    "masked x": ({"x": np.ma.zeros((23, 3), "f4")}, TypeError, "x must be .*masked array"),
    "no starts": ({"starts": None}, ValueError, "starts must be .*int64 .*got NoneType"),
    "starts of int32": ({"starts": shaped(8, dtype="i4")}, ValueError, "starts must be .*int64"),
    "empty starts": ({"starts": shaped(0, dtype=I8)}, ValueError, "starts must begin with 0"),
    "a late start": ({"starts": np.array([1, 23])}, ValueError, "starts must begin with 0, got 1"),
    "an early start": ({"starts": np.array([-1, 23])}, ValueError, "starts must begin .* got -1"),
    "an early end": (
        {"starts": np.array([0, 22])},
        ValueError,
        "starts ends with 22, expected 23, the number of rows of x",
    ),
    "a late end": ({"starts": np.array([0, 24])}, ValueError, "starts ends with 24, expected 23"),
    "an empty sequence": (
        {"starts": np.array([0, 3, 3, 23])},
        ValueError,
        "starts must increase, got 3 and 3 for sequence 1",
    ),
    "starts that fall": ({"starts": np.array([0, 30, 23])}, ValueError, "starts must increase"),
    "starts that overflow": (
        {"starts": np.array([0, -(2**63), 23])},
        ValueError,
        "starts must increase, got 0 and -9223372036854775808",
    ),
    "no layers": ({"sizes": (3, 2)}, ValueError, "sizes has 2 numbers, expected 3 to 18"),
    "many layers": ({"sizes": (3, *[2] * 17, 2)}, ValueError, "sizes has 19 numbers, expected 3"),
    "a layer without units": ({"sizes": (3, 5, 0, 2)}, ValueError, "sizes must be at least 1"),
    "half a unit": ({"sizes": (3, 5.5, 2)}, TypeError, "sizes must be an integer, got float"),
    "one size": ({"sizes": 5}, TypeError, "sizes must be a tuple of integers, got int"),
    "other sizes": ({"sizes": (3, 5, 5, 2)}, ValueError, "weights must be"),
    "huge sizes": ({"sizes": (3, 2**60, 2)}, ValueError, "weights must be"),
    "sizes of int8": ({"sizes": (3, *np.full(2, 100, np.int8), 2)}, ValueError, "weights must be"),
    "unknown cell": ({"cell": "mgu"}, ValueError, "cell must be one of 'tanh', 'lstm', 'gru', got"),
    "another cell": ({"cell": "gru"}, ValueError, "weights must be"),
    "unknown activation": ({"activation": "mish"}, ValueError, "activation must be one of"),
}  # fmt: skip
STATES = {
    "no state": ({"state": None}, ValueError, "state must be .*got NoneType"),
    "another type": (
        {"state": shaped(7, 18, dtype=F8)},
        ValueError,
        "state must be .*float32 with",
    ),
    "too few columns": ({"state": shaped(7, 9)}, ValueError, r"state must be .*\(7, 18\), got"),
    "too many rows": ({"state": shaped(8, 18)}, ValueError, r"state must be .*\(7, 18\), got"),
}
TARGETS = {
    "no y": ({"y": None}, ValueError, "y must be .*got NoneType"),
    "short y": ({"y": shaped(6, 2)}, ValueError, r"y must be .*\(7, 2\), got .*\(6, 2\)"),
    "y of steps": ({"y": shaped(23, 2)}, ValueError, r"y must be .*\(7, 2\), got .*\(23, 2\)"),
    "y of sequences": ({"last": False}, ValueError, r"y must be .*\(23, 2\), got .*\(7, 2\)"),
    "y of another type": ({"y": shaped(7, 2, dtype=F8)}, ValueError, "y must be .*float32"),
    "unknown loss": ({"loss": "guess"}, ValueError, "loss must be one of"),
    "no labels": (
        {"loss": "softmax_cross_entropy"},
        ValueError,
        r"y must be .*int64 .*\(7,\), got",
    ),
    "an unknown label": (
        {"loss": "softmax_cross_entropy", "y": np.array([0, 1, 0, 2, 1, 0, 0])},
        IndexError,
        "y has 2, expected 0 to 1",
    ),
    "weights of rows": ({"sample_weight": shaped(23)}, ValueError, r"sample_weight must .*\(7,\)"),
    "weights of another type": (
        {"sample_weight": np.ones(7)},
        ValueError,
        "sample_weight must be .*float32",
    ),
    "no sequences": (
        {"x": shaped(0, 3), "starts": shaped(1, dtype=I8)},
        ValueError,
        "x has no sequences, expected at least one",
    ),
}
TRAINING = {
    "short gradient": ({"gradient": shaped(P - 1)}, ValueError, "gradient must be a"),
    "one slot": ({"slots": shaped(1, P)}, ValueError, "slots must be .*\\(2, "),
    "two counters": ({"counters": shaped(2, dtype=I8)}, ValueError, "counters must be"),
    "a counter below 0": (
        {"counters": np.array([0, 0, -1, 0])},
        ValueError,
        "counters is out of range: .* for epochs of 7 sequences",
    ),
    "a late counter": (
        {"counters": np.array([0, 0, 7, 0])},
        ValueError,
        "counters is out of range",
    ),
    "rates of float32": ({"rates": shaped(3)}, ValueError, "rates must be"),
    "short rates": ({"rates": shaped(2, dtype=F8)}, ValueError, "rates must be .*\\(3,\\)"),
    "short order": ({"order": shaped(6, dtype=np.intp)}, ValueError, "order must be .*\\(7,\\)"),
    "order of one epoch": (
        {"order": np.arange(7), "shuffle": False, "batch_size": 7},
        ValueError,
        "order must be .*\\(21,\\)",
    ),
    "order beyond the sequences": (
        {"order": np.arange(1, 8), "shuffle": False},
        IndexError,
        "order has 7, expected 0 to 6",
    ),
    "no optimizer": ({"optimizer": "adam"}, TypeError, "optimizer must be an UpdateRule"),
    "unknown optimizer": ({"optimizer": UpdateRule("adamax")}, ValueError, "optimizer: kind must"),
    "empty batches": ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
    "half a batch": ({"batch_size": 1.5}, TypeError, "batch_size must be an integer, got float"),
    "all dropped": ({"dropout": 1}, ValueError, r"dropout must be in \[0, 1\), got 1.0"),
    "rates of dropout": ({"dropout": (0.1,)}, TypeError, "dropout must be a number, got tuple"),
    "a long seed": ({"seed": 2**64}, ValueError, "seed must be in"),
    "negative penalty": ({"l2": -1}, ValueError, "l2 must be 0 or a positive number, got -1"),
    "penalty of NaN": ({"l2": np.nan}, ValueError, "l2 must be 0 or a positive number, got nan"),
    "negative clip": ({"clip_norm": -1}, ValueError, "clip_norm must be 0 .* got -1"),
}


def refused(changes, error, text, call):
    net = SequenceNetwork(np.float32)
    before = net.bytes()
    with pytest.raises(error, match=f"^{text}"):
        call(net, changes)
    assert net.bytes() == before


@EVERY_BACKEND
@pytest.mark.parametrize("kind", [*NET, *STATES])
def test_prediction_refuses_bad_arguments(module, kind):
    case = {**NET, **STATES}[kind]
    refused(*case, lambda net, changes: net.predict(module, **changes))


@EVERY_BACKEND
@pytest.mark.parametrize("kernel", ["rnn_gradients", "rnn_evaluate"])
@pytest.mark.parametrize("kind", [*NET, *TARGETS])
def test_gradients_and_evaluation_refuse_bad_arguments(module, kernel, kind):
    case = {**NET, **TARGETS}[kind]
    refused(*case, lambda net, changes: net.call(getattr(module, kernel), **changes))


@EVERY_BACKEND
@pytest.mark.parametrize("kind", [*NET, *TARGETS, *TRAINING])
def test_training_refuses_bad_arguments(module, kind):
    case = {**NET, **TARGETS, **TRAINING}[kind]

    def train(net, changes):
        try:
            net.train(module, 3, **changes)
        finally:
            assert (net.losses == -1).all()

    refused(*case, train)


@EVERY_BACKEND
@pytest.mark.parametrize("name", ["weights", "gradient", "slots", "counters", "losses", "order"])
def test_training_refuses_to_write_to_read_only_arrays(module, name):
    net = SequenceNetwork(np.float32)
    net.losses, net.order = np.zeros(3), np.zeros(7, np.intp)
    array = getattr(net, name).copy()
    array.setflags(write=False)
    with pytest.raises(ValueError, match=f"^{name} must be a writable, C-ordered array"):
        net.train(module, 3, **{name: array})


@EVERY_BACKEND
def test_prediction_refuses_to_write_to_a_read_only_state(module):
    net = SequenceNetwork(np.float32)
    state = net.states()
    state.setflags(write=False)
    with pytest.raises(ValueError, match=r"^state must be a writable, C-ordered array"):
        net.predict(module, state=state)


@EVERY_BACKEND
def test_an_order_that_will_be_overwritten_may_contain_anything(module):
    net = SequenceNetwork(np.float32)
    net.order = np.full(7, 10**9)
    assert net.train(module, 3) == 3
    assert sorted(net.order) == list(range(7))


def test_the_checked_call_shares_only_numbers_with_its_caller():
    """Other threads may write to the caller's arrays of indices after the check."""
    net, kept = SequenceNetwork(np.float32), []

    class Spy:
        @staticmethod
        def rnn_train(**arguments):
            kept.append(RNNTrainCall(**arguments))

    net.train(Spy, 3)
    call = rnn_arguments.train(kept[0])
    assert not np.shares_memory(call.starts, net.starts)
    assert not np.shares_memory(call.counters, net.counters)
    for name in ("weights", "x", "y", "slots"):
        own, given = getattr(call, name), getattr(net, name)
        assert np.shares_memory(own, given)
        assert own is not given
    assert np.shares_memory(call.shown, net.counters)
