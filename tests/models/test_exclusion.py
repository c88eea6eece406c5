"""One thread at a time changes a network; others may predict with it at the same time."""

import copy
import pickle
from threading import Event, Thread

import pytest
from models import (
    NETWORKS,
    Fitting,
    answers,
    bits,
    broken_off,
    fit,
    trained,
)

CHANGES = {
    "fit": fit,
    "save": lambda net: net.save("never_written.safetensors"),
    "build": lambda net: net.build("abc"),
    "start_from": lambda net: net.start_from("never_read.safetensors"),
    "__getstate__": copy.deepcopy,
}


@NETWORKS
@pytest.mark.parametrize("change", CHANGES)
def test_other_threads_may_not_change_or_save_a_network_during_training(made, change, tmp_path):
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
def test_a_fit_that_fails_or_is_interrupted_leaves_the_network_free(made):
    net = broken_off(made)
    with pytest.raises(ValueError, match="epochs"):
        fit(net, epochs=0)
    with Fitting(net):
        pass


@NETWORKS
def test_callbacks_may_do_everything_except_train(made, tmp_path):
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
    for begun in (seen[1], loaded):  # in the middle of its run
        fit(begun, resume=True)
        assert bits(begun) == bits(net)


@NETWORKS
def test_threads_that_save_a_network_do_not_exclude_each_other(made):
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
def test_one_of_many_threads_that_start_at_once_trains(made):
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
def test_other_threads_may_predict_during_training(made):
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
def test_eight_threads_with_separate_networks_get_the_bits_of_one(made):
    together = [made(seed) for seed in range(8)]
    run([Thread(target=fit, args=(net,)) for net in together])
    for seed, net in enumerate(together):
        alone = made(seed)
        fit(alone)
        assert bits(net) == bits(alone)
