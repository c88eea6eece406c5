"""Plot docs/benchmarks.png, the time of NumPy relative to that of nncore, by size.

How to run: see `report.py`.
"""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter
from results import Group, Run

# Okabe and Ito's colours, which colour-blind readers can distinguish, and different markers.
LINES = {
    "linear_forward": ("#0072B2", "o"),
    "linear_tanh": ("#56B4E9", "s"),
    "linear_backward": ("#009E73", "^"),
    "tanh_forward": ("#E69F00", "D"),
    "softmax_cross_entropy": ("#CC79A7", "v"),
    "adagrad_update": ("#D55E00", "P"),
    "char_rnn_gradients": ("#000000", "X"),
}


def work(group: Group) -> int:
    """N * I * O, the multiplications of the layer of that size."""
    n, i, o = group.size
    return n * i * o


def plot(run: Run, path: str, target: Path) -> None:
    mpl.use("agg")
    figure, axes = plt.subplots(figsize=(8.5, 4.8), layout="constrained")
    for kernel, (color, marker) in LINES.items():
        line(axes, run.of("kernel", case=kernel, dtype="float32"), path, color, marker)
    label_axes(axes, run, path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Without a date or version inside, the same figures give the same file.
    figure.savefig(target, dpi=150, metadata={"Software": None})
    plt.close(figure)


def line(axes: Axes, groups: list[Group], path: str, color: str, marker: str) -> None:
    """Plot one kernel, with larger, hollow markers where nncore is slower."""
    groups = sorted((group for group in groups if path in group.seconds), key=work)
    if not groups:
        return
    x, y = [work(group) for group in groups], [group.ratio(path) for group in groups]
    axes.plot(x, y, color=color, marker=marker, markersize=5, label=groups[0].case)
    lost = [ratio if ratio < 1 else math.nan for ratio in y]
    axes.plot(x, lost, color=color, marker=marker, ms=9, mfc="white", mew=1.8, ls="")


def label_axes(axes: Axes, run: Run, path: str) -> None:
    axes.set(xscale="log", yscale="log", xlabel="size of the layer: rows × inputs × outputs")
    axes.set_ylabel("time in NumPy / time in nncore" if path == "numpy" else f"{path} / nncore")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    low, high = axes.get_ylim()
    low = min(low, 0.5)
    axes.set_yticks([y for y in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low <= y <= high])
    axes.set_ylim(low, high)
    axes.minorticks_off()
    axes.axhspan(low, 1, color="0.93", zorder=0)
    axes.axhline(1, color="0.35", linewidth=1.2)
    below = {"xytext": (8, 6), "textcoords": "offset points", "color": "0.35", "fontsize": 9}
    axes.annotate("here nncore is slower", (0, 0), xycoords="axes fraction", **below)
    axes.grid(color="0.88", linewidth=0.6)
    axes.legend(loc="upper right", fontsize=9, framealpha=0.95)
    m = run.machine
    names = f"{m['processor']}, {m['level']}, NumPy {m['numpy']}, one thread, {m['date']}"
    axes.set_title(f"Kernels, float32, against preallocated NumPy\n{names}", fontsize=10)
