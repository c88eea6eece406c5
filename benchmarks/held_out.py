"""Measure how well networks predict held-out text, and how long training takes.

python benchmarks/held_out.py                     Python's own help texts
python benchmarks/held_out.py novel.txt --name "A novel" --characters 700000

trains min-char-rnn and nncore's defaults for three passes over all but the last tenth of the
text, evaluates them on that tenth, and writes the table into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from formats import table
from pages import BENCHMARKS, write_section

import nncore
from nncore.cli.demo import prose
from nncore.config import config

EPOCHS = 3
SEEDS = 3
NETWORKS = {
    "min-char-rnn, 100 units": lambda seed: nncore.CharRNN.min_char_rnn(rng=seed),
    "nncore's defaults, 128 units": lambda seed: nncore.CharRNN(rng=seed),
    "256 units, other settings as default": lambda seed: nncore.CharRNN(256, rng=seed),
}


@dataclass(frozen=True)
class Result:
    """Medians over the seeds, and the range of the bits per character."""

    bits: float
    best: float
    worst: float
    seconds_per_pass: float


def measured(name: str, text: str) -> Result:
    """Train with each seed."""
    bits, seconds = [], []
    for seed in range(SEEDS):
        history = NETWORKS[name](seed).fit(text, epochs=EPOCHS, validation_fraction=0.1)
        bits.append(float(history.validation_bits_per_char[-1]))
        seconds.append(history.seconds / EPOCHS)
        print(f"{name}, seed {seed}: {history}")
    return Result(float(np.median(bits)), min(bits), max(bits), float(np.median(seconds)))


def section(text: str, title: str, results: dict[str, Result]) -> str:
    """The Markdown between the markers."""
    head = ["", "bits per character, held out", "(range)", "seconds per pass"]
    rows = [
        [name, f"{r.bits:.2f}", f"{r.best:.2f} to {r.worst:.2f}", f"{r.seconds_per_pass:.2f}"]
        for name, r in results.items()
    ]
    where = config()
    return (
        f"{EPOCHS} passes over {title} ({len(text):,} characters), evaluated on the last tenth, "
        f"which is held out; medians of {SEEDS} seeds, one thread.\n\n{table(head, rows)}\n\n"
        f"By `benchmarks/held_out.py` on {where['processor']}, {where['level']} kernels."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("text", nargs="?", type=Path, help="a text file")
    parser.add_argument("--name", help="name of the text in the table")
    parser.add_argument("--characters", type=int, help="number of characters to use")
    parser.add_argument("--page", type=Path, default=BENCHMARKS)
    arguments = parser.parse_args()
    text = arguments.text.read_text(encoding="utf-8") if arguments.text else prose()
    text = text[: arguments.characters]
    title = arguments.name or (arguments.text.name if arguments.text else "Python's help texts")
    results = {name: measured(name, text) for name in NETWORKS}
    write_section(arguments.page, "held-out", section(text, title, results))


if __name__ == "__main__":
    main()
