"""Signals at any moment of a run do not change its result."""

import itertools
import signal
import time

import numpy as np
import pytest
from interrupted_runs import LABELS, MAKE, TEXT, X
from interruptions import numpy_errors_put_back

import nncore
from nncore.char_rnn.run import CharRNNRun
from nncore.mlp.run import MLPRun
from nncore.training import CallLength, LastGood

# --- signals, at any moment -------------------------------------------------------------------


@pytest.fixture(autouse=True)
def keyboard():
    """SIGINT raises KeyboardInterrupt also in a job in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def ctrl_c():
    """ctrl_c(seconds): SIGINT after that time, at any place of the program; 0 for none."""
    if not hasattr(signal, "setitimer"):
        pytest.skip("needs interval timers")
    before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    with numpy_errors_put_back():
        yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
        signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def has_run(model):
    return not model.finished if isinstance(model, nncore.CharRNN) else not (
        model._run is None or model._run.ended
    )  # fmt: skip


def finished_under_fire(model, fit, path, ctrl_c, seed):
    """The model after a run that signals interrupt repeatedly, and the number of signals."""
    pick, cuts, started = np.random.default_rng(seed), 0, time.perf_counter()
    fit(model)
    whole = time.perf_counter() - started
    model = type(model)(**MAKE[type(model)])
    begun = False
    while not begun or has_run(model):
        try:
            ctrl_c(pick.uniform(0.01, 0.3 + 0.05 * cuts) * whole)
            fit(model, checkpoint=path, checkpoint_every=0.002, resume=has_run(model))
            ctrl_c(0)
        except KeyboardInterrupt:
            cuts += 1
        begun = begun or has_run(model) or len(model.history.loss) > 0
        if begun and pick.random() < 0.5 and path.exists():
            model = type(model).load(path)
    return model, cuts


WATCHED = [
    {"early_stopping": nncore.EarlyStopping(60)},
    {"schedule": nncore.OnPlateau(patience=1, threshold=0.001)},
    {"validation_fraction": 0},
]


# Ctrl-C between the opening of a folder and the look at it leaves the folder to be closed later.
LEFT_OPEN = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@LEFT_OPEN
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("watched", WATCHED, ids=lambda each: next(iter(each)))
def test_ctrl_c_at_any_moment_changes_no_bit_of_a_perceptron(watched, seed, ctrl_c, tmp_path):
    settings = {"epochs": 150, "batch_size": 7, "validation_fraction": 0.3, **watched}
    whole = nncore.MLP(**MAKE[nncore.MLP])
    whole.fit(X, LABELS, **settings)

    def fit(model, **more):
        model.fit(X, LABELS, **settings, **more)

    path = tmp_path / "run.safetensors"
    cut, cuts = finished_under_fire(nncore.MLP(**MAKE[nncore.MLP]), fit, path, ctrl_c, seed)
    assert cuts
    for name in ("_weights", "_slots", "_counters"):
        assert getattr(whole, name).tobytes() == getattr(cut, name).tobytes(), name
    for name in ("loss", "validation_loss", "validation_accuracy"):
        assert getattr(whole.history, name).tobytes() == getattr(cut.history, name).tobytes(), name
    assert whole.history.best_epoch == cut.history.best_epoch


@LEFT_OPEN
@pytest.mark.parametrize("seed", range(8))
def test_ctrl_c_at_any_moment_changes_no_bit_of_a_character_rnn(seed, ctrl_c, tmp_path):
    settings = {"epochs": 6, "validation_fraction": 0.1}
    whole = nncore.CharRNN(**MAKE[nncore.CharRNN])
    whole.fit(TEXT, **settings)

    def fit(model, **more):
        model.fit(TEXT, **settings, **more)

    path = tmp_path / "run.safetensors"
    cut, cuts = finished_under_fire(nncore.CharRNN(**MAKE[nncore.CharRNN]), fit, path, ctrl_c, seed)
    assert cuts
    for name in ("_weights", "_slots", "_counters", "_state"):
        assert getattr(whole, name).tobytes() == getattr(cut, name).tobytes(), name
    assert whole.finished
    assert cut.finished
    assert whole._run.fingerprint == cut._run.fingerprint
    for name in ("loss", "smooth_loss", "validation_bits_per_char", "validation_iteration"):
        assert getattr(whole.history, name).tobytes() == getattr(cut.history, name).tobytes(), name


def interrupted(monkeypatch, owner, name, at, which=signal.SIGINT):
    """A signal at the beginning of call number `at` of a method."""
    calls, real = itertools.count(1), getattr(owner, name)

    def signalled(self, *args):
        if next(calls) == at:
            signal.raise_signal(which)
        return real(self, *args)

    monkeypatch.setattr(owner, name, signalled)


@pytest.mark.parametrize("at", [1, 10, 15])
@pytest.mark.parametrize("watched", [{"early_stopping": nncore.EarlyStopping(3)}, WATCHED[1]])
def test_an_interrupted_validation_is_repeated(watched, at, monkeypatch):
    settings = {"epochs": 15, "validation_fraction": 0.3, **watched}
    whole, net = (nncore.MLP(**MAKE[nncore.MLP]) for _ in range(2))
    whole.fit(X, LABELS, **settings)
    interrupted(monkeypatch, nncore.MLP, "_held_out_accuracy", at)
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, LABELS, **settings)
    assert net.history.epochs == at
    assert np.isnan(net.history.validation_loss[-1])
    net.fit(X, LABELS, resume=True, **settings)
    assert net._weights.tobytes() == whole._weights.tobytes()
    assert net.history.validation_loss.tobytes() == whole.history.validation_loss.tobytes()
    assert net.history.best_epoch == whole.history.best_epoch


def test_a_character_rnn_repeats_an_interrupted_last_validation(monkeypatch, tmp_path):
    path = tmp_path / "run.safetensors"
    net = nncore.CharRNN(**MAKE[nncore.CharRNN])
    interrupted(monkeypatch, nncore.CharRNN, "_evaluate", 1)
    with pytest.raises(KeyboardInterrupt):
        net.fit(TEXT, iterations=20, validation_fraction=0.2, checkpoint=path)
    net = nncore.CharRNN.load(path)
    assert not net.finished
    net.fit(TEXT, validation_fraction=0.2, resume=True)
    assert net.finished
    assert net.history.validation_iteration.tolist() == [20]
    assert net.history.iterations == 20


@pytest.mark.parametrize("kind", ["MLP", "CharRNN"])
def test_a_second_signal_waits_until_the_state_is_consistent(kind, monkeypatch, tmp_path):
    path = tmp_path / "run.safetensors"
    model = getattr(nncore, kind)(**MAKE[getattr(nncore, kind)])
    data = (X, LABELS) if kind == "MLP" else (TEXT,)
    run = MLPRun if kind == "MLP" else CharRNNRun

    def ask(event):
        interrupted(monkeypatch, run, "_publish", 1)
        raise KeyboardInterrupt

    settings = {"epochs": 20, "validation_fraction": 0.2}
    with pytest.raises(KeyboardInterrupt):
        model.fit(*data, **settings, checkpoint=path, callbacks=[ask])
    assert type(model).load(path).history.loss.tobytes() == model.history.loss.tobytes()
    model.fit(*data, **settings, resume=True)
    whole = type(model)(**MAKE[type(model)])
    whole.fit(*data, **settings)
    assert whole._weights.tobytes() == model._weights.tobytes()


# --- time limits, and signals while one is handled ---


class OutOfTimeError(Exception):
    """The exception of the handler of a time limit."""


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="the system has no SIGALRM")
@pytest.mark.parametrize("kind", [nncore.MLP, nncore.CharRNN])
def test_a_time_limit_leaves_history_and_checkpoint_consistent(kind, monkeypatch, tmp_path):
    path = tmp_path / "run.safetensors"
    model = kind(**MAKE[kind])
    run, data = (MLPRun, (X, LABELS)) if kind is nncore.MLP else (CharRNNRun, (TEXT,))

    def out_of_time(*_):
        raise OutOfTimeError

    interrupted(monkeypatch, run, "_publish", 1, signal.SIGALRM)
    before = signal.signal(signal.SIGALRM, out_of_time)
    try:
        with pytest.raises(OutOfTimeError):
            model.fit(*data, epochs=5, checkpoint=path)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert len(model.history.loss) > 0
    assert kind.load(path).history.loss.tobytes() == model.history.loss.tobytes()


@pytest.mark.parametrize("kind", [nncore.MLP, nncore.CharRNN])
def test_a_second_ctrl_c_while_the_first_is_undone_changes_no_bit(kind, monkeypatch):
    data = (X, LABELS) if kind is nncore.MLP else (TEXT,)
    whole, model = kind(**MAKE[kind]), kind(**MAKE[kind])
    whole.fit(*data, epochs=20)

    def broken_off(length, done):
        if length.updates > 1:  # not the first call, which begins from what was there before
            raise KeyboardInterrupt
        return stop(length, done)

    def copied_with_ctrl_c(self, state):
        for array, good in zip(self._arrays, state, strict=True):
            array[...] = good
            if next(signals) == 0:
                signal.raise_signal(signal.SIGINT)

    stop, signals = CallLength.stop, itertools.count()
    with monkeypatch.context() as patch:
        patch.setattr(CallLength, "stop", broken_off)
        patch.setattr(LastGood, "_copy", copied_with_ctrl_c)
        with pytest.raises(KeyboardInterrupt):
            model.fit(*data, epochs=20)
    assert next(signals) > 1
    model.fit(*data, epochs=20, resume=has_run(model))
    for name in ("_weights", "_slots", "_counters"):
        assert getattr(whole, name).tobytes() == getattr(model, name).tobytes(), name
    assert whole.history.loss.tobytes() == model.history.loss.tobytes()
