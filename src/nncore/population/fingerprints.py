"""What a run of a population was started with, by which a resumed run recognises it."""

from __future__ import annotations

import zlib
from typing import Any

from nncore.params import Array
from nncore.population.rows import PopulationData
from nncore.schedules import schedule_settings
from nncore.training import fingerprint
from nncore.training.epochs.settings import EpochFitSettings

# The arguments of `fit` that a resumed run must have been started with. A file has a number for
# each that it knows, and an argument that it does not know was not given.
ARGUMENTS = (
    "X and Y", "rows", "sample_weight", "validation_data", "optimizer", "learning_rate",
    "batch_size", "shuffle", "schedule", "clip", "clip_norm", "early_stopping",
    "validation_rows",
)  # fmt: skip


def fingerprints(
    data: PopulationData, held_out: Any, settings: EpochFitSettings, learning_rates: Array
) -> list[int]:
    """Return a number for each of `ARGUMENTS`."""
    schedule = None if settings.schedule is None else schedule_settings(settings.schedule)
    described = {
        "X and Y": data.data.fingerprint(),
        "rows": None if data.rows is None else _of(data.rows, data.counts),
        "sample_weight": None if data.weights is None else _of(data.weights),
        "validation_data": None if held_out is None else held_out.fingerprint(),
        "optimizer": settings.optimizer.rule(),
        "learning_rate": _of(learning_rates),
        "batch_size": settings.batch_size,
        "shuffle": settings.shuffle,
        "schedule": schedule,  # of nncore; functions cannot be compared
        "clip": settings.clip or None,
        "clip_norm": settings.clip_norm or None,
        "early_stopping": settings.early_stopping,
        "validation_rows": None if data.held_rows is None else _of(*data.held_rows),
    }
    return [_checksum(described[name]) for name in ARGUMENTS]


def _of(*arrays: Array) -> list[int]:
    """Return the fingerprint of arrays with a row for each member."""
    return fingerprint(arrays[0].shape, arrays)


def _checksum(value: object) -> int:
    """Return a number for a value that its text describes; 0 for None."""
    return 0 if value is None else zlib.crc32(repr(value).encode())
