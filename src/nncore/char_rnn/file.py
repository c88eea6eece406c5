"""Saving a CharRNN to a model file: weights, optimizer state, history, position, random numbers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from nncore.arguments.recurrent import cell_name, layer_count
from nncore.char_rnn.history import CharRNNRunState
from nncore.char_rnn.state import CharRNNState
from nncore.char_rnn.text import MOST_CHARACTERS, Vocabulary
from nncore.checks import LARGEST, count, float_dtype, number, one_of, positive_int
from nncore.files import model_file as checkpoint
from nncore.optimizers import optimizer_from
from nncore.params import Array, char_rnn_shapes, views
from nncore.randomness import generator_from, generator_state
from nncore.registry import CELL_ROW, OPTIMIZER_SLOTS
from nncore.schedules import Constant, schedule_from, schedule_settings

if TYPE_CHECKING:
    from nncore.model import Backend

Model = TypeVar("Model", bound=CharRNNState)
INTEGERS, FLOATS = np.dtype(np.int64), np.dtype(np.float64)
# Of files from before there were other cells and more layers.
STACK: dict[str, Any] = {"cell": "tanh", "layers": 1, "dropout": 0.0}
HISTORY: checkpoint.Columns = {
    "loss": ((None,), FLOATS),
    "smooth_loss": ("loss", FLOATS),
    "validation_iteration": ((None,), INTEGERS),
    "validation_bits_per_char": ("validation_iteration", FLOATS),
}


def save(model: CharRNNState, path: str | os.PathLike[str]) -> None:
    """Write a built network to a file."""
    header = {
        "settings": _settings(model),
        # As numbers: JSON would read two surrogates, each a character here, as one.
        "vocabulary": list(map(ord, model.vocabulary.characters)),
        "vocabulary_kind": model.vocabulary.kind,
        "text_mark": model._run.fingerprint if model._run else [],
        "seconds": number("history.seconds", model.history.seconds),
        "sample_rng": generator_state(model._sample_rng),
        "hash_seed": model._hash_seed,
    }
    checkpoint.save(path, "CharRNN", _arrays(model), header)


def _settings(model: CharRNNState) -> dict[str, Any]:
    """Return the arguments of the constructor, in a form that JSON can represent."""
    return {
        "hidden_size": model.hidden_size,
        "seq_length": model.seq_length,
        "batch_size": model.batch_size,
        "optimizer": model.optimizer.settings(),
        **model._stack,
        "dropout": model.dropout,
        "schedule": schedule_settings(model.schedule),
        "clip": model.clip,
        "clip_norm": model.clip_norm,
        "weight_init": model.weight_init,
        "dtype": model.dtype.name,
    }


def _trained(model: CharRNNState) -> dict[str, Array]:
    """Return the arrays of fixed shape that training changes, by their names in the file."""
    slots = [views(slot, model._shapes) for slot in model._slots]
    arrays = checkpoint.trained(model.parameters, slots)
    return arrays | {"state": model._state, "counters": model._counters}


def _arrays(model: CharRNNState) -> dict[str, Array]:
    """Return all arrays of the file by name."""
    counters = np.minimum(model._counters, checkpoint.MOST_COUNTED)
    # The updates before the run, and those planned; 0 if it was finished. Beyond the largest count
    # the start of the run is moved, so that its length stays.
    before, run = int(counters[0]), model._run
    last = [before, 0] if run is None or run.ended else [max(0, before - run.done), run.planned]
    counts = {"counters": counters, "run": np.array(last, INTEGERS)}
    return _trained(model) | counts | checkpoint.recorded(model.history, HISTORY)


def load(cls: type[Model], path: str | os.PathLike[str], backend: Backend) -> Model:
    """Load a network from a file written by `save`; CheckpointError for any other content."""
    with checkpoint.reader(path, "CharRNN") as file:
        model = _build(cls, file, backend)
        for name, array in _trained(model).items():
            file.read_into(name, array)
        _check_counters(model)
        model._run = _run(model, file)
        file.read_history(model.history, HISTORY)
        model.history.seconds = number("seconds", file.field("seconds", (int, float)))
    return model


def _build(cls: type[Model], file: checkpoint.Reader, backend: Backend) -> Model:
    """Return a network with the file's settings, without reading its arrays."""
    settings = dict(file.field("settings", dict))
    old = not settings.keys() & STACK.keys()
    settings = STACK | settings if old else settings
    if missing := [name for name in STACK if name not in settings]:
        raise ValueError(f"settings lack {', '.join(missing)}")
    settings["optimizer"] = optimizer_from(settings["optimizer"])
    schedule = settings["schedule"]
    settings["schedule"] = Constant() if schedule is None else schedule_from(schedule)
    vocabulary = _vocabulary(file)
    _check_arrays(file, settings, vocabulary)
    model = cls(**settings, vocabulary="characters", backend=backend, rng=0)
    model._asked_vocabulary = vocabulary
    model._build(vocabulary, 0.0)
    model._sample_rng = generator_from(file.field("sample_rng", dict))
    if not old:
        model._hash_seed = file.hash_seed()
    return model


def _vocabulary(file: checkpoint.Reader) -> Vocabulary:
    """Return the vocabulary of the file, checked."""
    codes = file.field("vocabulary", list)
    if len(codes) > MOST_CHARACTERS:
        raise ValueError(f"vocabulary has {len(codes)} characters, expected <= {MOST_CHARACTERS}")
    vocabulary = Vocabulary("".join(map(chr, codes)))
    kind = one_of("vocabulary_kind", file.field("vocabulary_kind", str), ("characters", "bytes"))
    if kind == "characters":
        return vocabulary
    if vocabulary.characters != Vocabulary.of_bytes().characters:
        raise ValueError("vocabulary of kind bytes does not have the 256 bytes")
    return Vocabulary.of_bytes()


def _check_arrays(
    file: checkpoint.Reader, settings: dict[str, Any], vocabulary: Vocabulary
) -> None:
    """Check the sizes of the file's arrays before anything of that size is allocated."""
    hidden = positive_int("hidden_size", settings["hidden_size"])
    cell, layers = cell_name(settings["cell"]), layer_count(settings["layers"])
    streams = positive_int("batch_size", settings["batch_size"])
    dtype = float_dtype("dtype", settings["dtype"])
    slots = OPTIMIZER_SLOTS[settings["optimizer"].rule().kind]
    file.check_trained(char_rnn_shapes(vocabulary.size, hidden, cell, layers), slots, dtype)
    file.check("state", (streams, layers * CELL_ROW[cell].states * hidden), dtype)


def _check_counters(model: CharRNNState) -> None:
    """Raise ValueError unless the counts are in range."""
    counters = model._counters
    if (counters < 0).any() or (counters > checkpoint.MOST_COUNTED).any():
        raise ValueError(
            f"counters must be from 0 to {checkpoint.MOST_COUNTED}, got {counters.tolist()}"
        )


def _run(model: CharRNNState, file: checkpoint.Reader) -> CharRNNRunState | None:
    """Return the last run, or None if there was none."""
    updates, mark = int(model._counters[0]), file.field("text_mark", list)
    begun, planned = map(int, file.array("run", (2,), INTEGERS))
    if not 0 <= begun <= updates:
        raise ValueError(f"run must start at an update from 0 to {updates}, got {begun}")
    done = updates - begun
    if planned and not done <= planned <= LARGEST:
        raise ValueError(f"run has {done} of {planned} updates, which is out of range")
    if len(mark) not in (0, 2):
        raise ValueError(f"text_mark has {len(mark)} numbers, expected 0 or 2")
    if not mark:
        return None
    return CharRNNRunState(
        planned=planned,
        fingerprint=[count("text_mark", number) for number in mark],
        ended=not planned,
        updates=done,
    )
