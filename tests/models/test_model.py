"""One thread at a time changes a network; copies and pickles hold all of it."""

import copy
import io
import os
import pickle
import pickletools
import subprocess
import sys
from multiprocessing import get_context
from threading import Event, Thread

import numpy as np
import pytest
from builds import LEVELS
from models import (
    TEXT,
    answers,
    bits,
    broken_off,
    char_rnn,
    fit,
    mlp,
    out_of_band,
    pickled,
    trained,
    trained_bits,
)

from nncore import CharRNN

NETWORKS = pytest.mark.parametrize("made", [mlp, char_rnn])
COPIES = pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled, out_of_band])
FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


# --- one thread at a time ------------------------------------------------------------------------


class Fitting:
    """A network that another thread trains, and that waits in a callback meanwhile."""

    def __init__(self, net):
        self.net, self.waits, self.go = net, Event(), Event()
        self.thread = Thread(
            target=fit, args=(net,), kwargs={"callbacks": [self.wait]}, name="other"
        )

    def wait(self, event):
        self.waits.set()
        self.go.wait(30)

    def __enter__(self):
        self.thread.start()
        assert self.waits.wait(30)
        return self.net

    def __exit__(self, *exception):
        self.go.set()
        self.thread.join()


CHANGES = {
    "fit": fit,
    "save": lambda net: net.save("never_written.safetensors"),
    "build": lambda net: net.build("abc"),
    "start_from": lambda net: net.start_from("never_read.safetensors"),
    "__getstate__": copy.deepcopy,
}


@NETWORKS
@pytest.mark.parametrize("change", CHANGES)
def test_other_threads_may_not_change_or_keep_a_network_that_is_trained(made, change, tmp_path):
    net = made()
    if not hasattr(net, change):
        pytest.skip("a perceptron has no such method")
    with pytest.MonkeyPatch.context() as patch, Fitting(net):
        patch.chdir(tmp_path)
        message = f"{change} refused: thread 'other' is running fit of this network; wait for it"
        with pytest.raises(RuntimeError, match=message):
            CHANGES[change](net)
        answers(net)
    assert not list(tmp_path.iterdir())
    assert bits(net) == bits(trained(made, callbacks=[lambda event: None]))
    fit(net)


@NETWORKS
def test_a_fit_that_fails_or_is_broken_off_leaves_the_network_free(made):
    net = broken_off(made)
    with pytest.raises(ValueError, match="epochs"):
        fit(net, epochs=0)
    with Fitting(net):
        pass


@NETWORKS
def test_callbacks_do_all_but_train(made, tmp_path):
    net, seen = made(), []

    def look(event):
        if not seen:
            seen.extend([answers(event.model), copy.deepcopy(event.model)])
            event.model.save(tmp_path / "m.safetensors")
            with pytest.raises(RuntimeError, match="fit refused: fit of this network is running"):
                fit(event.model)

    fit(net, callbacks=[look])
    assert bits(net) == bits(trained(made, callbacks=[lambda event: None]))
    loaded = type(net).load(tmp_path / "m.safetensors")
    assert seen[0] == answers(seen[1]) == answers(loaded)
    for begun in (seen[1], loaded):  # amid its run
        fit(begun, resume=True)
        assert bits(begun) == bits(net)


@NETWORKS
def test_threads_that_keep_a_network_do_not_bar_each_other(made):
    net, errors = trained(made), []

    def work():
        try:
            for _ in range(50):
                pickle.dumps(net)
        except BaseException as error:
            errors.append(error)

    run([Thread(target=work) for _ in range(4)])
    assert not errors
    fit(net)


@NETWORKS
def test_of_many_threads_that_begin_at_once_one_trains(made):
    net, refused, done = made(), [], []

    def work():
        try:
            fit(net)
            done.append(1)
        except RuntimeError as error:
            refused.append(str(error))

    run([Thread(target=work) for _ in range(8)])
    assert len(done) >= 1
    assert len(done) + len(refused) == 8
    assert all("is running fit of this network" in message for message in refused)
    control = made()
    for _ in done:
        fit(control)
    assert bits(net) == bits(control)


@NETWORKS
def test_others_may_ask_a_network_that_is_trained(made):
    net, odd, over = made(), [], Event()

    def ask():
        while not over.is_set():
            first = answers(net)
            odd.extend([first] if len(first) != 2 else [])

    threads = [Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        fit(net)
    over.set()
    for thread in threads:
        thread.join()
    assert not odd
    control = made()
    for _ in range(5):
        fit(control)
    assert bits(net) == bits(control)


# --- eight threads -------------------------------------------------------------------------------


def run(threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@NETWORKS
def test_eight_threads_with_one_network_get_the_bits_of_one(made):
    net = trained(made)
    expected, wrong = answers(net), []

    def ask():
        wrong.extend(given for given in (answers(net) for _ in range(20)) if given != expected)

    run([Thread(target=ask) for _ in range(8)])
    assert not wrong


@NETWORKS
def test_eight_threads_with_networks_of_their_own_get_the_bits_of_one(made):
    together = [made(seed) for seed in range(8)]
    run([Thread(target=fit, args=(net,)) for net in together])
    for seed, net in enumerate(together):
        alone = made(seed)
        fit(alone)
        assert bits(net) == bits(alone)


# --- copies and pickles --------------------------------------------------------------------------


@NETWORKS
@COPIES
def test_a_copy_goes_on_with_the_same_bits_and_shares_nothing(made, copied):
    net = broken_off(made)
    before, twin = bits(net), copied(net)
    assert bits(twin) == before
    assert answers(twin) == answers(net)
    fit(twin, resume=True)
    assert bits(net) == before
    fit(net, resume=True)
    assert bits(net) == bits(twin)
    for parameter in twin.parameters.values():
        parameter[...] = 0
    assert answers(twin) != answers(net)


@NETWORKS
@COPIES
def test_a_copy_is_as_aligned_as_the_original(made, copied):
    twin = copied(trained(made))
    for name, array in vars(twin).items():
        if isinstance(array, np.ndarray):
            assert array.ctypes.data % 64 == 0, name
            assert array.flags.writeable, name
    assert twin._gradient.shape == twin._weights.shape


@NETWORKS
def test_copies_draw_the_numbers_that_the_original_would(made):
    net = trained(made)
    twin = pickled(net)
    if made is mlp:
        for each in (net, twin):
            fit(each, validation_fraction=0.3)
        assert net.history.validation_loss.tobytes() == twin.history.validation_loss.tobytes()
    else:
        assert net.sample(50) == twin.sample(50)


def test_a_network_that_is_not_built_yet_draws_the_same_weights_in_its_copy():
    nets = [CharRNN(9, rng=3) for _ in range(2)]
    nets.append(pickled(nets[0]))
    weights = [net.build(TEXT)._weights.tobytes() for net in nets]
    assert weights[0] == weights[1] == weights[2]


ALLOWED = {
    "nncore.char_rnn.network", "nncore.char_rnn.text", "nncore.mlp.history", "nncore.mlp.network",
    "nncore.model", "nncore.optimizers", "nncore.schedules", "nncore.training",
}  # fmt: skip


@NETWORKS
def test_a_pickle_names_no_compiled_code(made):
    class Names(pickle.Unpickler):
        def find_class(self, module, name):
            found.add((module, name))
            return super().find_class(module, name)

    found = set()
    data = pickle.dumps(trained(made, validation_fraction=0.2))
    Names(io.BytesIO(data)).load()
    assert {module for module, _ in found if module.startswith("nncore")} <= ALLOWED
    others = {name for module, name in found if not module.startswith("nncore")}
    assert others <= {"_reconstruct", "_frombuffer", "ndarray", "dtype", "scalar", "__newobj__"}
    strings = [str(argument) for _, argument, _ in pickletools.genops(data)]
    assert not [text for text in strings if "_core" in text and "numpy" not in text]


GO_ON = """
import hashlib, pickle, sys
from models import bits, fit
net = pickle.load(open(sys.argv[1], "rb"))
fit(net, resume=True)
print(hashlib.sha256(b"".join(bits(net))).hexdigest())
"""


@NETWORKS
def test_a_pickle_goes_on_with_the_same_bits_at_another_level(made, tmp_path):
    levels = [level for level in LEVELS if level != "base"]
    if len(levels) < 2:
        pytest.skip("needs AVX2 and AVX-512, built and run by this processor")
    path = tmp_path / "net.pickle"
    path.write_bytes(pickle.dumps(broken_off(made)))
    hashes = [python(GO_ON, path, NNCORE_SIMD=level) for level in levels]
    assert hashes[0] == hashes[1]
    assert len(hashes[0].strip()) == 64


def python(code, *arguments, **environment):
    """What a fresh process prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- processes -----------------------------------------------------------------------------------


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
def test_a_fork_after_training_goes_on_in_both_processes(made):
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
def test_a_fork_while_another_thread_trains_may_ask_but_not_change(made):
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
def test_joblib_keeps_a_network(made, tmp_path):
    joblib = pytest.importorskip("joblib")
    net = trained(made)
    joblib.dump(net, tmp_path / "net.joblib")
    for mode in (None, "r"):
        twin = joblib.load(tmp_path / "net.joblib", mmap_mode=mode)
        fit(twin)
        assert bits(twin) == trained_bits(copy.deepcopy(net))
