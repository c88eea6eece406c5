"""Pictures of learning XOR: three panels, still and moving, drawn without global state."""

import struct
import sys
from itertools import pairwise

import numpy as np
import pytest

from nncore.trainers import plots
from nncore.trainers.xor.train import train_xor

pytest.importorskip("matplotlib", reason="pictures need matplotlib: nncore[plot]")

from matplotlib.figure import Figure
from PIL import Image

from nncore.trainers.xor import plots as plots_xor

DRAW = (plots_xor.training_picture, plots_xor.training_animation)


@pytest.fixture(autouse=True)
def no_pyplot(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are made."""
    figures = []

    def remembered(*size):
        figures.append(plots.figure(*size))
        return figures[-1]

    monkeypatch.setattr(plots_xor, "figure", remembered)
    return figures


@pytest.fixture(scope="module", params=["table", "points"])
def result(request):
    return train_xor(3, request.param, epochs=600, snapshots=8, max_restarts=0)


def frames(path):
    with Image.open(path) as picture:
        for at in range(picture.n_frames):
            picture.seek(at)
            yield np.array(picture.convert("RGB")), picture.info["duration"]


def test_the_still_picture_is_a_png_with_the_history(result, drawn, tmp_path):
    path = tmp_path / "how it learns.png"
    plots_xor.training_picture(result, path, "A title")
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n")
    assert struct.unpack(">II", content[16:24]) == (1430, 506)
    accuracy, boundary, loss, bar = drawn[0].axes
    assert [a.get_title() for a in drawn[0].axes[:3]] == ["Accuracy", "Decision boundary", "Loss"]
    for axes, name in ((accuracy, "accuracy"), (loss, "loss")):
        curve = axes.lines[0]
        assert curve.get_xdata() == [s.epoch for s in result.snapshots]
        assert curve.get_ydata() == [getattr(s, name) for s in result.snapshots]
        assert name in axes.get_ylabel()
        assert axes.get_xlabel() == "epoch"
    assert "nats" in loss.get_ylabel()
    legend = [text.get_text() for text in boundary.get_legend().get_texts()]
    assert legend == ["XOR is 0", "XOR is 1", "boundary"]
    assert bar.get_ylabel() == "the network's output"
    title = drawn[0].get_suptitle()
    assert title.startswith("A title: 3 hidden units")
    assert f"accuracy {result.accuracy:.3f}" in title


def test_classes_are_drawn_at_their_points_in_different_colours_and_shapes(result, drawn, tmp_path):
    plots_xor.training_picture(result, tmp_path / "x.png")
    zero, one, _ = drawn[0].axes[1].lines
    assert zero.get_marker() != one.get_marker()
    assert zero.get_color() != one.get_color()
    for line, value in ((zero, 0), (one, 1)):
        np.testing.assert_array_equal(line.get_xydata(), result.X[result.Y[:, value] == 1])


def test_the_shades_are_the_outputs_of_the_network(result, drawn, tmp_path):
    plots_xor.training_picture(result, tmp_path / "x.png")
    (image,) = drawn[0].axes[1].images
    left, right, low, high = image.get_extent()
    shades, last = image.get_array(), plots_xor.GRID - 1
    for row, column in ((0, 0), (0, last), (last, 0), (40, 90)):
        x = left + (right - left) * column / last
        y = low + (high - low) * row / last
        answer = result.net.predict([[x, y]])[0, 1]
        assert shades[row, column] == pytest.approx(answer, abs=1e-4)


def test_the_moving_picture_shows_the_training(result, tmp_path):
    path = tmp_path / "x.gif"
    plots_xor.training_animation(result, path)
    assert path.read_bytes().startswith(b"GIF89a")
    assert path.stat().st_size < 1_000_000
    pictures, pauses = zip(*frames(path), strict=True)
    assert len(pictures) == len(result.snapshots)
    assert pauses[-1] > pauses[0] > 0
    for one, two in pairwise(pictures):
        assert (one != two).any()
    third = pictures[0].shape[1] // 3
    for panel in range(3):  # each of them moves
        columns = slice(panel * third, (panel + 1) * third)
        below_title = slice(30, None)
        assert (pictures[0][below_title, columns] != pictures[-1][below_title, columns]).any()


def test_the_animation_ends_with_the_still_picture(result, tmp_path, monkeypatch):
    monkeypatch.setattr(plots_xor, "STILL_DPI", plots_xor.MOVING_DPI)
    plots_xor.training_animation(result, tmp_path / "x.gif")
    plots_xor.training_picture(result, tmp_path / "x.png")
    *_, (last, _) = frames(tmp_path / "x.gif")
    with Image.open(tmp_path / "x.png") as picture:
        still = np.array(picture.convert("RGB"))
    assert abs(last.astype(int) - still).mean() < 4  # of 255: the palette is smaller


@pytest.mark.parametrize("method", ["default", "seed"])
def test_the_title_mentions_restarts(method, drawn, tmp_path):
    result = train_xor(2, method=method, epochs=3, snapshots=2, max_restarts=1)
    plots_xor.training_picture(result, tmp_path / "x.png")
    assert "2 hidden units, restarted 1 time(s)" in drawn[0].get_suptitle()
    unit = "nats per row" if method == "default" else "half the squared error"
    assert drawn[0].axes[2].get_ylabel() == f"loss ({unit})"


@pytest.mark.parametrize("draw", DRAW)
def test_a_result_without_snapshots_has_no_picture(draw, tmp_path):
    with pytest.raises(ValueError, match="result has no snapshots"):
        draw(train_xor(epochs=1, max_restarts=0), tmp_path / "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("draw", DRAW)
def test_a_missing_folder_is_reported(draw, tmp_path):
    result = train_xor(epochs=2, snapshots=2, max_restarts=0)
    with pytest.raises(FileNotFoundError):
        draw(result, tmp_path / "nowhere" / "x.gif")


@pytest.mark.parametrize("draw", DRAW)
def test_without_matplotlib_the_error_says_what_to_install(draw, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'nncore\[plot\]'"):
        draw(train_xor(epochs=1, snapshots=1, max_restarts=0), tmp_path / "x.png")


def test_figures_do_not_use_global_state(drawn, tmp_path):
    result = train_xor(epochs=2, snapshots=1, max_restarts=0)
    plots_xor.training_animation(result, tmp_path / "x.gif")
    assert type(drawn[0]) is Figure
    assert drawn[0].canvas.manager is None
