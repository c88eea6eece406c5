"""Interrupted runs of populations that are resumed end with the bits of uninterrupted ones."""

import itertools
import time

import numpy as np
import pytest
from every_optimizer import EVERY_OPTIMIZER
from interrupted_runs import Cut
from interruptions import ctrl_c_by_timer, interrupted_once
from mlp_runs import calls_of
from populations import HELD_OUT, LABELS, RATES, M, X, Y, bits, population, record

from nncore import SGD, Adam, CosineDecay, EarlyStopping, Population, WarmUp
from nncore.population import engine
from nncore.population import run as population_run

ROWS = [np.arange(n) for n in (30, 11, 20, 11, 29)]
EARLY = {"validation_data": HELD_OUT, "early_stopping": EarlyStopping(2, 1e-3)}
OWN_EARLY = {"validation_rows": ROWS[::-1], "early_stopping": EarlyStopping(2, 1e-3)}


def result(nets):
    """All that a run leaves behind, except for times."""
    history = nets.history
    assert history.loss.shape == history.validation_loss.shape == (nets.size, history.epochs)
    return [*bits(nets), history.diverged.tolist(), *map(repr, record(history))]


def whole(how, **settings):
    nets = population(**settings)
    nets.fit(X, Y, **how)
    return nets


def can_be_resumed(nets):
    return nets._run is not None and not nets._run.ended


class Stop(Exception):  # noqa: N818  # as StopIteration
    """An error of a callback."""


def stopping(rng):
    """A callback that returns True, raises an error or Ctrl-C after some epochs; or none."""
    left, way = itertools.count(int(rng.integers(0, 6)), -1), rng.integers(4)

    def stop(event):
        if next(left):
            return False
        if way == 0:
            raise KeyboardInterrupt
        if way == 1:
            raise Stop
        return True

    return [] if way == 3 else [stop]


def finished(nets, how, path, seed):
    """The population after a run that is interrupted and resumed, sometimes from its file."""
    cut, cuts = Cut(seed), 0
    while not cuts or can_be_resumed(nets):
        try:
            with cut:
                settings = {**how, "callbacks": stopping(cut.rng), "threads": 1 + cuts % 2}
                nets.fit(X, Y, **settings, checkpoint=path, resume=cuts > 0)
        except (KeyboardInterrupt, Stop):
            pass
        cuts += 1
        assert cuts < 1000
        if cut.rng.random() < 0.6:
            loaded = Population.load(path)
            assert result(loaded) == result(nets)
            nets = loaded

    return nets


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=lambda o: o.rule().kind)
@pytest.mark.parametrize("seed", range(4))
def test_a_population_ends_with_the_same_bits(optimizer, seed, tmp_path):
    pick = np.random.default_rng([seed, 1])
    settings = {"dtype": pick.choice(["float32", "float64"]), "l2": np.linspace(0, 0.1, M)}
    settings["dropout"] = [0, np.linspace(0, 0.5, M)][pick.integers(2)]
    how = {
        "optimizer": optimizer,
        "epochs": 8,
        "batch_size": int(pick.choice([5, 7, 30])),
        "schedule": [CosineDecay(), WarmUp(0.3), None][pick.integers(3)],
        "rows": [None, ROWS][pick.integers(2)],
        "sample_weight": [None, np.arange(1, 31)][pick.integers(2)],
        "clip": [None, 0.1][pick.integers(2)],
        **[{}, EARLY, OWN_EARLY, {"early_stopping": EarlyStopping(2)}][pick.integers(4)],
    }
    if pick.integers(2):
        how["learning_rate"] = RATES
    nets = finished(population(**settings), how, tmp_path / "run", seed)
    assert result(nets) == result(whole(how, **settings))
    loaded = Population.load(tmp_path / "run")
    assert result(loaded) == result(nets)
    with pytest.raises(ValueError, match="there is no run to resume"):
        loaded.fit(X, Y, **how, resume=True)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("early", [{}, EARLY], ids=["all epochs", "early stopping"])
def test_a_population_of_which_members_diverge_ends_with_the_same_bits(seed, early, tmp_path):
    rates = [0.05, 1e5, 0.05, 1e7, 0.01]
    how = {"epochs": 15, "batch_size": 7, "optimizer": SGD(), "learning_rate": rates, **early}
    if seed % 2:
        how["rows"] = ROWS
    expected = whole(how)
    assert expected.history.diverged.tolist() == [False, True, False, True, False]
    nets = finished(population(), how, tmp_path / "run", seed)
    assert result(nets) == result(expected)


def test_a_second_run_is_resumed_after_the_first(tmp_path):
    how = {"epochs": 9, "batch_size": 7, **EARLY, "rows": ROWS}
    expected, nets = population(), population()
    for each in (expected, nets):
        each.fit(X, Y, epochs=3)
    expected.fit(X, Y, **how)
    assert result(finished(nets, how, tmp_path / "run", 3)) == result(expected)


def test_an_interrupted_run_can_be_replaced_by_a_new_one():
    nets = population()
    nets.fit(X, Y, epochs=9, callbacks=[lambda event: event.epoch == 4])
    nets.fit(X, Y, epochs=2)
    assert nets.history.epochs == 6
    with pytest.raises(ValueError, match="there is no run to resume"):
        nets.fit(X, Y, resume=True)


# --- at any moment ------------------------------------------------------------------------------


@pytest.fixture
def ctrl_c():
    with ctrl_c_by_timer() as after:
        yield after


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("seed", range(6))
def test_ctrl_c_at_any_moment_changes_no_bit(seed, ctrl_c, tmp_path):
    pick, path = np.random.default_rng(seed), tmp_path / "run"
    how = {"epochs": 60, "batch_size": 7, **EARLY, "rows": [None, ROWS][seed % 2]}
    how["early_stopping"] = EarlyStopping(20)
    start = time.perf_counter()
    expected = whole(how)
    seconds = time.perf_counter() - start
    nets, cuts, begun = population(), 0, False
    while not begun or can_be_resumed(nets):
        try:
            ctrl_c(pick.uniform(0.01, 0.3 + 0.05 * cuts) * seconds)
            nets.fit(X, Y, **how, checkpoint=path, checkpoint_every=0.002, resume=begun)
            ctrl_c(0)
        except KeyboardInterrupt:
            cuts += 1
        begun = begun or nets._run is not None
        if begun and pick.random() < 0.5 and path.exists():
            nets = Population.load(path)
    assert cuts
    assert result(nets) == result(expected)


@pytest.mark.parametrize("name", ["_counted", "_after_epoch", "_leave_group", "_publish", "_end"])
@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("at", [1, 2, 5])
def test_ctrl_c_around_each_step_changes_no_bit(name, after, at, monkeypatch):
    how = {"epochs": 8, **EARLY, "rows": ROWS}
    expected, nets, run = whole(how), population(), population_run.PopulationRun
    with monkeypatch.context() as patch:
        patch.setattr(run, name, interrupted_once(getattr(run, name), at, after=after))
        try:
            nets.fit(X, Y, **how)
        except KeyboardInterrupt:
            recorded = (~np.isnan(nets.history.loss)).sum(axis=1)
            assert recorded.tolist() == nets._counters[:, 3].tolist()
    if can_be_resumed(nets):
        nets.fit(X, Y, **how, resume=True)
    assert result(nets) == result(expected)


@pytest.mark.parametrize("at", [1, 4, 9])
def test_an_interrupted_validation_is_repeated(at, monkeypatch):
    how = {"epochs": 9, **EARLY}
    nets = population()
    with monkeypatch.context() as patch:
        patch.setattr(Population, "_losses", interrupted_once(Population._losses, at))
        with pytest.raises(KeyboardInterrupt):
            nets.fit(X, Y, **how)
    assert nets.history.epochs == at
    assert np.isnan(nets.history.validation_loss[:, -1]).all()
    nets.fit(X, Y, **how, resume=True)
    assert result(nets) == result(whole(how))


@pytest.mark.parametrize("layer_sizes", [(4, 6, 3), (4, 3000, 3)], ids=["lanes", "one by one"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_call_that_an_error_ends_is_discarded(threads, layer_sizes, monkeypatch):
    """Also if members in another thread have made their updates."""
    nets, how = population(layer_sizes=layer_sizes), {"epochs": 6, "threads": threads}
    with monkeypatch.context() as patch:
        calls_of(2, patch, population_run)
        patch.setattr(engine, "train", interrupted_once(engine.train, 3, after=True))
        with pytest.raises(KeyboardInterrupt):
            nets.fit(X, Y, **how)
    assert nets.history.updates.tolist() == [4] * M
    nets.fit(X, Y, **how, resume=True)
    assert result(nets) == result(whole(how, layer_sizes=layer_sizes))


def test_the_best_parameters_are_restored_while_a_run_is_interrupted():
    how = {"epochs": 40, "early_stopping": EarlyStopping(30), "optimizer": Adam(0.3), **HELD}
    nets = population()
    nets.fit(X, Y, **how, callbacks=[lambda event: event.epoch == 9])
    best = np.nanmin(nets.history.validation_loss, axis=1)
    np.testing.assert_allclose(nets.loss(*HELD_OUT), best)
    assert (nets.history.best_epoch < 9).any()
    nets.fit(X, Y, **how, resume=True)
    assert result(nets) == result(whole(how))


HELD = {"validation_data": HELD_OUT}

# --- data and settings ----------------------------------------------------------------------------

RUN = {"epochs": 9, "batch_size": 7, "learning_rate": RATES, "rows": ROWS, **EARLY}
OTHERS = {
    "X and Y": [{"X": X + 1}, {"X": X[:, ::-1]}, {"Y": Y + 1}],
    "sample_weight": [{"sample_weight": np.ones(30)}],
    "rows": [{"rows": None}, {"rows": ROWS[::-1]}, {"rows": [rows[::-1] for rows in ROWS]}],
    "validation_rows": [{"validation_data": None, "validation_rows": ROWS}],
    "validation_data": [{"validation_data": None}, {"validation_data": (X, Y)}],
    "optimizer": [{"optimizer": SGD()}, {"optimizer": Adam(beta1=0.5)}],
    "learning_rate": [{"learning_rate": None}, {"learning_rate": RATES[::-1]}],
    "batch_size": [{"batch_size": 6}],
    "shuffle": [{"shuffle": False}],
    "schedule": [{"schedule": CosineDecay()}],
    "clip": [{"clip": 0.1}],
    "clip_norm": [{"clip_norm": 0.1}],
    "early_stopping": [{"early_stopping": None}, {"early_stopping": EarlyStopping(3, 1e-3)}],
}
assert set(OTHERS) == set(population_run.ARGUMENTS)


def broken_off(path=None, **how):
    nets = population()
    nets.fit(X, Y, **RUN | how, checkpoint=path, callbacks=[lambda event: event.epoch == 4])
    return nets


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("by", ["population", "file"])
def test_a_run_is_resumed_only_with_its_data_and_settings(name, by, tmp_path):
    nets = broken_off(tmp_path / "run")
    if by == "file":
        nets = Population.load(tmp_path / "run")
    before = result(nets)
    for other in OTHERS[name]:
        message = rf"run: (validation_data, )?{name} must be those that it was started with"
        with pytest.raises(ValueError, match=message):
            nets.fit(**{"X": X, "Y": Y, **RUN, **other}, resume=True)
        assert result(nets) == before
    nets.fit(X, Y, **RUN, resume=True)
    assert result(nets) == result(whole(RUN))


def test_all_that_differs_is_named():
    nets = broken_off()
    with pytest.raises(ValueError, match="run: rows, batch_size, clip must be those that"):
        nets.fit(X, Y, **RUN | {"rows": None, "batch_size": 3, "clip": 1.0}, resume=True)


def test_the_epochs_are_those_of_the_run():
    nets = broken_off()
    nets.fit(X, Y, **RUN | {"epochs": 1}, resume=True, threads=2, progress=False)
    assert result(nets) == result(whole(RUN))


def test_rows_may_be_given_in_another_form():
    masks = np.zeros((M, len(X)), bool)
    for mask, rows in zip(masks, ROWS, strict=True):
        mask[rows] = True
    nets = broken_off()
    nets.fit(X.tolist(), Y, **RUN | {"rows": masks}, resume=True)
    assert result(nets) == result(whole(RUN))


def test_functions_as_schedules_are_not_compared():
    how = {"schedule": lambda step, total: 1 / (1 + step)}
    nets = broken_off(**how)
    nets.fit(X, Y, **RUN | {"schedule": lambda step, total: 1 / (1 + step)}, resume=True)
    assert result(nets) == result(whole(RUN | how))


@pytest.mark.parametrize("made", [population, lambda: whole({"epochs": 2})])
def test_a_population_without_an_interrupted_run_has_none_to_resume(made):
    nets = made()
    before = result(nets)
    with pytest.raises(ValueError, match="there is no run to resume"):
        nets.fit(X, Y, epochs=2, resume=True)
    assert result(nets) == before


def test_members_and_the_best_have_no_run_to_resume():
    nets = broken_off()
    for each in (nets.best(2), Population.of(nets), nets[0]):
        with pytest.raises(ValueError, match="there is no run to resume"):
            each.fit(X, Y, resume=True)


def test_a_run_of_other_members_is_refused():
    """As a hostile file can have it."""
    nets, other = broken_off(), broken_off()
    run = other._run
    for now in (
        run.now._replace(group=1),
        run.now._replace(group=99),
        run.now._replace(before=3),
        run.now._replace(updates=run.now.updates + 1),
        run.now._replace(updates=10**9),
        run.now._replace(members=run.now.members + 1),
        run.now._replace(columns=2),
        run.now._replace(updates=0, measured=False),
    ):
        nets._run.now = now
        with pytest.raises(ValueError, match="the interrupted run does not fit its members"):
            nets.fit(X, Y, **RUN, resume=True)
    nets._run.now = run.now
    nets.fit(X, LABELS[:, None] * np.ones(3), epochs=1)
