"""Building blocks of training loops: call lengths, history, snapshots, the progress bar."""

import sys

import numpy as np
import pytest

from nncore import CharRNN, History, TrainingEvent
from nncore.char_rnn.history import smoothed
from nncore.training import (
    CallLength,
    GrowableArray,
    LastGood,
    call_length,
    progress_bar,
)

TEXT = "abcabcacb\n" * 40


def small(**settings):
    return CharRNN(**{"hidden_size": 4, "seq_length": 5, "batch_size": 2, "rng": 0} | settings)


# --- call lengths -------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test advances."""
    now = [0.0]
    monkeypatch.setattr(call_length.time, "perf_counter", lambda: now[0])

    def pass_by(seconds):
        now[0] += seconds

    return pass_by


def lengths(clock, seconds_an_update, calls, **settings):
    call, result = CallLength(**settings), []
    for _ in range(calls):
        call.start()
        clock(call.updates * seconds_an_update)
        call.stop(call.updates)
        result.append(call.updates)
    return result


def test_calls_grow_to_about_thirty_milliseconds(clock):
    assert lengths(clock, 2**-14, 10) == [2, 4, 8, 16, 32, 64, 128, 256, 491, 491]


def test_calls_grow_to_a_time_that_is_given(clock):
    assert lengths(clock, 2**-14, 20, intended=0.125)[-1] == 2000  # the most
    assert lengths(clock, 2**-10, 20, intended=0.125)[-1] == 128


def test_slow_updates_run_one_by_one(clock):
    assert lengths(clock, 0.5, 3) == [1, 1, 1]


def test_the_length_of_calls_is_limited(clock):
    assert lengths(clock, 1e-9, 20)[-1] == 2000
    assert lengths(clock, 1e-9, 20, longest=5)[-1] == 5


def test_calls_shrink_at_once_when_updates_become_slow(clock):
    call = CallLength()
    call.updates = 1000
    call.start()
    clock(1.0)
    assert call.stop(1000) == 1.0
    assert call.updates == 30


# --- history ------------------------------------------------------------------------------------


def test_smoothed_is_a_running_mean():
    assert smoothed(10.0, np.array([0.0, 20.0]), 0.9).tolist() == pytest.approx([9.0, 10.1])
    assert smoothed(10.0, np.empty(0), 0.9).shape == (0,)


def test_a_history_has_a_readable_repr():
    history = History(seq_length=10)
    assert repr(history) == "<History: no updates yet>"
    assert history.iterations == 0
    history.loss = np.array([30.0, 20.0])
    history.smooth_loss = np.array([30.0, 10 * np.log(2) * 2.5])
    history.seconds = 1.5
    assert history.iterations == 2
    assert history.bits_per_char[1] == pytest.approx(2.5)
    assert "2 updates in 1.5 s" in repr(history)
    assert "(2.500 bits per character)" in repr(history)
    history.validation_bits_per_char = np.array([3.0, 2.75])
    assert "2.750 on the held-out text" in repr(history)


def test_a_growable_array_keeps_its_values():
    growing, all_of_it = GrowableArray(np.array([1.0, 2.0])), [1.0, 2.0]
    for size in (0, 1, 3000, 2, 1):
        growing.extend(np.arange(float(size)))
        all_of_it += range(size)
        assert growing.array(len(all_of_it)).tolist() == all_of_it
    assert growing.array(3).tolist() == all_of_it[:3]
    assert growing.array(10**6).tolist() == all_of_it


def test_columns_of_a_growable_array_keep_their_values():
    growing, control = GrowableArray(np.ones((2, 3)), most=50), np.full((50, 3), np.nan)
    control[:2] = 1
    for columns, at, count in (([0, 2], 2, 1), ([1], 2, 9), ([0, 1, 2], 7, 40), ([2], 0, 3)):
        values = np.arange(len(columns) * count * 1.0).reshape(count, len(columns))
        growing.put_columns(np.array(columns), at, values)
        control[at : at + count, columns] = values
    assert growing.size == 47
    np.testing.assert_array_equal(growing.array(100), control[:47])
    growing.clear_columns(np.array([0, 2]), 5)
    control[5:, [0, 2]] = np.nan
    np.testing.assert_array_equal(growing.array(9), control[:9])


def test_room_of_a_growable_array_becomes_its_next_rows():
    growing, columns = GrowableArray(np.ones((1, 2))), np.arange(2)
    for count in (1, 400, 3000):
        room = growing.room(count)
        room[...] = np.arange(2.0 * count).reshape(count, 2)
        kept = growing.size
        assert growing.array(10**6).shape == (kept, 2)  # not yet
        growing.put_columns(columns, kept, room)
        assert np.shares_memory(growing.last_array(10**6), room)
        np.testing.assert_array_equal(growing.array(10**6)[kept:], room)


@pytest.mark.parametrize(
    ("most", "length"), [(None, 1024), (2000, 2000), (1 << 30, 1 << 19), (60, 60), (3, 5)]
)
def test_a_growable_array_reserves_no_more_than_the_most(most, length):
    growing = GrowableArray(np.zeros(2), most)
    growing.extend(np.zeros(3))
    assert growing.last_array(5).base.size == length


def test_many_columns_of_a_growable_array_reserve_few_rows():
    growing = GrowableArray(np.zeros((0, 10_000)))
    growing.pad(1)
    assert growing.last_array(1).base.shape == (2, 10_000)


def test_an_array_from_a_growable_array_is_a_copy():
    growing = GrowableArray(np.zeros(3))
    growing.array(3)[:] = 7
    assert growing.array(3).tolist() == [0, 0, 0]


def test_the_smoothing_decays_equally_for_every_window_size():
    """0.999 for 25 characters, whether they come in one window or in parts of one."""
    for settings in ({"seq_length": 25, "batch_size": 1}, {"seq_length": 25, "batch_size": 4}):
        model = small(**settings)
        model.fit(TEXT, iterations=2)
        keep = 0.999 ** settings["batch_size"]
        smooth, loss = model.history.smooth_loss, model.history.loss
        assert smooth[1] == pytest.approx(keep * smooth[0] + (1 - keep) * loss[1])


# --- the way back -------------------------------------------------------------------------------


def test_a_snapshot_is_kept_once_it_is_committed():
    array = np.zeros(2)
    good = LastGood([array])
    for value, fine in [(1, True), (2, True), (3, False), (4, False)]:
        array[:] = value
        good.snapshot()
        if fine:
            good.commit()
    array[:] = 5
    good.restore()
    assert array.tolist() == [2, 2]


def test_rollback_restores_the_snapshot():
    array = np.zeros(2)
    good = LastGood([array])
    array[:] = 1
    good.snapshot()
    array[:] = 2
    good.rollback()
    assert array.tolist() == [1, 1]
    array[:] = np.nan
    good.restore()
    assert array.tolist() == [0, 0]


# --- progress and callbacks ---------------------------------------------------------------------


def test_a_progress_bar_shows_loss_bits_rate_and_time_left(capsys):
    small().fit(TEXT, epochs=20, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    for part in ("100%", "loss=", "bits/char=", "char/s", "<00:00"):
        assert part in err


def test_a_bar_is_drawn_only_if_asked_for(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)  # an import of it would fail
    small().fit(TEXT)
    assert capsys.readouterr() == ("", "")
    with progress_bar(False, 10) as bar:
        bar(5, {"loss": "1"})


def test_callbacks_see_how_training_goes():
    events = []
    model = small()
    model.fit(TEXT, iterations=500, callbacks=[events.append])
    assert all(isinstance(event, TrainingEvent) for event in events)
    counts = [event.iteration for event in events]
    assert counts == sorted(set(counts))
    assert counts[-1] == 500
    assert {event.iterations for event in events} == {500}
    assert {event.model for event in events} == {model}
    assert all(event.characters_per_second > 0 for event in events)
    last = events[-1]
    assert last.smooth_loss == model.history.smooth_loss[-1]
    assert last.bits_per_char == pytest.approx(model.history.bits_per_char[-1])


def test_the_history_is_up_to_date_in_a_callback():
    model, seen = small(), []
    model.fit(
        TEXT,
        iterations=100,
        callbacks=[lambda event: seen.append((event.iteration, model.history.iterations))],
    )
    assert all(iteration == known for iteration, known in seen)


def test_a_callback_that_returns_true_ends_the_run_after_all_were_called():
    model, others = small(), []
    model.fit(
        TEXT, iterations=10_000, callbacks=[lambda event: event.iteration >= 10, others.append]
    )
    assert 10 <= model.history.iterations < 10_000
    assert others[-1].iteration == model.history.iterations


def test_a_truthy_result_of_a_callback_does_not_end_the_run():
    model = small()
    model.fit(TEXT, iterations=100, callbacks=[lambda event: "yes"])
    assert model.history.iterations == 100


def test_an_error_in_a_callback_leaves_network_and_history_in_step():
    model = small()

    def fail(event):
        raise RuntimeError("from a callback")

    with pytest.raises(RuntimeError, match="from a callback"):
        model.fit(TEXT, iterations=50, callbacks=[fail])
    assert 0 < model.history.iterations == model._counters[0] < 50
    model.fit(TEXT, resume=True)
    assert model.history.iterations == 50


@pytest.mark.parametrize("callbacks", [print, [print, 3], 5, None, "abc"], ids=repr)
def test_callbacks_are_a_list_of_functions(callbacks):
    with pytest.raises(TypeError, match="callbacks must be a list of functions, got"):
        small().fit(TEXT, callbacks=callbacks)
