"""Members that diverge, Ctrl-C, errors of schedules, and other threads."""

import signal
import time
from threading import Event, Thread

import numpy as np
import pytest
from interruptions import interrupted_once, numpy_errors_put_back
from mlp_runs import calls_of
from populations import HELD_OUT, M, X, Y, adam, alone, bits, population, record, trained

from nncore import SGD, DivergenceError, EarlyStopping, kernels
from nncore.population import engine
from nncore.population import run as population_run

RATES = [0.05, 1e5, 0.05, 1e7, 0.01]  # the second and the fourth are too large
DIVERGED = [False, True, False, True, False]


@pytest.mark.parametrize("length", [1, 7, 1000])
@pytest.mark.parametrize("how", [{}, {"validation_data": HELD_OUT}], ids=["long", "by epochs"])
@pytest.mark.parametrize("threads", [1, 2])
def test_members_that_diverge_are_recorded_and_the_others_go_on(length, how, threads, monkeypatch):
    calls_of(length, monkeypatch, population_run)
    nets = population()
    how = {"epochs": 20, "batch_size": 10, **how}
    history = nets.fit(X, Y, learning_rate=RATES, optimizer=SGD(), threads=threads, **how)
    assert history.diverged.tolist() == DIVERGED
    assert "2 diverged" in repr(history)
    for k in np.flatnonzero(~history.diverged):
        net = alone(k)
        net.fit(X, Y, optimizer=SGD(RATES[k]), **how)
        assert bits(nets[k]) == bits(net)
        np.testing.assert_equal(record(nets[k].history), record(net.history))
    assert (history.updates[history.diverged] < 60).all()
    assert np.isnan(history.loss[history.diverged, -1]).all()


def test_training_goes_on_after_members_diverged():
    nets = population()
    nets.fit(X, Y, epochs=20, batch_size=10, learning_rate=RATES, optimizer=SGD())
    assert np.isfinite(nets.flat).all()
    nets.fit(X, Y, epochs=1, optimizer=SGD(1e-9))
    going_on = ~np.array(DIVERGED)
    assert not nets.history.diverged[going_on].any()
    assert np.isfinite(nets.history.loss[going_on, -1]).all()
    assert np.isfinite(nets.flat).all()


def test_divergence_does_not_depend_on_the_length_of_calls(monkeypatch):
    results = []
    for length in (1, 5, 1000):
        with monkeypatch.context() as patch:
            calls_of(length, patch, population_run)
            nets = population()
            nets.fit(X, Y, epochs=9, batch_size=10, learning_rate=RATES, optimizer=SGD())
        results.append((bits(nets), nets.history.updates.tolist()))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("length", [1, 7, 1000])
@pytest.mark.parametrize("members", [1, M])
def test_a_member_goes_back_to_its_last_finite_parameters_however_long_ago(
    length, members, monkeypatch
):
    """Units that are dead with infinite weights leave the objective finite for many updates."""
    calls_of(length, monkeypatch, population_run)

    def grow(step, total):
        return 1e-50 if step < 25 else 1.0

    nets = population(layer_sizes=(4, 2, 3), hidden_activation="relu", loss="absolute_error",
                      rng=members)  # fmt: skip
    for name, value in {"w1": 1, "b1": 1, "w2": 1e20, "b2": 0}.items():
        nets.parameters[name][...] = value
    start = nets.flat.copy()
    x = np.abs(X).astype("f4") + 1
    nets.fit(x, 0 * Y, epochs=60, batch_size=30, optimizer=SGD(1e20), schedule=grow)
    assert nets.history.diverged.all()
    assert nets.history.updates.tolist() == [25] * members
    assert nets.history.loss.shape == (members, 25)
    assert np.isfinite(nets.history.loss).all()
    np.testing.assert_allclose(nets.flat, start, rtol=1e-5, atol=1e-5)


def test_divergence_with_early_stopping_restores_the_best():
    def fails(step, total):
        return 1.0 if step < 4 else 1e8

    how = {"epochs": 30, "optimizer": SGD(0.01), "schedule": fails}
    how["early_stopping"] = EarlyStopping(99)
    nets = population()
    history = nets.fit(X, Y, **how)
    assert history.diverged.all()
    for k in range(M):
        net = alone(k)
        with pytest.raises(DivergenceError, match="of the best epoch"):
            net.fit(X, Y, **how)
        assert (
            nets.flat[k].tobytes()
            == np.concatenate([array.ravel() for array in net.parameters.values()]).tobytes()
        )
        assert history.best_epoch[k] == net.history.best_epoch


# --- Ctrl-C ---------------------------------------------------------------------------------


@pytest.fixture
def ctrl_c_after():
    if not hasattr(signal, "setitimer"):
        pytest.skip("needs interval timers")

    def interrupt(number, frame):
        if next(left, 1) == 1:
            signal.setitimer(signal.ITIMER_REAL, 0)
        raise KeyboardInterrupt

    def start(seconds, times=1):
        nonlocal left
        left = iter(range(times, 0, -1))
        signal.setitimer(signal.ITIMER_REAL, seconds, seconds)

    left = iter(())
    before = signal.signal(signal.SIGALRM, interrupt)
    with numpy_errors_put_back():
        yield start
        signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def assert_untrained(nets, **settings):
    """A population is as if it had not been trained, and can be."""
    assert nets.history.updates.tolist() == [0] * M
    assert nets.history.epochs == 0
    assert nets.flat.tobytes() == population(**settings).flat.tobytes()
    control = population(**settings)
    for each in (nets, control):
        each.fit(X, Y, epochs=2)
    assert bits(nets) == bits(control)


@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_ends_a_long_compiled_call_and_discards_it(threads, ctrl_c_after, monkeypatch):
    """In all its threads."""
    many = {"rng": 200}
    nets = population(**many)
    with monkeypatch.context() as patch:
        calls_of(10**6, patch, population_run)
        start = time.perf_counter()
        ctrl_c_after(0.05)
        with pytest.raises(KeyboardInterrupt):
            nets.fit(X, Y, epochs=50_000, threads=threads)
    assert time.perf_counter() - start < 5
    assert nets.flat.tobytes() == population(**many).flat.tobytes()
    assert nets.history.updates.tolist() == [0] * 200
    for each in (nets, control := population(**many)):
        each.fit(X, Y, epochs=2)
    assert bits(nets) == bits(control)


@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_while_members_are_trained_one_by_one(threads, monkeypatch):
    large = {"layer_sizes": (4, 3000, 3)}
    nets = population(**large)
    with monkeypatch.context() as patch:
        patch.setattr(kernels, "mlp_train", interrupted_once(kernels.mlp_train, 3, after=True))
        with pytest.raises(KeyboardInterrupt):
            nets.fit(X, Y, epochs=4, threads=threads)
    assert_untrained(nets, **large)


@pytest.mark.parametrize("times", [1, 2])
def test_no_thread_goes_on_after_ctrl_c(times, ctrl_c_after, monkeypatch):
    """Also if it is pressed again while the threads come to an end."""
    running, real = [], engine.train_member

    def slow(*arguments):
        running.append(arguments)
        try:
            time.sleep(0.3)
            return real(*arguments)
        finally:
            running.pop()

    large = {"layer_sizes": (4, 3000, 3)}
    nets = population(**large)
    with monkeypatch.context() as patch:
        patch.setattr(engine, "train_member", slow)
        ctrl_c_after(0.05, times)
        with pytest.raises(KeyboardInterrupt):
            nets.fit(X, Y, epochs=1, threads=2)
    assert not running
    assert_untrained(nets, **large)


@pytest.mark.parametrize("at", [1, 2, 5])
@pytest.mark.parametrize("after", [True, False])
def test_ctrl_c_at_a_given_call_keeps_all_epochs_before_it(at, after, monkeypatch):
    nets = population()
    with monkeypatch.context() as patch:
        calls_of(1, patch, population_run)
        patch.setattr(engine, "train", interrupted_once(engine.train, at, after=after))
        with pytest.raises(KeyboardInterrupt):
            nets.fit(X, Y, epochs=6)
    assert nets.history.updates.tolist() == [at - 1] * M
    assert nets.history.loss.shape == (M, at - 1)
    assert np.isfinite(nets.history.loss).all()
    control = population()
    if at > 1:
        control.fit(X, Y, epochs=at - 1)
        assert bits(control) == bits(nets)
    assert nets.flat.tobytes() == control.flat.tobytes()
    nets.fit(X, Y, epochs=2)
    assert nets.history.epochs == at + 1


def test_the_record_of_members_goes_on_after_ctrl_c(monkeypatch):
    nets = population()
    with monkeypatch.context() as patch:
        calls_of(1, patch, population_run)
        patch.setattr(engine, "train", interrupted_once(engine.train, 3, after=True))
        with pytest.raises(KeyboardInterrupt):
            nets.fit(X, Y, epochs=6)
    nets.fit(X, Y, epochs=2)
    assert nets.history.epochs == 4
    assert nets[0].history.loss.tolist() == nets.history.loss[0].tolist()


def test_an_error_of_a_schedule_keeps_what_was_trained(monkeypatch):
    calls_of(1, monkeypatch, population_run)

    def fail(step, total):
        if step == 3:
            raise RuntimeError("no more")
        return 1.0

    nets = population()
    with pytest.raises(RuntimeError, match="no more"):
        nets.fit(X, Y, epochs=6, schedule=fail)
    control = trained({"epochs": 3})
    assert bits(nets) == bits(control)
    np.testing.assert_equal(record(nets.history), record(control.history))


# --- threads --------------------------------------------------------------------------------


class Waiting:
    """A schedule that waits until another thread goes on."""

    def __init__(self):
        self.begun, self.go_on = Event(), Event()

    def __call__(self, step, total):
        self.begun.set()
        assert self.go_on.wait(30)
        return 1.0


def test_other_threads_may_predict_but_not_fit_or_copy_while_one_fits():
    nets, schedule = population(), Waiting()
    thread = Thread(target=nets.fit, args=(X, Y), kwargs={"epochs": 2, "schedule": schedule})
    thread.start()
    try:
        assert schedule.begun.wait(30)
        assert nets.predict(X).shape == (M, 30, 3)
        for forbidden in (lambda: nets.fit(X, Y, epochs=1), nets.__getstate__):
            with pytest.raises(RuntimeError, match="is running fit"):
                forbidden()
    finally:
        schedule.go_on.set()
        thread.join()
    assert nets.history.epochs == 2
    nets.fit(X, Y, epochs=1)


def test_populations_train_side_by_side_in_threads():
    how = {"epochs": 50, "batch_size": 4, "optimizer": adam(0.01)}
    once = trained(how)
    together = [population() for _ in range(4)]
    threads = [Thread(target=nets.fit, args=(X, Y), kwargs=how) for nets in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [bits(nets) for nets in together] == [bits(once)] * 4
