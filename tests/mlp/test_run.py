"""MLP.fit: what it learns, and the history, events and errors of its runs."""

import numpy as np
import pytest
from every_optimizer import EVERY_OPTIMIZER
from mlp_runs import LABELS, X, Y, calls_of, fitted
from mlps import BACKENDS, classifier, same, small, state_of, weights

from nncore import (
    SGD,
    Adam,
    CosineDecay,
    EarlyStopping,
    EpochEvent,
    OnPlateau,
)

EACH_RULE = pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=lambda o: o.rule().kind)


# --- learning -----------------------------------------------------------------------------------


@EACH_RULE
@BACKENDS
def test_every_optimizer_learns(optimizer, backend):
    net = small(backend=backend, hidden_activation="tanh")
    before = net.loss(X, Y)
    history = net.fit(X, Y, optimizer=optimizer, epochs=60, batch_size=8)
    assert net.loss(X, Y) < 0.5 * before
    assert history is net.history
    assert history.loss[-1] < 0.5 * history.loss[0]


@BACKENDS
def test_a_classifier_learns(backend):
    net = classifier(backend=backend, dropout=0.1)
    net.fit(X, LABELS, optimizer=Adam(0.05), epochs=100)
    assert net.accuracy(X, LABELS) > 0.9


@pytest.mark.parametrize("loss", ["squared_error", "huber", "softmax_cross_entropy"])
@EACH_RULE
def test_both_backends_agree_over_a_whole_run(optimizer, loss):
    how = {"optimizer": optimizer, "epochs": 20, "batch_size": 7, "clip": 1.0, "clip_norm": 2.0,
           "schedule": CosineDecay(0.1), "validation_fraction": 0.2,
           "sample_weight": np.linspace(0.5, 2, 30)}  # fmt: skip
    nets = []
    for backend in ("compiled", "numpy"):
        net = small(loss=loss, dtype="float64", backend=backend, dropout=0.3, l1=1e-3, l2=1e-2,
                    hidden_activation="tanh")  # fmt: skip
        net.fit(X, LABELS if loss == "softmax_cross_entropy" else Y, **how)
        nets.append(net)
    for name, array in nets[0].parameters.items():
        np.testing.assert_allclose(array, nets[1].parameters[name], rtol=1e-8, atol=1e-8)
    for name in ("loss", "validation_loss", "validation_accuracy"):
        histories = [getattr(net.history, name) for net in nets]
        np.testing.assert_allclose(*histories, rtol=1e-8)


def test_the_loss_of_an_epoch_is_the_mean_over_its_rows():
    """Of each batch before its update; the last batch is short."""
    net, parts = small(dtype="float64"), small(dtype="float64")
    net.fit(X, Y, optimizer=SGD(0.05), epochs=1, batch_size=8, shuffle=False)
    total = 0.0
    for start in range(0, 30, 8):
        batch = slice(start, min(start + 8, 30))
        loss, gradients = parts.loss_and_gradients(X[batch], Y[batch])
        total += loss * (batch.stop - batch.start)
        for name, array in parts.parameters.items():
            array[...] -= 0.05 * gradients[name]
    np.testing.assert_allclose(net.history.loss, [total / 30], rtol=1e-12)
    for name, array in parts.parameters.items():
        np.testing.assert_allclose(net.parameters[name], array, rtol=1e-10, atol=1e-12)


def test_shuffling_shows_every_row_once_an_epoch_in_another_order():
    """One row a batch; each row's target is its number, and the loss shows it."""
    x, y = np.zeros((9, 4)), np.arange(9.0)
    net = small(layer_sizes=(4, 1), weight_init={"w1": np.zeros((4, 1)), "b1": [0]})
    seen = []

    def watch(event):
        seen.append(event.loss)

    for shuffle in (True, False):
        net.fit(
            x, y, optimizer=SGD(0.0), epochs=3, batch_size=1, shuffle=shuffle, callbacks=[watch]
        )
    np.testing.assert_allclose(seen, np.mean(y**2))
    halves = [
        fitted({"optimizer": SGD(0.05), "epochs": 1, "batch_size": 15, "shuffle": s}, rng=rng)
        for s, rng in ((True, 0), (True, 1), (False, 0), (False, 1))
    ]
    start = [small(rng=rng) for rng in (0, 1)]
    steps = [net.parameters["b2"] - start[i % 2].parameters["b2"] for i, net in enumerate(halves)]
    assert not np.array_equal(steps[0], steps[2])
    assert not np.array_equal(steps[1], steps[3])


@pytest.mark.parametrize("batch_size", [30, 31, 10**9])
def test_batches_larger_than_the_data_take_all_rows(batch_size):
    net = fitted({"epochs": 5, "batch_size": batch_size})
    assert net.history.updates == 5
    assert same(weights(net), weights(fitted({"epochs": 5, "batch_size": 30, "shuffle": False})))


def test_weights_of_rows_are_repetitions():
    counts = np.arange(30) % 3
    how = {"optimizer": SGD(0.05), "epochs": 20, "batch_size": 99}
    weighted = fitted(how | {"sample_weight": counts}, dtype="float64")
    repeated = small(dtype="float64")
    repeated.fit(np.repeat(X, counts, axis=0), np.repeat(Y, counts, axis=0), **how)
    for name, array in weighted.parameters.items():
        np.testing.assert_allclose(array, repeated.parameters[name], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(weighted.history.loss, repeated.history.loss, rtol=1e-9)


@BACKENDS
def test_clipping_limits_the_step(backend):
    def step(**how):
        net = small(dtype="float64", backend=backend)
        before = net._weights.copy()
        net.fit(X, 100 * Y, optimizer=SGD(1.0), epochs=1, batch_size=30, **how)
        return net._weights - before

    assert np.abs(step()).max() > 10
    assert np.abs(step(clip=0.25)).max() == pytest.approx(0.25)
    assert np.linalg.norm(step(clip_norm=0.5)) == pytest.approx(0.5)
    assert np.array_equal(step(clip=np.inf, clip_norm=np.inf), step())


def test_dropout_changes_training():
    runs = [fitted({"epochs": 3}, dropout=rate) for rate in (0, 0.5)]
    assert not same(*map(weights, runs))


# --- runs in parts ------------------------------------------------------------------------------


@EACH_RULE
@BACKENDS
@pytest.mark.parametrize("settings", [{}, {"dropout": 0.3}], ids=["plain", "dropout"])
def test_two_runs_equal_one_long_run(optimizer, backend, settings):
    settings = settings | {"backend": backend}
    how = {"optimizer": optimizer, "batch_size": 8}
    whole = fitted(how | {"epochs": 9}, **settings)
    halves = fitted(how | {"epochs": 4}, **settings)
    halves.fit(X, Y, epochs=5, **how)
    assert state_of(whole) == state_of(halves)
    assert halves.history.epochs == 9
    assert halves.history.updates == 36


def test_an_optimizer_of_another_kind_starts_with_a_new_state():
    net = fitted({"epochs": 3, "optimizer": Adam()})
    assert net._slots.any()
    twin = small(weight_init=net.parameters)
    for one in (net, twin):
        one.fit(X, Y, epochs=3, optimizer=SGD(0.01, momentum=0.9), batch_size=30)
    assert same(weights(net), weights(twin))
    net.fit(X, Y, epochs=1, optimizer=SGD(0.5, momentum=0.1))  # of the same kind
    fresh = small(weight_init=twin.parameters)
    fresh.fit(X, Y, epochs=1, optimizer=SGD(0.5, momentum=0.1))
    assert not same(weights(net), weights(fresh))


@pytest.mark.parametrize("length", [1, 2, 7, 10**6])
@pytest.mark.parametrize("form", [np.float32, np.float64, int, np.asfortranarray], ids=str)
@pytest.mark.parametrize(
    "how",
    [{}, {"shuffle": False}, {"batch_size": 30}, {"validation_fraction": 0.3},
     {"schedule": CosineDecay(0.1)}, {"sample_weight": np.arange(30)}],
    ids=str,
)  # fmt: skip
def test_the_number_of_updates_in_a_call_changes_nothing(length, form, how, monkeypatch):
    x = form(np.round(X)) if form is np.asfortranarray else np.round(X).astype(form)
    how = {"epochs": 6, "batch_size": 4, "optimizer": Adam(0.01)} | how
    whole, parts = small(dropout=0.2), small(dropout=0.2)
    whole.fit(np.round(X), Y, **how)
    calls_of(length, monkeypatch)
    parts.fit(x, Y, **how)
    assert same(weights(whole), weights(parts))
    np.testing.assert_allclose(whole.history.loss, parts.history.loss, rtol=1e-14)
    assert whole.history.updates == parts.history.updates


# --- callbacks, history, progress ---------------------------------------------------------------


def test_callbacks_see_every_epoch():
    events, net = [], classifier()
    history = net.fit(X, LABELS, epochs=3, validation_fraction=0.2, callbacks=[events.append])
    assert all(isinstance(event, EpochEvent) for event in events)
    assert [(event.epoch, event.epochs) for event in events] == [(1, 3), (2, 3), (3, 3)]
    assert [event.loss for event in events] == history.loss.tolist()
    assert [event.validation_loss for event in events] == history.validation_loss.tolist()
    accuracies = [event.validation_accuracy for event in events]
    assert accuracies == history.validation_accuracy.tolist()
    assert all(event.rows_per_second > 0 and event.model is net for event in events)
    net.fit(X, LABELS, epochs=1, callbacks=[events.append])
    assert (events[-1].validation_loss, events[-1].validation_accuracy) == (None, None)


def test_callbacks_see_the_history_so_far():
    seen = []
    net = small()
    for epochs in (2, 3):
        net.fit(X, Y, epochs=epochs, batch_size=10,
                callbacks=[lambda e: seen.append((e.model.history.epochs, e.model.history.updates))]
                )  # fmt: skip
    assert seen == [(1, 3), (2, 6), (3, 9), (4, 12), (5, 15)]


@pytest.mark.parametrize(
    ("answer", "epochs"), [(True, 3), (np.True_, 3), (None, 9), (1, 9), ("x", 9)]
)
def test_a_callback_that_returns_true_ends_the_run(answer, epochs):
    net, others = small(), []
    stop = [lambda e: answer if e.epoch == 3 else None, others.append]
    net.fit(X, Y, epochs=9, callbacks=stop)
    assert net.history.epochs == len(others) == epochs
    assert same(weights(net), weights(fitted({"epochs": epochs})))


def test_the_history_has_a_readable_repr():
    net = classifier()
    assert repr(net.history) == "<MLPHistory: no epochs yet>"
    history = net.fit(X, LABELS, epochs=3, batch_size=10)
    assert repr(history).startswith("<MLPHistory: 3 epochs, 9 updates in ")
    assert f"loss {history.loss[-1]:.4g}" in repr(history)
    assert "validation" not in repr(history)
    net.fit(X, LABELS, epochs=1, validation_data=(X, LABELS))
    assert f"validation loss {history.validation_loss[-1]:.4g}, validation accuracy" in repr(
        history
    )
    assert history.seconds > 0
    assert [a.dtype for a in (history.loss, history.validation_loss)] == [np.float64] * 2


def test_progress_is_drawn_only_if_asked_for(capsys):
    small().fit(X, Y, epochs=3)
    assert capsys.readouterr().err == ""
    small().fit(X, Y, epochs=3, progress=True, validation_fraction=0.2)
    drawn = capsys.readouterr().err
    for part in ("100%", "loss=", "validation="):
        assert part in drawn


# --- settings that do not fit -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({"optimizer": Adam}, TypeError, r"optimizer .* got the class Adam; call it: Adam\(\)"),
        ({"optimizer": "adam"}, TypeError, "optimizer must be an nncore optimizer .* got str"),
        ({"epochs": 0}, ValueError, "epochs must be at least 1, got 0"),
        ({"epochs": 1.5}, TypeError, "epochs must be an integer, got float"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"batch_size": True}, TypeError, "batch_size must be an integer, got bool"),
        ({"schedule": CosineDecay}, TypeError, r"got the class CosineDecay; call it"),
        ({"schedule": OnPlateau}, TypeError, r"got the class OnPlateau; call it"),
        ({"schedule": 0.5}, TypeError, "schedule must be callable, got float"),
        ({"schedule": lambda s, t: -1}, ValueError, "schedule must return 0 or a positive number"),
        ({"schedule": lambda s, t: "1a"}, TypeError, "schedule must return a number, got '1a'"),
        ({"clip": 0}, ValueError, "clip must be a positive number or None, got 0"),
        ({"clip_norm": -1}, ValueError, "clip_norm must be a positive number or None, got -1"),
        ({"validation_fraction": 1.0}, ValueError, r"validation_fraction must be in \[0, 1\), got"),
        ({"validation_fraction": -0.5}, ValueError, r"validation_fraction must be in \[0, 1\)"),
        ({"validation_fraction": 0.01}, ValueError, "holds out 0 of 30 rows"),
        ({"validation_fraction": "0.1"}, TypeError, "validation_fraction must be a number, got"),
        ({"validation_data": X}, TypeError, r"validation_data must be \(X, Y\) or"),
        ({"validation_data": (X, Y, None, Y)}, TypeError, r"validation_data must be \(X, Y\) or"),
        (
            {"validation_data": (X, Y), "validation_fraction": 0.1},
            ValueError,
            "expected validation_data or validation_fraction, got both",
        ),
        ({"early_stopping": 5}, TypeError, r"early_stopping must be an EarlyStopping\(\) or None"),
        ({"early_stopping": EarlyStopping}, TypeError, "early_stopping must be an EarlyStopping"),
        ({"callbacks": print}, TypeError, "callbacks must be a list of functions"),
        ({"callbacks": [1]}, TypeError, "callbacks must be a list of functions"),
    ],
)
def test_settings_that_do_not_fit_are_refused(how, error, message):
    net = small()
    before = state_of(net)
    with pytest.raises(error, match=message):
        net.fit(X, Y, **how)
    after = state_of(net)
    assert before[0][0] == after[0][0]
    assert before[1] == after[1]
