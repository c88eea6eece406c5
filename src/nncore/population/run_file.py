"""The last run of a population in a model file, from which it can be resumed."""

from __future__ import annotations

from typing import Any

import numpy as np

from nncore.checks import LARGEST, count, positive_int
from nncore.files import model_file as checkpoint
from nncore.params import Array
from nncore.population.fingerprints import ARGUMENTS
from nncore.population.run_state import Best, PopulationRunState, Progress
from nncore.population.state import PopulationState

INTEGERS, FLOATS = np.dtype(np.int64), np.dtype(np.float64)


def described(run: PopulationRunState) -> dict[str, Any]:
    """Return an unfinished run without its arrays and the data of the history, for JSON."""
    now = run.now
    return {
        "epochs": run.epochs,
        "epochs_before": run.epochs_before,
        "planned": run.planned,
        "group": now.group,
        "progress": [now.before, now.updates],
        "measured": now.measured,
        "early_stopping": now.best is not None,
        "mark": dict(zip(ARGUMENTS, run.fingerprint, strict=True)),
    }


def arrays_of(run: PopulationRunState) -> dict[str, Array]:
    """Return the arrays of an unfinished run, with a row for each member of the current group."""
    now, best = run.now, run.now.best
    arrays = {
        "run.members": now.members.astype(np.int64),
        "run.active": now.active.astype(np.int64),
        "losses.sums": now.sums,
    }
    if best is not None:
        waited = np.minimum(best.waited, checkpoint.MOST_COUNTED)
        arrays |= {"run.waited": waited, "run.best": best.weights, "losses.lowest": best.lowest}
    return arrays if run.current is None else arrays | {"run.current": run.current}


def read(model: PopulationState, file: checkpoint.Reader) -> None:
    """Read the run of a file, after its history; `PopulationRun` checks that it fits the data."""
    if "run" not in file.header:
        return
    fields = file.field("run", dict)
    before, updates = (_updates("progress", value) for value in fields["progress"])
    members = file.array("run.members", (None,), INTEGERS)
    if (members < 0).any() or (members >= model.size).any() or (members[1:] <= members[:-1]).any():
        raise ValueError("run.members are not members in order")
    now = Progress(
        group=count("group", fields["group"]),
        before=before,
        columns=model.history.epochs,
        members=members.astype(np.intp),
        active=file.flags("run.active", members.shape),
        diverged=model.history.diverged[members],
        sums=file.array("losses.sums", members.shape, FLOATS),
        updates=updates,
        measured=_flag(fields, "measured"),
        best=_best(model, file, members) if _flag(fields, "early_stopping") else None,
    )
    run = PopulationRunState(
        planned=_updates("planned", fields["planned"]),
        fingerprint=[count("mark", fields["mark"].get(name, 0)) for name in ARGUMENTS],
        epochs=positive_int("epochs", fields["epochs"]),
        epochs_before=count("epochs_before", fields["epochs_before"]),
        now=now,
        current=_weights(model, file, "run.current", members),
    )
    if run.done > run.planned or run.epochs_before > now.columns:
        raise ValueError(f"run has {run.done} of {run.planned} updates, which is out of range")
    model._run = run


def _best(model: PopulationState, file: checkpoint.Reader, members: Array) -> Best:
    """Return what early stopping has found."""
    waited = file.counts("run.waited", members.shape)
    weights = file.array("run.best", (len(members), model.flat.shape[1]), model.dtype)
    lowest = file.array("losses.lowest", members.shape, FLOATS)
    return Best(lowest, waited, model.history.best_epoch[members], weights)


def _weights(
    model: PopulationState, file: checkpoint.Reader, name: str, members: Array
) -> Array | None:
    """Return the weights that a run has stored, or None."""
    shape = (len(members), model.flat.shape[1])
    return file.array(name, shape, model.dtype) if name in file.names else None


def _flag(fields: dict[str, Any], name: str) -> bool:
    """Return a bool of the header."""
    if type(fields[name]) is not bool:
        raise ValueError(f"{name} must be true or false, got {fields[name]!r}")
    return bool(fields[name])


def _updates(name: str, value: object) -> int:
    """Return a count of updates: at most LARGEST epochs of LARGEST updates in as many groups."""
    if type(value) is not int or not 0 <= value <= LARGEST**3:
        raise ValueError(f"{name} is out of range: {value!r}")
    return value
