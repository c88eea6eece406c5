"""The short table of the README, with a few cases of each kind of benchmark; see `report.py`."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import peers
from formats import NAMES, duration, table, times
from results import OURS, Group, Run
from tables import conditions, wins

NUMPY = ("numpy", "reference", "step_by_step", "in_order")  # paths; the fastest of them counts


class Headline(NamedTuple):
    """One row: the label of a case, which group it is, and what its time is of."""

    label: str
    kind: str
    info: dict[str, Any]
    unit: str = ""


def train(case: str, unit: str) -> Headline:
    """Return the row of a dense network."""
    return Headline(f"Train {case}", "mlp_train", {"case": case}, f" {unit}")


def train_rnn(hidden: int) -> Headline:
    """Return the row of a character RNN with one stream."""
    info = {"hidden": hidden, "streams": 1, "dtype": "float32"}
    return Headline(f"Train a character RNN, {hidden} units", "char_rnn_train", info, " per step")


HEADLINES = [
    train("3-3-1, SGD, one row per step", "per step"),
    train("64-100-10, Adam, 1797 rows, batches of 32", "per epoch"),
    train("784-128-10, Adam, batches of 64", "per step"),
    Headline("Predict one row, 3-3-1", "mlp_predict", {"case": "3-3-1, one row"}),
    train_rnn(100),
    train_rnn(512),
    Headline(
        "Train an LSTM over text, 128 units, 16 streams",
        "recurrent",
        {"case": "lstm-H128-T25-N16"},
        " per step",
    ),
    Headline(
        "Train 1000 networks 2-3-2 side by side, 4 rows",
        "population",
        {"case": "1000 of 2-3-2, 4 rows"},
        " per step of one",
    ),
    Headline("Fit digits with the estimator, float64", "sklearn_fit", {"case": "digits"}),
]


def found(run: Run, headline: Headline) -> Group | None:
    """Return the group of a row, or None if the run did not time it."""
    return next(iter(run.of(headline.kind, **headline.info)), None)


def fastest(group: Group, paths: tuple[str, ...]) -> float:
    """Return how many times as long as nncore the fastest of these paths takes, or NaN."""
    timed = [group.ratio(path) for path in paths if path in group.seconds]
    return min(timed, default=math.nan)


def rows(run: Run) -> list[list[str]]:
    """Return label, time and ratios of every headline that was timed."""
    columns = [NUMPY, *((name,) for name in peers.NAMES)]
    return [
        [
            headline.label,
            f"{duration(group.seconds[OURS])}{headline.unit}",
            *(times(fastest(group, paths)) for paths in columns),
        ]
        for headline in HEADLINES
        if (group := found(run, headline))
    ]


def summary(run: Run) -> str:
    """Return the Markdown for between the README's markers."""
    head = ["Task", OURS, "NumPy", *(NAMES[name] for name in peers.NAMES)]
    notes = (
        "One thread, float32 unless noted; 3-3-1 are inputs, hidden units and outputs. Columns to "
        "the right of nncore give another library's time divided by nncore's, so nncore is faster "
        "where it is above 1; NumPy is the fastest of the NumPy programs measured; blanks were not "
        "measured."
    )
    kernels = wins(run, "numpy")
    parts = [table(head, rows(run)), " ".join(filter(None, [notes, kernels])), conditions(run)]
    return "\n\n".join(parts)
