"""The figures of one run of the benchmarks, read from pytest-benchmark's JSON.

Used by `tables.py` and `plot.py`; how to run: see `report.py`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

OURS = "nncore"


@dataclass
class Group:
    """One case in every path that was timed: seconds a call (iteration, character), medians."""

    kind: str
    case: str
    info: dict[str, Any]
    seconds: dict[str, float]

    def ratio(self, path: str) -> float:
        """How many times as long as nncore the path takes; NaN where it was not timed."""
        return self.seconds.get(path, float("nan")) / self.seconds[OURS]

    @property
    def size(self) -> tuple[int, int, int]:
        """N, I, O of a kernel's arguments."""
        n, i, o = self.info["size"]
        return n, i, o


@dataclass
class Run:
    machine: dict[str, str]
    groups: list[Group]

    def of(self, kind: str, **info: Any) -> list[Group]:
        """Groups of a kind, in the order in which they ran; those with this extra info."""
        return [
            group
            for group in self.groups
            if group.kind == kind and info.items() <= group.info.items()
        ]

    def paths(self, kind: str) -> list[str]:
        """The opponents, in the order in which they ran."""
        seen = {path: None for group in self.of(kind) for path in group.seconds}
        return [path for path in seen if path != OURS]


def read(path: Path) -> Run:
    """Raises ValueError for a file without machine names, which no run of ours writes."""
    data = json.loads(path.read_text(encoding="utf-8"))
    entries = defaultdict(list)
    for entry in data["benchmarks"]:
        entries[entry["group"]].append(entry)
    machine = data["machine_info"].get("nncore")
    if not machine:
        raise ValueError(f"{path} is not a result of these benchmarks: it names no machine")
    groups = [group(found) for found in entries.values()]
    return Run(machine, [group for group in groups if OURS in group.seconds])


def group(entries: list[dict[str, Any]]) -> Group:
    """One case; of a path that had several turns the median of their medians."""
    infos = [entry["extra_info"] for entry in entries]
    turns = defaultdict(list)
    for info, entry in zip(infos, entries, strict=True):
        turns[info["path"]].append(entry["stats"]["median"] / info["per_call"])
    seconds = {path: median(found) for path, found in turns.items()}
    return Group(infos[0]["kind"], infos[0]["case"], infos[0], seconds)
