"""Ctrl-C during a long call of a recurrent kernel ends it soon, after whole updates."""

import signal
import time

import numpy as np
import pytest
from builds import SLOWER
from recurrent_networks import SequenceNetwork, TextNetwork

from nncore import kernels
from nncore.registry import CELLS

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
AFTER, SOON = 0.03, 0.5 * SLOWER  # seconds; usually some milliseconds
EVERY_CELL = pytest.mark.parametrize("cell", CELLS)


@pytest.fixture
def interrupted():
    """Call a function that a signal interrupts; return the seconds until it has ended."""

    def call(function, after=AFTER):
        started = time.perf_counter()
        try:  # on a busy machine the signal may come at once, in the code of pytest.raises
            signal.setitimer(signal.ITIMER_REAL, after)
            function()
        except KeyboardInterrupt:
            return time.perf_counter() - started - after
        return pytest.fail("the call ended before the signal came")

    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    yield call
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def assert_ends_after_whole_updates(interrupted, make, updates, **how):
    net, control, after = make(), make(), AFTER
    while not net.counters[0]:  # the signal can come before the first update is complete
        assert interrupted(lambda: net.train(kernels, updates, **how), after) < SOON
        after *= 2
    done = int(net.counters[0])
    assert done < updates
    assert control.train(kernels, done, **how) == done
    assert net.bytes() == control.bytes()


SEQUENCES = {
    "one unit": ({"sizes": (1, 1, 1), "lengths": (1, 1, 1), "batch_size": 1}, 2_000_000),
    "ragged": ({"sizes": (3, 17, 5, 2), "lengths": range(1, 40)}, 1_000_000),
    "large": ({"sizes": (20, 128, 128, 2), "lengths": [50] * 20, "batch_size": 20}, 10_000),
}


@EVERY_CELL
@pytest.mark.parametrize("kind", SEQUENCES)
def test_training_over_sequences_ends_after_whole_updates(interrupted, dtype, cell, kind):
    how, updates = SEQUENCES[kind]

    def make():
        net = SequenceNetwork(dtype, cell=cell, optimizer="sgd", **how)
        net.order = np.zeros(net.sequences, np.intp)
        return net

    assert_ends_after_whole_updates(interrupted, make, updates, dropout=0.2, seed=3)


@EVERY_CELL
@pytest.mark.parametrize(
    ("hidden", "streams", "steps", "updates"),
    [(1, 1, 1, 2_000_000), (20, 3, 5, 1_000_000), (128, 4, 20, 20_000)],
)
def test_training_over_text_ends_after_whole_updates(
    interrupted, dtype, cell, hidden, streams, steps, updates
):
    def make():
        return TextNetwork(dtype, cell, 2, hidden, streams, "sgd", steps)

    assert_ends_after_whole_updates(interrupted, make, updates, dropout=0.2, seed=3)


@EVERY_CELL
@pytest.mark.parametrize("lengths", [[1] * 200_000, [200_000]], ids=["many", "one"])
def test_predictions_end_soon(interrupted, dtype, cell, lengths):
    net = SequenceNetwork(dtype, (3, 64, 64, 2), cell, lengths=lengths)
    before = net.weights.tobytes()
    assert interrupted(lambda: net.predict(kernels)) < SOON
    assert net.weights.tobytes() == before
