"""Generated sections of pages, between <!-- name:begin --> and <!-- name:end -->."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BENCHMARKS = ROOT / "docs" / "benchmarks.md"


def inserted(text: str, name: str, section: str) -> str | None:
    """Return the text with the section between its markers, or None if it has no markers."""
    before, begin, rest = text.partition(f"<!-- {name}:begin -->")
    _, end, after = rest.partition(f"<!-- {name}:end -->")
    return f"{before}{begin}\n{section}\n{end}{after}" if begin and end else None


def write_section(page: Path, name: str, section: str) -> None:
    """Write a section into a page; print it instead if the page has no markers for it."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    changed = inserted(text, name, section)
    if changed is None:
        print(section)
        print(f"{page} has no <!-- {name}:begin --> ... end: nothing written", file=sys.stderr)
        return
    page.write_text(changed, encoding="utf-8")
