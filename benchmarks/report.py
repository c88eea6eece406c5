"""Run the benchmarks and put their figures into README.md and docs/benchmarks.png.

python benchmarks/report.py                   run (three to four minutes) and write both
python benchmarks/report.py results.json      the same from a finished run, made with
    pytest benchmarks --benchmark-json=results.json

All figures come from the JSON. A README without the markers `<!-- benchmarks:begin -->`
and `<!-- benchmarks:end -->` is left alone, and the tables go to the standard output.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from plot import plot
from results import Run, read
from tables import markdown

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- benchmarks:begin -->", "<!-- benchmarks:end -->"


def run_benchmarks() -> Run:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "results.json"
        arguments = ["-q", "--benchmark-quiet", f"--benchmark-json={target}"]
        subprocess.run(
            [sys.executable, "-m", "pytest", "benchmarks", *arguments],
            cwd=ROOT,
            check=True,
            stdout=sys.stderr,
        )
        return read(target)


def inserted(text: str, section: str) -> str | None:
    """The text with the section between its markers; None where it has no markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{begin}\n{section}\n{end}{after}" if begin and end else None


def write_readme(path: Path, section: str) -> None:
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    changed = inserted(text, section)
    if changed is None:
        print(section)
        print(f"{path} has no {BEGIN} ... {END}: nothing written to it", file=sys.stderr)
        return
    path.write_text(changed, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("results", nargs="?", type=Path, help="JSON of a finished run")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--plot", type=Path, default=ROOT / "docs" / "benchmarks.png")
    arguments = parser.parse_args()
    run = read(arguments.results) if arguments.results else run_benchmarks()
    write_readme(arguments.readme, markdown(run))
    plot(run, "numpy", arguments.plot)


if __name__ == "__main__":
    main()
