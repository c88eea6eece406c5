"""Plots and animations of a network that learns XOR. They need matplotlib."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from nncore.trainers.plots import BLUE, GREY, VERMILION, figure
from nncore.trainers.xor.run import Snapshot
from nncore.trainers.xor.train import XORResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GRID = 121  # points across the decision boundary's panel
SHADES = 12  # of the network's output; a small number keeps animations small
STILL_DPI, MOVING_DPI = 110, 70
FRAME_MS, LAST_FRAME_MS = 100, 3000
COLORS = 128  # of a moving picture
CLASSES = ((0, BLUE, "o"), (1, VERMILION, "^"))


def training_picture(
    result: XORResult, path: str | os.PathLike[str], title: str = "Learning XOR"
) -> None:
    """
    Save a plot with three panels: accuracy, decision boundary and loss.

    Parameters
    ----------
    result : XORResult
        A result with snapshots.
    path : str or os.PathLike
        The file, in the format of its suffix.
    title : str
        Title of the plot.

    Raises
    ------
    ValueError
        If the result has no snapshots.
    OSError
        If the file cannot be written.
    """
    panels = _Panels(result, title)
    panels.show(len(result.snapshots) - 1)
    panels.figure.savefig(path, dpi=STILL_DPI)


def training_animation(
    result: XORResult, path: str | os.PathLike[str], title: str = "Learning XOR"
) -> None:
    """
    Save an animated GIF of the training, with the same panels and a frame for each snapshot.

    Parameters
    ----------
    result : XORResult
        A result with snapshots.
    path : str or os.PathLike
        The file.
    title : str
        Title of the animation.

    Raises
    ------
    ValueError
        If the result has no snapshots.
    OSError
        If the file cannot be written.
    """
    panels = _Panels(result, title)
    frames = list(_frames(panels, len(result.snapshots)))
    pause = [FRAME_MS] * (len(frames) - 1) + [LAST_FRAME_MS]
    frames[0].save(path, "GIF", save_all=True, append_images=frames[1:], duration=pause, loop=0)


def _frames(panels: _Panels, count: int) -> Iterator[Any]:
    """Yield a frame for each snapshot; only the moving parts are redrawn, as axes are slow."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image  # matplotlib comes with it

    panels.figure.set_dpi(MOVING_DPI)
    canvas: Any = FigureCanvasAgg(panels.figure)
    for artist in panels.moving():
        artist.set_animated(True)  # is left out by draw()
    canvas.draw()
    still = canvas.copy_from_bbox(panels.figure.bbox)
    palette = None  # one for all frames, from the last, or colours would flicker
    for at in (count - 1, *range(count)):
        panels.show(at)
        canvas.restore_region(still)
        for artist in panels.moving():
            artist.draw(canvas.get_renderer())
        picture = Image.fromarray(np.array(canvas.buffer_rgba())).convert("RGB")
        if palette is None:
            palette = picture.quantize(COLORS, Image.Quantize.MAXCOVERAGE)
        else:
            yield picture.quantize(palette=palette, dither=Image.Dither.NONE)


class _Panels:
    """A figure whose panels can show any snapshot of the training."""

    def __init__(self, result: XORResult, title: str) -> None:
        if not result.snapshots:
            raise ValueError("result has no snapshots: train with snapshots=60, for example")
        self.result = result
        self.figure = figure(13, 4.6)
        accuracy, boundary, loss = self.figure.subplots(1, 3, width_ratios=(1, 1.1, 1))
        hidden = result.net.layer_sizes[1]
        again = f", restarted {result.restarts} time(s)" if result.restarts else ""
        self._heading = f"{title}: {hidden} hidden units{again}"
        self._text = self.figure.suptitle(self._heading, fontsize=14)
        epochs = [snapshot.epoch for snapshot in result.snapshots]
        self._accuracy = _Curve(accuracy, epochs, "accuracy (fraction correct)")
        accuracy.set(title="Accuracy", ylim=(-0.03, 1.03))
        self._loss = _Curve(loss, epochs, f"loss ({_unit(result)})")
        self._curves = [*self._accuracy.artists, *self._loss.artists]
        top = max(snapshot.loss for snapshot in result.snapshots)
        loss.set(title="Loss", ylim=(-0.03 * top, 1.06 * top))
        self._prepare_boundary(boundary)
        self.show(0)
        cast(Any, self.figure.get_layout_engine()).set(wspace=0.05)
        self.figure.draw_without_rendering()
        self.figure.set_layout_engine("none")  # or the panels would shift from frame to frame

    def _prepare_boundary(self, axes: Axes) -> None:
        """Draw the fixed parts of the decision boundary's panel."""
        from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap

        X, classes = self.result.X, self.result.Y.argmax(axis=1)
        margin = 0.5 if len(X) == 4 else 0.2
        (left, low), (right, high) = X.min(axis=0) - margin, X.max(axis=0) + margin
        low -= 0.08 * (high - low)  # the legend's place
        self._x, self._y = np.linspace(left, right, GRID), np.linspace(low, high, GRID)
        shades = LinearSegmentedColormap.from_list("xor", (BLUE, "white", VERMILION), SHADES)
        self._shading = axes.imshow(
            np.zeros((GRID, GRID)),
            cmap=shades,
            norm=BoundaryNorm(np.linspace(0, 1, SHADES + 1), SHADES),
            extent=(left, right, low, high),
            origin="lower",
            aspect="auto",
            alpha=0.5,
        )
        size = 14 if len(X) == 4 else 5
        for value, color, marker in CLASSES:
            label, rows = f"XOR is {value}", X[classes == value]
            axes.plot(*rows.T, marker, color=color, ms=size, mec="black", mew=0.8, label=label)
        axes.plot([], [], color="black", lw=2, label="boundary")
        legend = axes.legend(
            loc="lower center", ncols=3, fontsize=9, framealpha=0.9, columnspacing=1
        )
        axes.set(xlabel="input x1", ylabel="input x2", xlim=(left, right), ylim=(low, high))
        axes.locator_params(nbins=6)
        bar = self.figure.colorbar(self._shading, ax=axes, ticks=(0, 0.5, 1), pad=0.03)
        bar.set_label("the network's output", labelpad=4)
        axes.set_title("Decision boundary")
        self._on_top = [*axes.lines, legend, *axes.spines.values()]
        self._boundary_axes, self._line = axes, cast(Any, None)

    def moving(self) -> list[Any]:
        """Return what `show` changes and what is drawn on top of it, from back to front."""
        lines = [] if self._line is None else [self._line]
        shown = [*self._curves, self._text, self._shading, *lines]
        return shown + self._on_top

    def show(self, at: int) -> None:
        """Show the snapshot with this number."""
        snapshots = self.result.snapshots[: at + 1]
        now = snapshots[-1]
        epochs = [snapshot.epoch for snapshot in snapshots]
        self._accuracy.draw(epochs, [snapshot.accuracy for snapshot in snapshots])
        self._loss.draw(epochs, [snapshot.loss for snapshot in snapshots])
        self._text.set_text(
            f"{self._heading} – epoch {now.epoch}, accuracy {now.accuracy:.3f}, loss {now.loss:.3g}"
        )
        answers = _answers(self.result, now, self._x, self._y)
        self._shading.set_data(answers)
        if self._line is not None:
            self._line.remove()
            self._line = None
        if answers.min() < 0.5 < answers.max():  # matplotlib warns of a line that is not there
            self._line = self._boundary_axes.contour(
                self._x, self._y, answers, levels=[0.5], colors="black", linewidths=2
            )


class _Curve:
    """A line over all the epochs and a dot at its end."""

    def __init__(self, axes: Axes, epochs: list[int], label: str) -> None:
        (line,) = axes.plot([], [], color=BLUE, lw=2)
        (dot,) = axes.plot([], [], "o", color=VERMILION, ms=7, mec="black", mew=0.8, clip_on=False)
        self.artists = [line, dot]
        axes.set(xlabel="epoch", ylabel=label, xlim=(0, max(1, epochs[-1])))
        axes.grid(color=GREY, alpha=0.3)

    def draw(self, x: list[int], y: list[float]) -> None:
        """Show the line up to its last point."""
        line, dot = self.artists
        line.set_data(x, y)
        dot.set_data(x[-1:], y[-1:])


def _unit(result: XORResult) -> str:
    """Return the unit of the loss."""
    return "nats per row" if "entropy" in result.net.loss_name else "half the squared error"


def _answers(result: XORResult, now: Snapshot, x: Any, y: Any) -> Any:
    """Return the output at each point of a grid, from 0 to 1, with 0.5 on the boundary."""
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    outputs = result.net_at(now).predict(points).astype(np.float64)
    return ((1 + outputs[:, 1] - outputs[:, 0]) / 2).reshape(len(y), len(x))
