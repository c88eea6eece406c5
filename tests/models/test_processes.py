"""Networks in forked and spawned processes."""

import copy
import os
from multiprocessing import get_context

import pytest
from models import (
    FORKS,
    NETWORKS,
    Fitting,
    answers,
    bits,
    fit,
    trained,
    trained_bits,
)


def in_fork(work):
    """What `work` returns in a forked process, as bytes."""
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(theirs, work())
            os._exit(0)
        except BaseException as error:
            os.write(theirs, repr(error).encode())
            os._exit(1)
    os.close(theirs)
    with os.fdopen(ours, "rb") as file:
        said = file.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, said
    return said


def after(net, work):
    """The network's state after some work with it, in a few bytes."""
    work(net)
    return repr(hash_of(bits(net))).encode()


def hash_of(parts):
    from hashlib import sha256

    return sha256(b"".join(parts)).hexdigest()


@FORKS
@NETWORKS
def test_a_fork_after_training_continues_in_both_processes(made):
    net = trained(made)
    said = in_fork(lambda: after(net, fit))
    assert said == after(net, fit)


@FORKS
@NETWORKS
def test_a_fork_in_a_callback_finishes_the_run_in_both_processes(made):
    """With os.fork both return from the callback, and train to the same bits."""
    net, pipe, children = made(), os.pipe(), []

    def fork(event):
        if not children:
            children.append(os.fork())

    try:
        fit(net, callbacks=[fork])
        ended = hash_of(bits(net)).encode()
        if not children[0]:
            os.write(pipe[1], ended)
    finally:
        if children and not children[0]:
            os._exit(0)
    os.close(pipe[1])
    with os.fdopen(pipe[0], "rb") as file:
        assert file.read() == ended
    os.waitpid(children[0], 0)
    assert ended == hash_of(bits(trained(made, callbacks=[lambda event: None]))).encode()


# Python 3.12 and later warn of any fork beside threads.
@FORKS
@NETWORKS
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_while_another_thread_trains_may_predict_but_not_change(made):
    net = made()

    def work():
        answers(net)
        with pytest.raises(
            RuntimeError, match="refused: another thread was running fit when this proc"
        ):
            fit(net)
        with pytest.raises(RuntimeError, match="load the network from a file"):
            net.save("never_written.safetensors")
        return after(made(1), fit)  # others are free

    with Fitting(net):
        said = in_fork(work)
    assert said == after(made(1), fit)
    assert bits(net) == bits(trained(made, callbacks=[lambda event: None]))


@NETWORKS
def test_spawned_processes_train_to_the_same_bits(made):
    net = trained(made)
    with get_context("spawn").Pool(1) as pool:
        theirs = pool.apply(trained_bits, (net,))
        pool.close()
        pool.join()
    assert theirs == trained_bits(net)


@NETWORKS
def test_a_network_survives_joblib(made, tmp_path):
    joblib = pytest.importorskip("joblib")
    net = trained(made)
    joblib.dump(net, tmp_path / "net.joblib")
    for mode in (None, "r"):
        twin = joblib.load(tmp_path / "net.joblib", mmap_mode=mode)
        fit(twin)
        assert bits(twin) == trained_bits(copy.deepcopy(net))
