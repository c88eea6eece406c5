"""Plots of the fonts that a network predicts for colours. They need matplotlib."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore.trainers.plots import BLUE, GREY, VERMILION, figure
from nncore.trainers.rgb.data import (
    FONTS,
    MIDDLE,
    NAMED_COLORS,
    brightness,
    hex_name,
    wants_dark,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nncore.trainers.rgb.train import Confusion, FontPredictor, RGBResult

PATCH_COLUMNS = 4  # of named colours
GRID_STEPS = (0, 51, 102, 153, 204, 255)  # of each channel in the picture's grid
SLICES = (0, 128, 255)  # values of blue for which the boundary is drawn
SLICE_STEPS = 129  # of red and green in a slice
INK = {"dark": "black", "light": "white"}


def font_samples(
    predictor: FontPredictor, path: str | os.PathLike[str], title: str = "Predicted fonts"
) -> None:
    """Save a picture of colours with text in the predicted font; a cross marks wrong ones.

    A prediction is wrong unless it is a dark font for colours brighter than 127, and a light one
    for all others.

    Parameters
    ----------
    predictor : FontPredictor
        The trained network.
    path : str or os.PathLike
        The file, in the format of its suffix.
    title : str
        Title of the picture.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    fig = figure(11, 10.5)
    top, bottom = fig.subplots(2, 1, height_ratios=(3, 7))
    named = list(NAMED_COLORS.items())
    wrong = _draw_patches(top, predictor, [c for _, c in named], PATCH_COLUMNS)
    for i, (name, color) in enumerate(named):
        ink = INK[predictor.predict_font(*color)]
        at = (i % PATCH_COLUMNS + 0.5, i // PATCH_COLUMNS + 0.5)
        text = f"{name}\n{','.join(map(str, color))}"
        top.text(*at, text, color=ink, ha="center", va="center", fontsize=12)
    fig.suptitle(f"{title} (×: wrong; a brightness above 127 needs a dark font)", fontsize=14)
    top.set_title(f"{len(named)} named colours ({wrong} wrong)")
    grid = [(r, g, b) for g in GRID_STEPS for r in GRID_STEPS for b in GRID_STEPS]
    columns = len(GRID_STEPS) ** 2 // 2
    wrong = _draw_patches(bottom, predictor, grid, columns)
    inks = np.where(predictor.probabilities(grid) > 0.5, INK["dark"], INK["light"])
    for i, (color, ink) in enumerate(zip(grid, inks, strict=True)):
        at = (i % columns + 0.5, i // columns + 0.5)
        bottom.text(*at, hex_name(color)[1:], color=ink, ha="center", va="center", fontsize=6.5)
    bottom.set_title(
        f"{len(grid)} more colours as #rrggbb, with more green further down ({wrong} wrong)"
    )
    fig.savefig(path, dpi=120)


def _draw_patches(axes: Axes, predictor: FontPredictor, colors: Sequence[Any], columns: int) -> int:
    """Draw colours as squares, wrong ones with a frame and a cross; return how many are wrong."""
    from matplotlib.patches import Rectangle

    predicted = predictor.probabilities(colors) > 0.5
    wrong = predicted != wants_dark(colors)
    for i, color in enumerate(colors):
        at = (i % columns + 0.03, i // columns + 0.03)
        axes.add_patch(Rectangle(at, 0.94, 0.94, facecolor=hex_name(color), edgecolor=GREY, lw=0.5))
        if wrong[i]:
            axes.add_patch(Rectangle(at, 0.94, 0.94, fill=False, edgecolor="black", lw=2))
            cross = (at[0] + 0.82, at[1] + 0.18)
            axes.plot(*cross, marker="X", mfc="white", mec="black", ms=8)
    axes.set(xlim=(0, columns), ylim=(-(-len(colors) // columns), 0))
    axes.axis("off")
    return int(wrong.sum())


def boundary(
    result: RGBResult, path: str | os.PathLike[str], title: str = "Light or dark font"
) -> None:
    """Save a plot of the boundary between the two fonts.

    It shows slices through the colours, the probability of a dark font against the brightness of
    the test rows, and the confusion matrix.

    Parameters
    ----------
    result : RGBResult
        Result of `train_rgb`.
    path : str or os.PathLike
        The file, in the format of its suffix.
    title : str
        Title of the plot.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    fig = figure(12, 9)
    fig.suptitle(
        f"{title}: {result.accuracy:.1%} of {len(result.test)} test rows correct", fontsize=14
    )
    slices = fig.add_gridspec(2, 3, height_ratios=(1, 1.05))
    for i, blue in enumerate(SLICES):
        _draw_slice(fig.add_subplot(slices[0, i]), result, blue)
    _draw_probabilities(fig.add_subplot(slices[1, :2]), result)
    _draw_confusion(fig.add_subplot(slices[1, 2]), result.confusion)
    fig.savefig(path, dpi=120)


def _draw_slice(axes: Axes, predictor: FontPredictor, blue: int) -> None:
    """Draw all colours of one blue, the boundary of the network and that of the rule."""
    from matplotlib.lines import Line2D

    levels = np.linspace(0, 255, SLICE_STEPS).round().astype(int)
    green, red = np.meshgrid(levels, levels, indexing="ij")
    rgb = np.stack([red, green, np.full_like(red, blue)], axis=-1)
    axes.imshow(rgb.astype(np.uint8), origin="lower", extent=(0, 255, 0, 255), aspect="equal")
    chances = predictor.probabilities(rgb.reshape(-1, 3)).reshape(red.shape)
    lines = (
        ("network", chances - 0.5, "solid", "black"),
        ("brightness 127", brightness(rgb) - MIDDLE, "dashed", "white"),
    )
    for _, height, style, color in lines:
        if height.min() < 0 < height.max():  # matplotlib warns of a boundary that is not there
            axes.contour(red, green, height, levels=[0], colors=color, linestyles=style)
    handles = [Line2D([], [], color=color, ls=style, label=name) for name, _, style, color in lines]
    axes.legend(handles=handles, loc="lower left", facecolor=GREY, framealpha=1, fontsize=8)
    axes.set(title=f"colours with blue = {blue}", xlabel="red", ylabel="green")
    axes.set_xticks((0, 128, 255))
    axes.set_yticks((0, 128, 255))


def _draw_probabilities(axes: Axes, result: RGBResult) -> None:
    """Draw probability against brightness, with a colour and shape for each expected font."""
    test = result.test
    light, chances = brightness(test.rgb), result.probabilities(test.rgb)
    for dark, color, marker in ((True, BLUE, "o"), (False, VERMILION, "^")):
        rows = test.dark == dark
        label = f"{FONTS[dark]} font expected ({rows.sum()} rows)"
        axes.plot(light[rows], chances[rows], marker, color=color, ms=6, alpha=0.6, label=label)
    wrong = (chances > 0.5) != test.dark
    label = f"wrong ({wrong.sum()} rows)"
    axes.plot(light[wrong], chances[wrong], "kx", ms=10, mew=1.5, label=label)
    axes.axhline(0.5, color="black", lw=1)
    axes.axvline(MIDDLE, color="black", lw=1, ls="dashed")
    axes.text(2, 0.51, "dark font predicted above this line", va="bottom", fontsize=9)
    axes.text(MIDDLE + 2, 0.02, "brightness 127", fontsize=9)
    axes.set(title="Test rows", xlabel="brightness 0.299 R + 0.587 G + 0.114 B")
    axes.set(ylabel="predicted probability of a dark font", xlim=(-3, 258), ylim=(-0.03, 1.03))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 0.1))


def _draw_confusion(axes: Axes, confusion: Confusion) -> None:
    """Draw the four counts, larger ones darker."""
    counts = confusion.counts
    shades = counts / max(1, counts.max())
    axes.imshow(shades, cmap="Blues", vmin=0, vmax=2)  # black text stays readable on the darkest
    for (row, column), count in np.ndenumerate(counts):
        what = "correct" if row == column else "wrong"
        axes.text(column, row, f"{count}\n{what}", ha="center", va="center", fontsize=14)
    axes.set_xticks((0, 1), confusion.names)
    axes.set_yticks((0, 1), confusion.names)
    axes.set(title="Test rows by font", xlabel="predicted", ylabel="expected")
