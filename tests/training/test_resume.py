"""Interrupted runs that are finished from their checkpoint end with the same bits."""

import itertools

import numpy as np
import pytest
from every_optimizer import EVERY_OPTIMIZER
from interrupted_runs import LABELS, MAKE, TEXT, Cut, X, broken_off, mlp

import nncore


def finished(model, fit, load, seed):
    """The model after a run that is interrupted and resumed, sometimes from its file."""
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


# --- whole runs --------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=lambda o: o.rule().kind)
@pytest.mark.parametrize("seed", range(8))
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


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=lambda o: o.rule().kind)
@pytest.mark.parametrize("seed", range(8))
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


# --- checkpoints -------------------------------------------------------------------------------


def test_start_from_takes_only_the_weights_of_a_file(tmp_path):
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
    with pytest.raises(ValueError, match="already trained: 4 updates"):
        fresh.start_from(path)
    assert fresh._weights.tobytes() == before
    with pytest.raises(ValueError, match=r"layers of \(6, 9, 5, 3\), expected \(6, 3\)"):
        nncore.MLP((6, 3)).start_from(path)


@pytest.mark.parametrize("wrong", [{"resume": True}, {"labels": 0 * LABELS}])
def test_a_call_that_is_refused_draws_no_random_numbers(wrong):
    nets = [nncore.MLP(**MAKE[nncore.MLP]) for _ in range(2)]
    labels = wrong.pop("labels", LABELS)
    with pytest.raises(ValueError, match=r"no run to resume|only one class"):
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


def test_a_run_cannot_be_resumed_with_another_text(tmp_path):
    net = nncore.CharRNN(**MAKE[nncore.CharRNN])
    net.fit(TEXT, iterations=400, callbacks=[lambda event: True])
    for text, fraction in ((TEXT[::-1], 0), (TEXT, 0.1)):
        with pytest.raises(ValueError, match="must be those that it was started with"):
            net.fit(text, resume=True, validation_fraction=fraction)
    net.fit(TEXT, resume=True)
    assert net.history.iterations == 400


@pytest.mark.parametrize(
    ("data", "settings", "text"),
    [
        ((X[:50], LABELS[:50]), {}, "X, Y, .* batch_size must be those"),
        ((X + 1, LABELS), {}, "X, Y, .* batch_size must be those"),
        ((X, 2 - LABELS), {}, "X, Y, .* batch_size must be those"),
        ((X, LABELS), {"batch_size": 6}, "X, Y, .* batch_size must be those"),
        ((X, LABELS), {"sample_weight": np.ones(53)}, "sample_weight, .* must be those"),
        ((X, LABELS), {"validation_data": (X, LABELS)}, "validation_data .* must be those"),
        ((X, LABELS), {"optimizer": nncore.SGD()}, "needs the optimizer .* adam, got SGD"),
    ],
)
def test_a_run_is_resumed_only_with_its_data_and_settings(data, settings, text, tmp_path):
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


def test_a_new_run_may_replace_an_interrupted_one(tmp_path):
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


def test_an_unwritable_checkpoint_is_reported_before_training(tmp_path):
    net = mlp(0)
    with pytest.raises(FileNotFoundError, match="is in a folder that does not exist"):
        net.fit(X, LABELS, checkpoint=tmp_path / "none" / "run.safetensors")
    assert not net.history.updates


def test_a_checkpoint_path_does_not_follow_the_working_directory(tmp_path, monkeypatch):
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
    for every, expected in ((0, 10), (3600, 1)):
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
        assert len(saves) in (expected, expected + 1)  # one more at the end


@pytest.mark.parametrize("kind", ["MLP", "CharRNN"])
def test_a_diverged_state_does_not_overwrite_a_good_checkpoint(kind, tmp_path):
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
