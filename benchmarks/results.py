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
    """One case in all timed paths: seconds per call, iteration or character in each turn."""

    kind: str
    case: str
    info: dict[str, Any]
    turns: dict[str, list[float]]

    @property
    def seconds(self) -> dict[str, float]:
        """The median of each path's turns."""
        return {path: median(found) for path, found in self.turns.items()}

    def ratio(self, path: str, own: str = OURS) -> float:
        """The time of a path divided by that of nncore; NaN if it was not timed.

        It is the median of the ratios in each turn, which is timed within a second or two, as the
        machine's speed changes more slowly than that.
        """
        others = self.turns.get(path, [])
        pairs = zip(others, self.turns[own], strict=bool(others))
        return median(other / ours for other, ours in pairs) if others else float("nan")

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
        """Groups of a kind with this extra info, in the order in which they ran."""
        return [
            group
            for group in self.groups
            if group.kind == kind and info.items() <= group.info.items()
        ]

    def paths(self, kind: str) -> list[str]:
        """The paths other than nncore, in the order in which they ran."""
        seen = {path: None for group in self.of(kind) for path in group.turns}
        return [path for path in seen if path != OURS]


def read(path: Path) -> Run:
    """Read a file of results; ValueError if it does not describe the machine."""
    data = json.loads(path.read_text(encoding="utf-8"))
    entries = defaultdict(list)
    for entry in data["benchmarks"]:
        entries[entry["group"]].append(entry)
    machine = data["machine_info"].get("nncore")
    if not machine:
        raise ValueError(f"{path} is not a result of these benchmarks: it names no machine")
    groups = [group(found) for found in entries.values()]
    return Run(machine, [group for group in groups if OURS in group.turns])


def group(entries: list[dict[str, Any]]) -> Group:
    """Return one case, with the median of every turn."""
    infos = [entry["extra_info"] for entry in entries]
    turns = defaultdict(list)
    for info, entry in zip(infos, entries, strict=True):
        turns[info["path"]].append(entry["stats"]["median"] / info["per_call"])
    return Group(infos[0]["kind"], infos[0]["case"], infos[0], dict(turns))
