"""How the pages of a run write figures and tables."""

from __future__ import annotations

import math
from collections.abc import Iterable

import peers

NAMES = {  # of the paths, in headings
    "numpy": "vectorised NumPy",
    "reference": '`backend="numpy"`',
    "step_by_step": "step-by-step NumPy",
    "in_order": "the same, rows in order",
    "loop": "a loop",
    "two_threads": "two threads",
    **peers.NAMES,
}


def times(ratio: float) -> str:
    """Return a ratio with two significant digits: 13, 1.3, 0.83; losses in bold."""
    if math.isnan(ratio):
        return ""
    text = f"{ratio:.0f}" if ratio >= 9.95 else f"{ratio:.1f}" if ratio >= 1.05 else f"{ratio:.2f}"
    return f"**{text}**" if ratio < 1 else text


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table: the first column to the left, figures to the right."""
    head = list(head)
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def duration(seconds: float) -> str:
    if seconds < 1e-6:
        return f"{seconds * 1e9:.3g} ns"
    if seconds >= 1:
        return f"{seconds:.3g} s"
    return f"{seconds * 1e6:.3g} µs" if seconds < 1e-3 else f"{seconds * 1e3:.3g} ms"


def against(path: str) -> str:
    return f"times faster than {NAMES.get(path, path)}"


def size_name(size: tuple[int, ...]) -> str:
    return "×".join(map(str, size))
