"""Run the benchmarks and write their figures into README.md and docs/.

python benchmarks/report.py                   run (about ten minutes) and write
python benchmarks/report.py results.json      write from a finished run, made with
    pytest benchmarks --benchmark-json=results.json

The README gets a short table, docs/benchmarks.md all tables, docs/benchmarks.png the plot.
All figures come from the JSON. A page without the markers `<!-- benchmarks:begin -->` and
`<!-- benchmarks:end -->` is not changed, and its tables are printed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from pages import BENCHMARKS, README, ROOT, write_section
from plot import plot
from results import Run, read
from summary import summary
from tables import markdown


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


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("results", nargs="?", type=Path, help="JSON of a finished run")
    parser.add_argument("--readme", type=Path, default=README)
    parser.add_argument("--tables", type=Path, default=BENCHMARKS)
    parser.add_argument("--plot", type=Path, default=ROOT / "docs" / "benchmarks.png")
    arguments = parser.parse_args()
    run = read(arguments.results) if arguments.results else run_benchmarks()
    write_section(arguments.readme, "benchmarks", summary(run))
    write_section(arguments.tables, "benchmarks", markdown(run))
    plot(run, "numpy", arguments.plot)


if __name__ == "__main__":
    main()
