"""Pictures of training. Needs matplotlib: pip install 'nncore[plot]'."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore.training import History

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart also by colour-blind readers.
BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#999999"
MOST_POINTS = 2000  # more cannot be seen, and make the file slow to draw


def available() -> bool:
    """Is matplotlib installed?"""
    from importlib.util import find_spec

    return find_spec("matplotlib") is not None


def figure(width: float = 8.0, height: float = 4.5) -> Figure:
    """An empty figure that belongs to no window and to no global state."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("pictures need matplotlib: pip install 'nncore[plot]'") from error
    return Figure(figsize=(width, height), layout="constrained")


def _thinned(values: Any) -> Any:
    """x and y of at most MOST_POINTS evenly chosen values, counted from 1."""
    at = np.unique(np.linspace(0, len(values) - 1, MOST_POINTS).round().astype(int))
    return at + 1, np.asarray(values)[at]


def loss_curve(history: History, path: str | os.PathLike[str], title: str = "Training") -> None:
    """Write a picture of bits per character over the updates: training, and held-out text."""
    if not history.iterations:
        raise ValueError("history has no updates yet: there is nothing to draw")
    fig = figure()
    axes = fig.add_subplot()
    scale = history.seq_length * np.log(2)
    axes.plot(*_thinned(history.loss / scale), color=GREY, lw=0.5, alpha=0.6, label="each window")
    axes.plot(*_thinned(history.bits_per_char), color=BLUE, lw=2, label="running mean")
    if len(history.validation_iteration):
        axes.plot(
            history.validation_iteration,
            history.validation_bits_per_char,
            "o-",
            color=VERMILION,
            label="held-out text",
        )
    axes.set(title=title, xlabel="updates", ylabel="bits per character")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    fig.savefig(path, dpi=120)
