"""The folder of a sweep, which holds a record and a network for each finished member."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

from nncore.errors import CheckpointError
from nncore.files.atomic import write_atomically
from nncore.sweeps.member import Member
from nncore.sweeps.settings import Settings

RECORD_BYTES = 1 << 20  # maximum size of a member's record


def _paths(folder: Path, index: int) -> tuple[Path, Path]:
    """Return the files of a member: its record and its network."""
    return folder / f"{index:06d}.json", folder / f"{index:06d}.safetensors"


def write_member(folder: Path, member: Member, text: str) -> None:
    """Write a member to the folder, its network first, so that a record implies a network."""
    record, model = _paths(folder, member.index)
    succeeded = member.error is None
    row = {
        "settings": text,
        "kind": type(member.network).__name__ if succeeded else None,
        "score": member.score if math.isfinite(member.score) else str(member.score),
        "seconds": member.seconds,
        "error": member.error,
    }
    if succeeded:
        member.network.save(model)
    write_atomically(record, json.dumps(row).encode())


def read_member(folder: Path, index: int, settings: Settings, text: str) -> Member | None:
    """Return a finished member from the folder; None if it is not there."""
    from nncore.char_rnn.network import CharRNN
    from nncore.mlp.network import MLP

    record, model = _paths(folder, index)
    try:
        if record.stat().st_size > RECORD_BYTES:
            raise CheckpointError(f"{record} has more than {RECORD_BYTES} bytes")
        row = json.loads(record.read_bytes())
        written, error = str(row["settings"]), row["error"]
        score, seconds = float(row["score"]), float(row["seconds"])
        kind = {None: None, "MLP": MLP, "CharRNN": CharRNN}[row["kind"]]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, RecursionError) as damage:
        if isinstance(damage, CheckpointError):
            raise
        raise CheckpointError(f"{record} is not the record of a sweep's member") from damage
    if written != text:
        raise ValueError(
            f"folder {os.fspath(folder)!r} contains member {index} with the settings {written}, "
            f"expected {text}; use a separate folder for each sweep"
        )
    if kind is None:
        return Member(index, settings, None, math.inf, seconds, str(error))
    if not model.exists():
        return None
    return Member(index, settings, kind.load(model), score, seconds)
