"""A population in a model file: settings, arrays with a row for each member, and its last run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from nncore.checks import number, one_of, positive_int
from nncore.files import model_file as checkpoint
from nncore.mlp import file as mlp_file
from nncore.mlp.network import MLP
from nncore.params import Array
from nncore.population import run_file
from nncore.population.history import has_validation, no_validation
from nncore.population.state import PopulationState
from nncore.randomness import WORDS, generator_from_words
from nncore.registry import OPTIMIZER_SLOTS
from nncore.training.epochs.network_settings import dropout_rate, penalty_factor

if TYPE_CHECKING:
    from nncore.model import Backend

Model = TypeVar("Model", bound=PopulationState)
INTEGERS, FLOATS = np.dtype(np.int64), np.dtype(np.float64)
PENALTIES = ("l1", "l2")
# Settings of a network that differ between members, and are in arrays.
VARYING = {"l1": 0.0, "l2": 0.0, "dropout": 0.0}


def save(model: PopulationState, path: str | os.PathLike[str]) -> None:
    """Write a population to a file."""
    settings = mlp_file.settings_of(model._template)
    header = {
        "settings": {name: value for name, value in settings.items() if name not in VARYING},
        "members": model.size,
        "optimizer": model._slots_of,
        "seconds": number("history.seconds", model.history.seconds),
    }
    arrays = _trained(model) | _of_members(model) | _recorded(model)
    if model._run is not None and not model._run.ended:
        header["run"] = run_file.described(model._run)
        arrays |= run_file.arrays_of(model._run)
    checkpoint.save(path, "Population", arrays, header)


def _trained(model: PopulationState) -> dict[str, Array]:
    """Return views of parameters and optimizer state, by their names in the file."""
    return checkpoint.trained(model.parameters, map(model._named, model._slots))


def _of_members(model: PopulationState) -> dict[str, Array]:
    """Return the other arrays with a row for each member."""
    return {
        "counters": np.minimum(model._counters, checkpoint.MOST_COUNTED),
        "hash_seeds": model._seeds.astype(np.int64),
        "split_rngs": model._split_rngs.view(np.int64),
        "penalties": np.stack([model._l1, model._l2]),
        "dropout": model._dropout,
    }


def _columns(members: int, validated: bool) -> checkpoint.Columns:
    """Return the arrays of the history of so many members, except for `diverged`."""
    columns: checkpoint.Columns = {
        "loss": ((members, None), FLOATS),
        "updates": ((members,), INTEGERS),
        "best_epoch": ((members,), INTEGERS),
    }
    return columns | ({"validation_loss": ("loss", FLOATS)} if validated else {})


def _recorded(model: PopulationState) -> dict[str, Array]:
    """Return the history; without validation losses if there are none."""
    history = model.history
    arrays = checkpoint.recorded(history, _columns(model.size, has_validation(history)))
    for name in ("updates", "best_epoch"):
        arrays[f"history.{name}"] = np.minimum(arrays[f"history.{name}"], checkpoint.MOST_COUNTED)
    arrays |= checkpoint.recorded(history, {"diverged": ((model.size,), np.dtype(bool))})
    return arrays | {"history.diverged": history.diverged.astype(np.int64)}


def load(cls: type[Model], path: str | os.PathLike[str], backend: Backend) -> Model:
    """Load a population from a file written by `save`."""
    one_of("backend", backend, ("compiled",))
    with checkpoint.reader(path, "Population") as file:
        model = _build(cls, file)
        for name, array in _trained(model).items():
            file.read_into(name, array)
        _read_members(model, file)
        _read_history(model, file)
        run_file.read(model, file)
    return model


def _build(cls: type[Model], file: checkpoint.Reader) -> Model:
    """Return a population with the file's settings, without reading its arrays."""
    settings, shapes, dtype = mlp_file.settings_in(file, VARYING)
    members = positive_int("members", file.field("members", int))
    rule = file.field("optimizer", str)
    with_members = {name: (members, *shape) for name, shape in shapes.items()}
    file.check_trained(with_members, OPTIMIZER_SLOTS[rule] if rule else 0, dtype)
    template = MLP(**settings, weight_init=mlp_file.zeros(shapes, dtype), rng=0)
    model: Model = cls._like(template, members)
    model._allocate_slots(rule)
    return model


def _read_members(model: PopulationState, file: checkpoint.Reader) -> None:
    """Read the arrays that `_of_members` returned."""
    members = model.size
    model._counters = file.counts("counters", model._counters.shape)
    seeds = file.array("hash_seeds", (members,), INTEGERS)
    if (seeds < 0).any():
        raise ValueError(f"hash_seeds has {seeds.min()}, which is out of range")
    model._seeds = seeds.view(np.uint64)
    model._split_rngs = file.array("split_rngs", (members, WORDS), INTEGERS).view(np.uint64)
    for words in model._split_rngs:
        generator_from_words(words.tolist())
    penalties = file.array("penalties", (2, members), FLOATS)
    for name, row in zip(PENALTIES, penalties, strict=True):
        penalty_factor(name, float(row.min()))
    model._l1, model._l2 = penalties.copy()
    model._dropout = file.array("dropout", (members, len(model.layer_sizes) - 2), FLOATS)
    if model._dropout.size:
        dropout_rate("dropout", float(model._dropout.min()))
        dropout_rate("dropout", float(model._dropout.max()))


def _read_history(model: PopulationState, file: checkpoint.Reader) -> None:
    """Read the arrays that `_recorded` returned."""
    history, members = model.history, model.size
    validated = "history.validation_loss" in file.names
    file.read_history(history, _columns(members, validated))
    if not validated:
        history.validation_loss = no_validation(members, history.epochs)
    for name in ("updates", "best_epoch"):
        checkpoint.check_counts(name, getattr(history, name))
    history.diverged = file.flags("history.diverged", (members,))
    history.seconds = number("seconds", file.field("seconds", (int, float)))
