"""Runs of MLP.fit that diverge, are interrupted or stopped by an error."""

import re
import time

import numpy as np
import pytest
from interruptions import ctrl_c_by_timer, interrupted_once
from mlp_runs import X, Y, calls_of, fitted
from mlps import BACKENDS, same, small, state_of, weights

from nncore import (
    SGD,
    CosineDecay,
    DivergenceError,
    EarlyStopping,
)
from nncore.mlp import run as mlp_run
from nncore.reference import updates


@BACKENDS
@pytest.mark.parametrize("callbacks", [[], [lambda event: None]], ids=["long", "by epochs"])
@pytest.mark.parametrize("length", [1, 5, 1000])
@pytest.mark.parametrize("rate", [1.5, 1e8, 1e30])
def test_divergence_keeps_the_last_good_parameters(backend, callbacks, length, rate, monkeypatch):
    calls_of(length, monkeypatch)
    net = small(backend=backend)
    net.fit(X, Y, epochs=3)
    with pytest.raises(DivergenceError, match="training diverged after update") as raised:
        net.fit(X, Y, optimizer=SGD(rate), epochs=500, callbacks=callbacks)
    at, kept = map(int, re.findall(r"update (\d+)", str(raised.value)))
    assert 3 <= kept < at < 50
    assert net.history.updates == kept
    assert np.isfinite(net.loss(X, Y))
    assert np.isfinite(net.history.loss).all()
    assert net.history.epochs == net.history.updates
    net.fit(X, Y, optimizer=SGD(1e-30), epochs=2)
    assert net.history.updates == net.history.epochs


def test_divergence_with_early_stopping_restores_the_best_and_says_so():
    net, snapshots = small(), []
    message = r"parameters of the best epoch, \d+, were restored"
    with pytest.raises(DivergenceError, match=message) as raised:
        net.fit(
            X,
            Y,
            optimizer=SGD(1.0),
            schedule=lambda step, total: 1e-3 if step < 4 else 1e8,
            epochs=500,
            early_stopping=EarlyStopping(400),
            callbacks=[lambda event: snapshots.append(weights(event.model))],
        )
    best = int(re.search(r"best epoch, (\d+)", str(raised.value))[1])
    assert 1 <= best == net.history.best_epoch
    assert same(weights(net), snapshots[best - 1])


def test_nan_parameters_are_refused_before_training():
    net = small()
    net.parameters["w1"][0, 0] = np.nan
    before = state_of(net)
    with pytest.raises(ValueError, match=r"parameters\['w1'\] contains NaN or infinity"):
        net.fit(X, Y)
    assert state_of(net) == before


def test_divergence_of_the_first_update_changes_nothing():
    net = small(weight_init={n: np.full(a.shape, 1e30) for n, a in small().parameters.items()})
    before = state_of(net)
    with pytest.raises(DivergenceError, match=r"after update 0: .* parameters of update 0 were"):
        net.fit(X, Y, optimizer=SGD())
    assert state_of(net) == before


@pytest.mark.parametrize("at", [1, 2, 5])
@pytest.mark.parametrize("point", ["callback", "schedule", "update", "history"])
def test_ctrl_c_leaves_a_consistent_network(point, at, monkeypatch):
    net = small(backend="numpy")
    how = {"epochs": 6, "batch_size": 30, "callbacks": [lambda event: None]}
    with monkeypatch.context() as patch:
        if point == "callback":
            how["callbacks"] = [interrupted_once(lambda event: None, at)]
        elif point == "schedule":
            how["schedule"] = interrupted_once(CosineDecay(0.1), at)
        elif point == "update":  # the weights have changed, the counters have not
            patch.setattr(
                updates, "adam_update", interrupted_once(updates.adam_update, at, after=True)
            )
        else:
            patch.setattr(mlp_run.MLPRun, "_extend", interrupted_once(mlp_run.MLPRun._extend, at))
        with pytest.raises(KeyboardInterrupt):
            net.fit(X, Y, **how)
    updates_done = at if point == "callback" else at - 1
    assert net.history.epochs == net.history.updates == net._counters[0] == updates_done
    assert np.isfinite(net.history.loss).all()
    del how["callbacks"]
    how.pop("schedule", None)
    control = small(backend="numpy")
    if point != "schedule":
        if updates_done:
            control.fit(X, Y, **how | {"epochs": updates_done})
        assert same(weights(net), weights(control))
    net.fit(X, Y, epochs=1)
    assert np.isfinite(net.history.loss).all()


@pytest.fixture
def ctrl_c_after():
    with ctrl_c_by_timer() as after:
        yield after


@pytest.mark.parametrize("length", [1, 10**6])
def test_ctrl_c_ends_compiled_calls(length, ctrl_c_after, monkeypatch):
    """Also a call that would take many minutes; its updates are not recorded then."""
    calls_of(length, monkeypatch)
    net = small(layer_sizes=(4, 300, 300, 3))
    net.fit(X, Y, epochs=2)
    start = time.perf_counter()
    ctrl_c_after(0.05)
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, Y, epochs=10**6)
    assert time.perf_counter() - start < 5
    assert net.history.updates == net._counters[0] >= 2
    assert net.history.updates - net.history.epochs in (0, 1)  # between update and history
    control = small(layer_sizes=(4, 300, 300, 3))
    control.fit(X, Y, epochs=net.history.updates)
    assert same(weights(net), weights(control))


def test_an_error_in_a_callback_is_passed_on_and_the_history_is_kept():
    net = small()

    def fail(event):
        if event.epoch == 2:
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        net.fit(X, Y, epochs=5, callbacks=[fail])
    assert net.history.epochs == 2
    assert same(weights(net), weights(fitted({"epochs": 2})))


def test_networks_train_side_by_side_in_threads():
    from threading import Thread

    how = {"epochs": 50, "batch_size": 4}
    alone = [fitted(how, rng=seed) for seed in range(4)]
    together = [small(rng=seed) for seed in range(4)]
    threads = [Thread(target=net.fit, args=(X, Y), kwargs=how) for net in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [state_of(net) for net in together] == [state_of(net) for net in alone]
