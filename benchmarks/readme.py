"""README sections that programs write, between <!-- name:begin --> and <!-- name:end -->."""

from __future__ import annotations

import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def inserted(text: str, name: str, section: str) -> str | None:
    """The text with the section between its markers; None where it has no markers."""
    before, begin, rest = text.partition(f"<!-- {name}:begin -->")
    _, end, after = rest.partition(f"<!-- {name}:end -->")
    return f"{before}{begin}\n{section}\n{end}{after}" if begin and end else None


def write_section(path: Path, name: str, section: str) -> None:
    """Write a section into the README; one without its markers is left alone, and told so."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    changed = inserted(text, name, section)
    if changed is None:
        print(section)
        print(f"{path} has no <!-- {name}:begin --> ... end: nothing written", file=sys.stderr)
        return
    path.write_text(changed, encoding="utf-8")
