"""Callbacks of populations: what they are told, and what they may do."""

import numpy as np
import pytest
from populations import HELD_OUT, RATES, M, X, Y, adam, alone, bits, population, record, trained

from nncore import SGD, EarlyStopping, PopulationEvent

HELD = {"validation_data": HELD_OUT}
ROWS = [np.arange(n) for n in (30, 11, 20, 11, 30)]


def events_of(nets=None, **how):
    """The events of a run."""
    events = []
    nets = population() if nets is None else nets
    nets.fit(X, Y, **{"epochs": 4, "callbacks": [events.append], **how})
    return nets, events


def test_there_is_an_event_for_each_epoch():
    nets, events = events_of()
    assert all(isinstance(event, PopulationEvent) for event in events)
    assert all(event.model is nets for event in events)
    assert [event.epoch for event in events] == [1, 2, 3, 4]
    assert {event.epochs for event in events} == {4}
    for event in events:
        assert event.members.tolist() == list(range(M))
        assert event.loss.tolist() == nets.history.loss[:, event.epoch - 1].tolist()
        assert event.validation_loss is None
        assert event.rows_per_second > 0
    np.testing.assert_equal(record(nets.history), record(trained({"epochs": 4}).history))


def test_the_events_of_a_second_run_begin_at_1():
    _, events = events_of(trained({"epochs": 3}), epochs=2, **HELD)
    assert [event.epoch for event in events] == [1, 2]
    assert events[1].validation_loss.tolist() == events[1].model.history.validation_loss[
        :, 4
    ].tolist()  # fmt: skip


def test_each_group_has_events():
    nets, events = events_of(rows=ROWS, **HELD)
    groups = [event.members.tolist() for event in events]
    assert groups == [[1, 3]] * 4 + [[2]] * 4 + [[0, 4]] * 4
    assert [event.epoch for event in events] == [1, 2, 3, 4] * 3
    for event in events:
        at = event.members, event.epoch - 1
        assert event.loss.tolist() == nets.history.loss[at].tolist()
        assert event.validation_loss.tolist() == nets.history.validation_loss[at].tolist()


def test_members_that_have_stopped_are_not_in_an_event():
    how = {**HELD, "early_stopping": EarlyStopping(2, 1e-3), "learning_rate": RATES, "epochs": 40}
    nets, events = events_of(**how)
    completed = (~np.isnan(nets.history.loss)).sum(axis=1)
    for event in events:
        assert event.members.tolist() == np.flatnonzero(completed >= event.epoch).tolist()
    rates = [0.05, 1e5, 0.05, 1e7, 0.01]
    nets, events = events_of(epochs=20, batch_size=10, learning_rate=rates, optimizer=SGD())
    assert nets.history.diverged.tolist() == [False, True, False, True, False]
    assert events[-1].members.tolist() == [0, 2, 4]
    assert all(np.isfinite(event.loss).all() for event in events)


def test_the_history_is_complete_in_a_callback():
    seen = []

    def look(event):
        history = event.model.history
        assert history.loss.shape == history.validation_loss.shape == (M, event.epoch)
        assert (history.updates == event.epoch).all()
        assert (history.best_epoch >= 1).all()
        seen.append(record(history))
        assert event.model[1].history.epochs == event.epoch

        event.model.history.best_epoch[:] = 7  # a copy

    nets = population()
    how = {**HELD, "early_stopping": EarlyStopping(9), "optimizer": adam(0.01)}
    nets.fit(X, Y, epochs=3, callbacks=[look], **how)
    for epochs, before in enumerate(seen, start=1):
        control = trained({"epochs": epochs, **how})
        np.testing.assert_equal(before, record(control.history))
    assert (nets.history.best_epoch < 7).all()


def test_a_callback_that_returns_true_stops_all_members():
    nets, events = events_of(rows=ROWS, callbacks=[lambda event: 2 in event.members])
    assert not events
    assert nets.history.updates.tolist() == [0, 4, 1, 4, 0]
    assert np.isnan(nets.history.loss[[0, 4]]).all()


@pytest.mark.parametrize("answer", [False, None, 1, "yes", np.False_])
def test_only_true_stops(answer):
    nets, _ = events_of(callbacks=[lambda event: answer])
    assert nets.history.epochs == 4


def test_callbacks_may_change_parameters():
    """As in population-based training: a member continues from the parameters of a better one."""

    def replace(event):
        order = np.argsort(event.loss)
        event.model.flat[event.members[order[-1]]] = event.model.flat[event.members[order[0]]]

    nets, control = population(), population()
    nets.fit(X, Y, epochs=6, callbacks=[replace])
    for _ in range(6):
        control.fit(X, Y, epochs=1)
        order = np.argsort(control.history.loss[:, -1])
        control.flat[order[-1]] = control.flat[order[0]]
    assert bits(nets) == bits(control)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_callback_may_not_ruin_parameters(value, tmp_path):
    def ruin(event):
        if event.epoch == 3:
            event.model.parameters["w2"][1, 0, 0] = value

    nets = population()
    with pytest.raises(ValueError, match=r"parameters\['w2'\] contains NaN or infinity"):
        nets.fit(X, Y, epochs=6, callbacks=[ruin], checkpoint=tmp_path / "m", checkpoint_every=0)
    nets = type(nets).load(tmp_path / "m")  # the last one before
    assert nets.history.epochs == 2
    nets.fit(X, Y, epochs=6, resume=True)
    assert bits(nets) == bits(trained({"epochs": 6}))


@pytest.mark.parametrize("callbacks", [3, [3], "abc", None])
def test_callbacks_that_are_not_functions_are_refused(callbacks):
    nets = population()
    with pytest.raises(TypeError, match="callbacks must be a list of functions"):
        nets.fit(X, Y, callbacks=callbacks)
    assert not nets.history.updates.any()


def test_callbacks_change_no_bit():
    how = {"epochs": 5, "batch_size": 7}
    nets, net = population(), alone(2)
    nets.fit(X, Y, callbacks=[lambda event: None], **how)
    assert bits(nets) == bits(trained(how))
    net.fit(X, Y, **how)
    assert bits(nets[2]) == bits(net)
