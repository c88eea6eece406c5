"""Plots of training. They need matplotlib: pip install 'nncore[plot]'."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore.char_rnn.history import History

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Colours of Okabe and Ito, which colour-blind readers can distinguish.
BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#999999"
MOST_POINTS = 2000  # more cannot be seen, and make the file slow to draw


def available() -> bool:
    """Whether matplotlib is installed."""
    from importlib.util import find_spec

    return find_spec("matplotlib") is not None


def figure(width: float = 8.0, height: float = 4.5) -> Figure:
    """Return an empty figure without a window or global state; sizes are in inches."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("pictures need matplotlib: pip install 'nncore[plot]'") from error
    return Figure(figsize=(width, height), layout="constrained")


def _thinned(values: Any) -> Any:
    """Return positions, counted from 1, and values of at most MOST_POINTS evenly spaced values."""
    at = np.unique(np.linspace(0, len(values) - 1, MOST_POINTS).round().astype(int))
    return at + 1, np.asarray(values)[at]


def loss_curve(history: History, path: str | os.PathLike[str], title: str = "Training") -> None:
    """Save a plot of bits per character against updates, for training and held-out text.

    Parameters
    ----------
    history : History
        Record of the training of a `CharRNN`.
    path : str or os.PathLike
        The file, in the format of its suffix.
    title : str
        Title of the plot.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If the history is empty.
    OSError
        If the file cannot be written.
    """
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
