"""Runs that are broken off anywhere and finished from their checkpoint end with the same bits."""

import itertools
import signal
import time

import numpy as np
import pytest
from interruptions import numpy_errors_put_back

import nncore
from nncore.char_rnn.run import CharRNNRun
from nncore.mlp.run import MLPRun
from nncore.training import CallLength, LastGood

rng = np.random.default_rng(0)
X = rng.standard_normal((53, 6))
LABELS = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 0)
TEXT = "".join(rng.choice(list("abcd ef\n"), 1500))
OPTIMIZERS = [
    nncore.SGD(0.1), nncore.SGD(0.1, 0.9), nncore.SGD(0.1, 0.9, nesterov=True),
    nncore.RMSprop(0.01), nncore.Adagrad(0.1), nncore.Adam(0.01), nncore.AdamW(0.01),
]  # fmt: skip


class Cut:
    """Breaks training off after a random number of compiled calls of random lengths."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def __enter__(self):
        self.patch = pytest.MonkeyPatch()
        left = itertools.count(int(self.rng.integers(0, 4)), -1)
        real = CallLength.stop

        def stop(length, done):
            seconds = real(length, done)
            length.updates = int(self.rng.integers(1, 9))
            if not next(left):
                raise KeyboardInterrupt
            return seconds

        def begin(length, *args, **kwargs):
            real_begin(length, *args, **kwargs)
            length.updates = int(self.rng.integers(1, 9))

        real_begin = CallLength.__init__
        self.patch.setattr(CallLength, "__init__", begin)
        self.patch.setattr(CallLength, "stop", stop)

    def __exit__(self, *exception):
        self.patch.undo()


def finished(model, fit, load, seed):
    """The model after a run that is broken off and resumed, now and then from its file."""
    cut, cuts = Cut(seed), 0
    while True:
        try:
            with cut:
                fit(model, resume=cuts > 0)
        except KeyboardInterrupt:
            cuts += 1
            if cut.rng.random() < 0.7:
                model = load()
        else:
            assert cuts
            return model


def mlp(seed):
    return nncore.MLP(
        [6, 9, 5, 3], "tanh", "softmax", "softmax_cross_entropy", l2=1e-3, dropout=0.2, rng=seed
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: o.rule().kind)
@pytest.mark.parametrize("seed", range(20))
def test_a_perceptron_ends_with_the_same_bits(optimizer, seed, tmp_path):
    pick = np.random.default_rng([seed, 1])
    settings = {
        "optimizer": optimizer,
        "epochs": 20,
        "batch_size": int(pick.choice([1, 7, 53])),
        "schedule": pick.choice([nncore.CosineDecay(), nncore.OnPlateau(patience=1), None]),
        "validation_fraction": float(pick.choice([0, 0.2])),
        "early_stopping": pick.choice([None, nncore.EarlyStopping(3)]),
    }
    data = [X, X.astype(np.float32), (100 * X).astype(np.int16)][pick.integers(3)]
    path = tmp_path / "run.safetensors"
    whole = mlp(seed)
    whole.fit(data, LABELS, **settings)

    def fit(model, resume):
        model.fit(data, LABELS, **settings, checkpoint=path, resume=resume)

    cut = finished(mlp(seed), fit, lambda: nncore.MLP.load(path), seed)
    for name in ("_weights", "_slots", "_counters"):
        assert getattr(whole, name).tobytes() == getattr(cut, name).tobytes()
    for name in ("loss", "validation_loss", "validation_accuracy"):
        assert getattr(whole.history, name).tobytes() == getattr(cut.history, name).tobytes()
    assert whole.history.best_epoch == cut.history.best_epoch
    loaded = nncore.MLP.load(path)
    assert loaded.parameters["w1"].tobytes() == whole.parameters["w1"].tobytes()
    with pytest.raises(ValueError, match="there is no run to resume"):
        loaded.fit(data, LABELS, **settings, resume=True)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: o.rule().kind)
@pytest.mark.parametrize("seed", range(20))
def test_a_character_rnn_ends_with_the_same_bits(optimizer, seed, tmp_path):
    path = tmp_path / "run.safetensors"

    def model():
        return nncore.CharRNN(9, 5, 3, optimizer, rng=seed)

    settings = {"epochs": 1.5, "validation_fraction": 0.1}
    whole = model()
    whole.fit(TEXT, **settings)

    def fit(model, resume):
        model.fit(TEXT, **settings, checkpoint=path, resume=resume)

    cut = finished(model(), fit, lambda: nncore.CharRNN.load(path), seed)
    for name in ("_weights", "_slots", "_counters", "_state"):
        assert getattr(whole, name).tobytes() == getattr(cut, name).tobytes()
    for name in ("loss", "smooth_loss", "validation_bits_per_char"):
        assert getattr(whole.history, name).tobytes() == getattr(cut.history, name).tobytes()
    assert whole.sample(50) == cut.sample(50)


# --- signals, at any moment -------------------------------------------------------------------


@pytest.fixture(autouse=True)
def keyboard():
    """SIGINT raises KeyboardInterrupt also in a job in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def ctrl_c():
    """ctrl_c(seconds): SIGINT after that time, wherever the program then is; 0 for none."""
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
    """The model after a run that signals break off again and again, and the number of these."""
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


MAKE = {
    nncore.MLP: {
        "layer_sizes": [6, 9, 3], "hidden_activation": "relu", "output_activation": "softmax",
        "loss": "softmax_cross_entropy", "dropout": 0.2, "rng": 0,
    },
    nncore.CharRNN: {"hidden_size": 9, "seq_length": 5, "batch_size": 3, "rng": 0},
}  # fmt: skip
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
    for name in ("_weights", "_slots", "_counters", "_state", "_run"):
        assert getattr(whole, name).tobytes() == getattr(cut, name).tobytes(), name
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
def test_an_epoch_whose_measuring_was_broken_off_is_measured_again(watched, at, monkeypatch):
    settings = {"epochs": 15, "validation_fraction": 0.3, **watched}
    whole, net = (nncore.MLP(**MAKE[nncore.MLP]) for _ in range(2))
    whole.fit(X, LABELS, **settings)
    interrupted(monkeypatch, MLPRun, "_accuracy", at)
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, LABELS, **settings)
    assert net.history.epochs == at
    assert np.isnan(net.history.validation_loss[-1])
    net.fit(X, LABELS, resume=True, **settings)
    assert net._weights.tobytes() == whole._weights.tobytes()
    assert net.history.validation_loss.tobytes() == whole.history.validation_loss.tobytes()
    assert net.history.best_epoch == whole.history.best_epoch


def test_a_character_rnn_measures_again_what_was_broken_off_at_the_end(monkeypatch, tmp_path):
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
def test_a_second_signal_waits_until_all_is_in_order(kind, monkeypatch, tmp_path):
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


def test_a_network_may_start_from_the_weights_of_a_file_and_nothing_else(tmp_path):
    path = tmp_path / "trained.safetensors"
    source = mlp(0)
    source.fit(X, LABELS, epochs=3)
    source.save(path)
    fresh, same = mlp(1), mlp(1)
    fresh.start_from(path)
    assert not fresh.history.updates
    for name, array in same.parameters.items():
        array[...] = source.parameters[name]
    for net in (fresh, same):
        net.fit(X, LABELS, epochs=2)
    assert fresh._weights.tobytes() == same._weights.tobytes()
    before = fresh._weights.tobytes()
    with pytest.raises(ValueError, match="trained already: 4 updates"):
        fresh.start_from(path)
    assert fresh._weights.tobytes() == before
    with pytest.raises(ValueError, match=r"layers of \(6, 9, 5, 3\), this network \(6, 3\)"):
        nncore.MLP((6, 3)).start_from(path)


@pytest.mark.parametrize("wrong", [{"resume": True}, {"labels": 0 * LABELS}])
def test_a_call_that_is_refused_draws_no_random_numbers(wrong):
    nets = [nncore.MLP(**MAKE[nncore.MLP]) for _ in range(2)]
    labels = wrong.pop("labels", LABELS)
    with pytest.raises(ValueError, match=r"no run to resume|one class only"):
        nets[0].fit(X, labels, validation_fraction=0.2, **wrong)
    for net in nets:
        net.fit(X, LABELS, validation_fraction=0.2)
    assert nets[0]._weights.tobytes() == nets[1]._weights.tobytes()


@pytest.mark.parametrize("wrong", [{"epochs": -1}, {"iterations": 0}, {"resume": True}])
def test_a_call_that_is_refused_builds_no_character_rnn(wrong):
    net = nncore.CharRNN(**MAKE[nncore.CharRNN])
    with pytest.raises(ValueError, match=r"must be|no run to resume"):
        net.fit(TEXT, **wrong)
    net.fit("another text of other characters " * 9, iterations=1)
    assert net.finished


def test_another_text_is_no_way_to_resume(tmp_path):
    net = nncore.CharRNN(**MAKE[nncore.CharRNN])
    net.fit(TEXT, iterations=400, callbacks=[lambda event: True])
    for text, fraction in ((TEXT[::-1], 0), (TEXT, 0.1)):
        with pytest.raises(ValueError, match="must be those that it was started with"):
            net.fit(text, resume=True, validation_fraction=fraction)
    net.fit(TEXT, resume=True)
    assert net.history.iterations == 400


def broken_off(tmp_path, **settings):
    """A perceptron's checkpoint within a run."""
    path = tmp_path / "run.safetensors"
    with pytest.raises(KeyboardInterrupt), Cut(3):
        mlp(0).fit(X, LABELS, epochs=500, batch_size=5, checkpoint=path, **settings)
    return nncore.MLP.load(path)


@pytest.mark.parametrize(
    ("data", "settings", "text"),
    [
        ((X[:50], LABELS[:50]), {}, "X, Y, .* batch_size must be those"),
        ((X + 1, LABELS), {}, "X, Y, .* batch_size must be those"),
        ((X, 2 - LABELS), {}, "X, Y, .* batch_size must be those"),
        ((X, LABELS), {"batch_size": 6}, "X, Y, .* batch_size must be those"),
        ((X, LABELS), {"sample_weight": np.ones(53)}, "sample_weight, .* must be those"),
        ((X, LABELS), {"validation_data": (X, LABELS)}, "validation_data .* must be those"),
        ((X, LABELS), {"optimizer": nncore.SGD()}, "needs the optimizer .* adam; got SGD"),
    ],
)
def test_a_run_is_resumed_with_what_it_began_with(data, settings, text, tmp_path):
    net = broken_off(tmp_path)
    before = net._weights.tobytes()
    with pytest.raises(ValueError, match=text):
        net.fit(*data, **{"batch_size": 5, "resume": True, **settings})
    assert net._weights.tobytes() == before
    net.fit(X, LABELS, batch_size=5, resume=True)
    assert net.history.epochs == 500  # as that run had planned


def test_a_network_without_a_run_has_none_to_resume():
    with pytest.raises(ValueError, match="there is no run to resume"):
        mlp(0).fit(X, LABELS, resume=True)


def test_another_run_may_begin_in_place_of_the_broken_one(tmp_path):
    net = broken_off(tmp_path)
    epochs = net.history.epochs
    net.fit(X, LABELS, epochs=2)
    assert net.history.epochs == epochs + 2
    with pytest.raises(ValueError, match="there is no run to resume"):
        net.fit(X, LABELS, resume=True)


@pytest.mark.parametrize("every", [-1, float("nan")])
def test_seconds_between_checkpoints_are_not_negative(every):
    for fit in (
        lambda **how: mlp(0).fit(X, LABELS, **how),
        lambda **how: nncore.CharRNN(4, 5, 1).fit(TEXT, **how),
    ):
        with pytest.raises(ValueError, match="checkpoint_every must be 0 or positive"):
            fit(checkpoint_every=every)


def test_a_checkpoint_that_cannot_be_written_is_told_before_training(tmp_path):
    net = mlp(0)
    with pytest.raises(FileNotFoundError, match="is in a folder that does not exist"):
        net.fit(X, LABELS, checkpoint=tmp_path / "none" / "run.safetensors")
    assert not net.history.updates


def test_a_checkpoint_stays_where_it_was_asked_for(tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)

    def leave(event):
        monkeypatch.chdir(tmp_path / "other")

    mlp(0).fit(X, LABELS, epochs=3, checkpoint="run.safetensors", callbacks=[leave])
    assert nncore.MLP.load(tmp_path / "run.safetensors").history.epochs == 3
    assert not list((tmp_path / "other").iterdir())


def test_checkpoints_are_as_far_apart_as_asked_for(tmp_path, monkeypatch):
    saves = []
    monkeypatch.setattr(nncore.MLP, "save", lambda self, path: saves.append(path))
    for every, wanted in ((0, 10), (3600, 1)):
        saves.clear()
        mlp(0).fit(
            X,
            LABELS,
            epochs=10,
            batch_size=53,
            checkpoint=tmp_path / "run",
            checkpoint_every=every,
            callbacks=[lambda event: None],
        )
        assert len(saves) in (wanted, wanted + 1)  # one more at the end


@pytest.mark.parametrize("kind", ["MLP", "CharRNN"])
def test_a_state_that_ran_away_is_not_written_over_a_good_one(kind, tmp_path):
    path = tmp_path / "run.safetensors"
    model = mlp(0) if kind == "MLP" else nncore.CharRNN(4, 5, 1, rng=0)
    calls = itertools.count()

    def ruin(event):
        if next(calls) == 3:
            next(iter(event.model.parameters.values()))[...] = np.nan
            raise KeyboardInterrupt

    data = (X, LABELS) if kind == "MLP" else (TEXT,)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*data, epochs=20, checkpoint=path, checkpoint_every=0, callbacks=[ruin])
    assert np.isfinite(type(model).load(path)._weights).all()


class OutOfTimeError(Exception):
    """What a time limit's handler raises."""


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="the system has no SIGALRM")
@pytest.mark.parametrize("kind", [nncore.MLP, nncore.CharRNN])
def test_a_time_limit_leaves_history_and_checkpoint_in_order(kind, monkeypatch, tmp_path):
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
