"""Files of populations with wrong numbers, names, shapes or runs are refused."""

import numpy as np
import pytest
from model_files import edited
from populations import HELD_OUT, RATES, M, X, Y, bits, trained

from nncore import CheckpointError, EarlyStopping, Population

STOPPED = {
    "validation_data": HELD_OUT, "early_stopping": EarlyStopping(2), "epochs": 30,
    "callbacks": [lambda event: event.epoch == 4], "learning_rate": RATES,
}  # fmt: skip


@pytest.fixture
def path(tmp_path):
    return tmp_path / "population.safetensors"


def forged(path, change, fit=None):
    """The file of a population after change(arrays, header)."""
    trained(fit).save(path)
    return edited(path, change)


def put(name, value, at=0):
    """A change of one number of an array."""

    def change(arrays, header):
        arrays[name] = arrays[name].copy()
        arrays[name].reshape(-1)[at] = value

    return change


def drop(name):
    return lambda arrays, header: arrays.pop(name)


def resize(name):
    return lambda arrays, header: arrays.update({name: arrays[name][:-1].copy()})


def set_run(name, value):
    return lambda arrays, header: header["run"].update({name: value})


FORGED = {
    "no members": (lambda _, header: header.update(members=0), "members must be at least 1"),
    "true members": (lambda _, header: header.update(members=True), "header field 'members'"),
    "more members": (lambda _, header: header.update(members=M + 1), r"w1' is float32 \(5, 4, 6\)"),
    "endless members": (lambda _, header: header.update(members=2**52), "w1' is float32"),
    "no settings": (lambda _, header: header.pop("settings"), "header field 'settings'"),
    "no loss": (lambda _, header: header["settings"].pop("loss"), "settings lack loss"),
    "unknown settings": (lambda _, h: h["settings"].update(color="red"), "damaged settings"),
    "softmax": (lambda _, h: h["settings"].update(output_activation="softmax"), "needs element-w"),
    "another rule": (lambda _, header: header.update(optimizer="sgd"), "unexpected arrays"),
    "unknown rule": (lambda _, header: header.update(optimizer="?"), "damaged settings"),
    "seconds": (lambda _, header: header.update(seconds="1"), "header field 'seconds'"),
    "NaN": (put("parameters.w1", np.nan), "'parameters.w1' contains NaN or infinity"),
    "a negative count": (put("counters", -1), "counters has -1 to"),
    "a huge count": (put("counters", 2**60), "counters has 0 to 1152921504606846976, which is out"),
    "a negative seed": (put("hash_seeds", -3), "hash_seeds has -3, which is out of range"),
    "an even increment": (put("split_rngs", 2, at=3), "not a PCG64 state"),
    "a third of a number": (put("split_rngs", 2, at=4), "not a PCG64 state"),
    "a long number": (put("split_rngs", -1, at=5), "not a PCG64 state"),
    "a negative penalty": (put("penalties", -0.1), "l1 must be 0 or a positive number, got -0.1"),
    "an infinite penalty": (put("penalties", np.inf, at=9), "'penalties' contains NaN or infinity"),
    "all dropped": (put("dropout", 1.0), r"dropout must be in \[0, 1\), got 1.0"),
    "less than nothing dropped": (put("dropout", -0.1), r"dropout must be in \[0, 1\), got -0.1"),
    "updates": (put("history.updates", -1), "updates has -1 to"),
    "best epochs": (put("history.best_epoch", 2**60), "best_epoch has 0 to"),
    "half diverged": (put("history.diverged", 2), "diverged has numbers other than 0 and 1"),
    **{f"no {name}": (drop(name), f"lacks the array '{name}'") for name in (
        "parameters.w2", "optimizer.1.b1", "counters", "hash_seeds", "split_rngs", "penalties",
        "dropout", "history.loss", "history.updates", "history.best_epoch", "history.diverged",
    )},
    **{f"short {name}": (resize(name), f"array '{name}' is") for name in (
        "parameters.w2", "optimizer.0.w1", "counters", "hash_seeds", "split_rngs", "penalties",
        "dropout", "history.loss", "history.updates", "history.best_epoch", "history.diverged",
    )},
    "more": (lambda arrays, _: arrays.update(more=np.zeros(3)), "unexpected arrays: more"),
}  # fmt: skip


@pytest.mark.parametrize("case", FORGED)
def test_forged_files_are_refused(case, path):
    change, message = FORGED[case]
    with pytest.raises(CheckpointError, match=message):
        Population.load(forged(path, change))


RUNS = {
    "no run": (lambda _, header: header.update(run=3), "header field 'run'"),
    "no progress": (lambda _, header: header["run"].pop("progress"), "damaged settings"),
    "progress": (set_run("progress", [0, 1, 2]), "damaged settings"),
    "more progress": (set_run("progress", [0, 10**9]), "run has 1000000000 of 30 updates"),
    "endless": (set_run("planned", 2**170), "planned is out of range"),
    "no epochs": (set_run("epochs", 0), "epochs must be at least 1"),
    "epochs before": (set_run("epochs_before", 99), "which is out of range"),
    "group": (set_run("group", -1), "group must be an integer"),
    "measured": (set_run("measured", 1), "measured must be true or false, got 1"),
    "early stopping": (set_run("early_stopping", None), "early_stopping must be true or false"),
    "no early stopping": (set_run("early_stopping", False), "unexpected arrays"),
    "mark": (set_run("mark", [1]), "damaged settings"),
    "marks": (set_run("mark", {"rows": -1}), "mark must be an integer"),
    "another member": (put("run.members", M, at=4), "run.members are not members in order"),
    "less than a member": (put("run.members", -1), "run.members are not members in order"),
    "a member twice": (put("run.members", 1), "run.members are not members in order"),
    "half active": (put("run.active", 2), "run.active has numbers other than 0 and 1"),
    "waited": (put("run.waited", -1), "run.waited has -1 to"),
    "best": (put("run.best", np.inf), "'run.best' contains NaN or infinity"),
    "current": (put("run.current", np.nan), "'run.current' contains NaN or infinity"),
    **{f"no {name}": (drop(name), f"lacks the array '{name}'") for name in (
        "run.members", "run.active", "run.waited", "run.best", "losses.sums", "losses.lowest",
    )},
    **{f"short {name}": (resize(name), f"array '{name}' is") for name in (
        "run.active", "run.waited", "run.best", "run.current", "losses.sums", "losses.lowest",
    )},
}  # fmt: skip


@pytest.mark.parametrize("case", RUNS)
def test_forged_runs_are_refused(case, path):
    change, message = RUNS[case]
    with pytest.raises(CheckpointError, match=message):
        Population.load(forged(path, change, STOPPED))


@pytest.mark.parametrize("name", ["losses.sums", "losses.lowest"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_losses_of_a_run_may_be_any_numbers(name, value, path):
    loaded = Population.load(forged(path, put(name, value), STOPPED))
    loaded.fit(X, Y, **{**STOPPED, "callbacks": []}, resume=True)
    assert np.isfinite(loaded.flat).all()


def test_a_file_that_knows_fewer_arguments_can_be_resumed(path):
    """An argument that `fit` has got since was not given."""
    how = {**STOPPED, "callbacks": []}
    whole = trained(how)
    forged(path, lambda _, header: header["run"]["mark"].pop("clip"), STOPPED)
    loaded = Population.load(path)
    with pytest.raises(ValueError, match="run: clip must be those"):
        loaded.fit(X, Y, **how, clip=1.0, resume=True)
    loaded.fit(X, Y, **how, resume=True)
    assert bits(loaded) == bits(whole)
