"""A network that is trained by epochs in a model file, except for its settings."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from nncore.checks import LARGEST, count, number
from nncore.files import model_file as checkpoint
from nncore.params import Array, Shapes, aligned_zeros, views
from nncore.randomness import generator_from, generator_state
from nncore.registry import OPTIMIZER_SLOTS
from nncore.training.epochs.model import EpochModel
from nncore.training.epochs.run_state import EpochRunState, Patience, Progress

Model = TypeVar("Model", bound=EpochModel)
FLOATS = np.dtype(np.float64)
HISTORY: checkpoint.Columns = {
    "loss": ((None,), FLOATS),
    "validation_loss": ("loss", FLOATS),
    "validation_accuracy": ("loss", FLOATS),
}


def save(
    model: EpochModel, path: str | os.PathLike[str], kind: str, settings: dict[str, Any]
) -> None:
    """Write a network to a file, whose kind `load` checks; JSON must be able to hold settings."""
    header = {
        "settings": settings,
        "optimizer": model._slots_of,
        "hash_seed": model._hash_seed,
        "split_rng": generator_state(model._split_rng),
        "history": {
            "updates": _saved_count("history.updates", model.history.updates),
            "best_epoch": _saved_count("history.best_epoch", model.history.best_epoch),
            "seconds": number("history.seconds", model.history.seconds),
        },
    }
    if model._run:
        header["run"] = _described(model._run)
    arrays = _trained(model) | checkpoint.recorded(model.history, HISTORY) | _of_run(model)
    arrays["counters"] = np.minimum(model._counters, checkpoint.MOST_COUNTED)
    checkpoint.save(path, kind, arrays, header)


def _described(run: EpochRunState) -> dict[str, Any]:
    """Return a run without its arrays and the data of the history, in a form for JSON."""
    now = run.now
    return {
        "planned": run.planned,
        "per_epoch": run.per_epoch,
        "mark": run.fingerprint,
        "split": run.split,
        "progress": [now.updates, _described_number(now.loss_sum)],
        "measured": now.measured,
        "factor": now.factor,
        "early": _described_patience(now.early),
        "flat": _described_patience(now.flat),
        "ended": run.ended,
    }


def _described_patience(patience: Patience) -> dict[str, Any]:
    return {
        "best": None if patience.best is None else _described_number(patience.best),
        "epochs": min(patience.epochs, checkpoint.MOST_COUNTED),
    }


def _described_number(loss: float) -> float | str:
    """Return a number in a form that JSON can represent: NaN and infinities as text."""
    return loss if math.isfinite(loss) else str(loss)


def _of_run(model: EpochModel) -> dict[str, Array]:
    """Return the weights that a run has stored, if there are any."""
    run = model._run
    kept = {} if run is None else {"run.best": run.now.best, "run.current": run.current}
    return {name: array for name, array in kept.items() if array is not None}


def _trained(model: EpochModel) -> dict[str, Array]:
    """Return the arrays that training changes, by their names in the file."""
    slots = [views(slot, model._shapes) for slot in model._slots]
    arrays = checkpoint.trained(model.parameters, slots)
    return arrays | {"counters": model._counters}


def load(
    path: str | os.PathLike[str], kind: str, build: Callable[[checkpoint.Reader], Model]
) -> Model:
    """Load a network from a file written by `save`.

    `build` returns a network with the file's settings, after `check_arrays`.
    """
    with checkpoint.reader(path, kind) as file:
        model = build(file)
        _read_generators(model, file)
        if rule := file.field("optimizer", str):
            model._slots_of = rule
            model._slots = aligned_zeros((OPTIMIZER_SLOTS[rule], model._weights.size), model.dtype)
        for name, array in _trained(model).items():
            file.read_into(name, array)
        checkpoint.check_counts("counters", model._counters)
        _read_history(model, file)
        _read_run(model, file)
    return model


def check_arrays(file: checkpoint.Reader, shapes: Shapes, dtype: np.dtype[Any]) -> None:
    """Raise CheckpointError unless the file has parameters of these shapes, and their slots."""
    rule = file.field("optimizer", str)
    file.check_trained(shapes, OPTIMIZER_SLOTS[rule] if rule else 0, dtype)


def _read_generators(model: EpochModel, file: checkpoint.Reader) -> None:
    model._hash_seed = file.hash_seed()
    model._split_rng = generator_from(file.field("split_rng", dict))


def _read_history(model: EpochModel, file: checkpoint.Reader) -> None:
    history, fields = model.history, file.field("history", dict)
    file.read_history(history, HISTORY)
    history.updates = _count(fields, "updates")
    history.best_epoch = _count(fields, "best_epoch")
    history.seconds = number("seconds", fields["seconds"])


def _read_run(model: EpochModel, file: checkpoint.Reader) -> None:
    if "run" not in file.header:
        return
    fields = file.field("run", dict)
    done, total = fields["progress"]
    now = Progress(
        updates=_updates("done", done),
        loss_sum=_number("sum", total),
        measured=fields.get("measured", True),  # missing in files of the first versions
        factor=number("factor", fields["factor"]),
        early=_patience(fields["early"]),
        flat=_patience(fields["flat"]),
        best=_set_aside(model, file, "run.best"),
        best_epoch=model.history.best_epoch,
    )
    run = EpochRunState(
        planned=_updates("planned", fields["planned"]),
        per_epoch=_count(fields, "per_epoch"),
        fingerprint=[count("mark", part) for part in fields["mark"]],
        split=None if fields["split"] is None else generator_state(generator_from(fields["split"])),
        now=now,
        ended=fields["ended"],
        current=_set_aside(model, file, "run.current"),
    )
    most = min(run.done, checkpoint.MOST_COUNTED)  # of what the counters hold
    if not run.per_epoch or run.done > run.planned or most > model._counters[0]:
        raise ValueError(f"run has {run.done} of {run.planned} updates, which is out of range")
    if not 0 <= now.factor <= 1 or not {type(run.ended), type(now.measured)} == {bool}:
        raise ValueError(
            f"run has factor {now.factor}, ended {run.ended}, measured {now.measured}, expected "
            "a factor in [0, 1] and two booleans"
        )
    if not now.measured and not model.history.epochs:
        raise ValueError("the last epoch of the run was not measured, but the history has none")
    model._run = run


def _set_aside(model: EpochModel, file: checkpoint.Reader, name: str) -> Array | None:
    """Return the weights that a run has stored, or None."""
    return file.array(name, model._weights.shape, model.dtype) if name in file.names else None


def _patience(fields: dict[str, Any]) -> Patience:
    best = fields["best"]
    return Patience(None if best is None else _number("best", best), _count(fields, "epochs"))


def _number(name: str, value: Any) -> float:
    """Return a number from the form in which `_described_number` saved it."""
    return float(value) if value in ("inf", "-inf", "nan") else number(name, value)


def _updates(name: str, value: object) -> int:
    """Return a count of updates of a run, at most LARGEST epochs of LARGEST updates."""
    if type(value) is not int or not 0 <= value <= LARGEST**2:
        raise ValueError(f"{name} is out of range: {value!r}")
    return value


def _count(fields: dict[str, Any], name: str) -> int:
    """Return a count that training increases; see `checkpoint.MOST_COUNTED`."""
    value = count(name, fields[name])
    if value > checkpoint.MOST_COUNTED:
        raise ValueError(f"{name} is out of range: {value}")
    return value


def _saved_count(name: str, value: object) -> int:
    """Return a count that `_count` accepts."""
    return count(name, min(value, checkpoint.MOST_COUNTED) if isinstance(value, int) else value)
