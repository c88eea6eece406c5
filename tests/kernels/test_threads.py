"""Kernels release the GIL while they compute, and threads get the results of one."""

import sys
import threading
import time

import numpy as np
import pytest
from calls import ALL_CASES, call, made, outcome, same_bits

from nncore.arguments import arrays as arguments
from nncore.arguments import char_rnn as char_rnn_arguments


@pytest.fixture
def no_forced_switches():
    """Python never switches threads, so that others run only if a thread releases the GIL."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    yield
    sys.setswitchinterval(before)


def others_ran_during(function, seconds=20):
    """Whether another thread runs while `function` does, which is called until one does."""
    ticks, stop = [0], threading.Event()

    def tick():
        while not stop.is_set():
            ticks[0] += 1
            time.sleep(0)  # releases the GIL and acquires it again

    other = threading.Thread(target=tick)
    other.start()
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            before = ticks[0]
            function()
            if ticks[0] > before:
                return True
        return False
    finally:
        stop.set()
        other.join()


@pytest.mark.usefixtures("no_forced_switches")
def test_other_threads_do_not_run_while_the_gil_is_held():
    """The next test detects that the kernel releases the GIL, and nothing else."""
    assert not others_ran_during(lambda: sum(range(1000)), seconds=0.2)


@pytest.mark.usefixtures("no_forced_switches")
@ALL_CASES
def test_other_threads_run_during_a_large_call(core, case, dtype):
    given = made(case, 128, 256, 256, dtype)
    assert others_ran_during(lambda: call(core, case, given))


@ALL_CASES
def test_simultaneous_threads_get_the_results_of_one(core, case, dtype):
    given = [made(case, 20, 30, 40, dtype, seed) for seed in range(4)]
    expected = [outcome(core, case, a) for a in given]
    wrong = []

    def work(k):
        results = [outcome(core, case, given[k]) for _ in range(20)]
        wrong.extend(k for result in results if not same_bits(result, expected[k]))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_labels_may_change_during_the_call(core):
    """They were checked before; an id out of range must not be followed then."""
    logits = np.zeros((2000, 50), np.float32)
    labels = np.zeros(2000, np.intp)
    stop = threading.Event()

    def spoil():
        while not stop.is_set():
            labels[:] = 2**60
            labels[:] = 0

    other = threading.Thread(target=spoil)
    other.start()
    try:
        for _ in range(200):
            try:
                loss, _ = core.softmax_cross_entropy(logits, labels)
            except IndexError:
                continue
            assert loss == pytest.approx(2000 * np.log(50), rel=1e-5)
    finally:
        stop.set()
        other.join()


def test_ids_are_copied_before_they_are_checked():
    ids = np.zeros(5, np.int32)
    weights = [np.zeros(s, np.float32) for s in ((3,), (4, 3), (3, 3), (3, 4), (3,), (4,))]
    x, y, *_ = char_rnn_arguments.char_rnn_gradients(ids, ids, *weights)
    assert not np.shares_memory(x, ids)
    assert not np.shares_memory(y, ids)
    labels = np.zeros(5, np.intp)
    assert not np.shares_memory(
        arguments.softmax_cross_entropy(np.zeros((5, 3)), labels)[1], labels
    )
