"""Measure how often XOR is learned, and how well fonts on colours and digits are classified.

python benchmarks/trainers.py                     embedded data; digits if scikit-learn is there
python benchmarks/trainers.py --colors table.csv  colours of a table, labels in its last column

writes the tables into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from formats import table
from pages import BENCHMARKS, write_section

import nncore
from nncore.config import config
from nncore.trainers.rgb.train import METHODS, RGBResult
from nncore.trainers.xor.train import xor_success_rates

SEEDS = 1000
SIZES = (2, 3, 4, 50)
SPLITS = 10
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def xor() -> str:
    """Return the fractions of seeds with which the truth table is learned."""
    rows = []
    for name, restarts in (("single starts", 0), ("default: restarts when stuck", 10)):
        fractions = xor_success_rates(SEEDS, SIZES, max_restarts=restarts)
        rows.append([name, *(f"{fractions[size]:.3f}" for size in SIZES)])
    head = ["XOR's truth table learned", *(f"2-{size}-2" for size in SIZES)]
    return f"{table(head, rows)}\n\nFractions of {SEEDS} seeds, by `nncore xor --seeds {SEEDS}`."


def fonts(colors: Path | None, name: str) -> str:
    """Return the accuracy on held-out colours, and on held-out rows, over some splits."""
    rows = []
    for method in METHODS:
        accuracies = {
            split: [
                train_rgb(colors, split=split, method=method, rng=seed).accuracy
                for seed in range(SPLITS)
            ]
            for split in ("color", "rows")
        }
        means = [f"{np.mean(found):.4f}" for found in accuracies.values()]
        rows.append([f'`method="{method}"`', means[0], f"{min(accuracies['color']):.4f}", means[1]])
    head = [
        "Font on a colour, accuracy",
        "split by colour",
        "(worst split)",
        "split by rows",
    ]
    return f"{table(head, rows)}\n\n{name}: means of {SPLITS} splits, a third held out."


def train_rgb(colors: Path | None, split: str, method: str, rng: int) -> RGBResult:
    return nncore.train_rgb(colors, split=split, method=method, rng=rng)  # type: ignore[arg-type]


def digits() -> str:
    """Return a sentence; nothing if scikit-learn is not installed."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        from digits import main
    except ImportError:
        return ""
    return (
        f"Handwritten digits (`examples/digits.py`): {main():.4f} of a held-out third of "
        f"scikit-learn's 1797 images classified correctly."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--colors", type=Path, help="a table of colours")
    parser.add_argument("--name", help="name of it in the report")
    parser.add_argument("--page", type=Path, default=BENCHMARKS)
    arguments = parser.parse_args()
    embedded = "Colours of an even grid, labelled by their brightness"
    name = arguments.name or (arguments.colors.name if arguments.colors else embedded)
    where = config()
    parts = [
        xor(),
        fonts(arguments.colors, name),
        digits(),
        f"By `benchmarks/trainers.py` with {where['level']} kernels.",
    ]
    write_section(arguments.page, "trainers", "\n\n".join(filter(None, parts)))


if __name__ == "__main__":
    main()
