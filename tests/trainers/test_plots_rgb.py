"""The pictures of fonts and of their boundary, drawn without windows and global state."""

import struct
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from nncore.trainers.rgb import plots as plots_rgb
from nncore.trainers.rgb.data import NAMED_COLORS, wants_dark
from nncore.trainers.rgb.train import FontPredictor, train_rgb


class ByRule(FontPredictor):
    """Predicts fonts by the brightness, or the opposite."""

    def __init__(self, net, opposite=False):
        super().__init__(net)
        self.opposite = opposite

    def probabilities(self, rgb):
        return (wants_dark(rgb) != self.opposite) * 1.0


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are saved."""
    figures = []
    save = Figure.savefig

    def keep(figure, *args, **kwargs):
        figures.append(figure)
        save(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


DRAWINGS = [plots_rgb.font_samples, plots_rgb.boundary]


@pytest.mark.parametrize("draw", DRAWINGS)
def test_a_picture_is_written_without_pyplot(draw, result, tmp_path, drawn, monkeypatch):
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)  # of other tests
    draw(result, tmp_path / "p.png", title="A custom title")
    content = (tmp_path / "p.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert min(struct.unpack(">II", content[16:24])) > 1000
    assert drawn[0].get_suptitle().startswith("A custom title")
    assert "matplotlib.pyplot" not in sys.modules


@pytest.mark.parametrize("draw", DRAWINGS)
def test_without_matplotlib_the_error_says_what_to_install(draw, result, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'nncore\[plot\]'"):
        draw(result, tmp_path / "p.png")


def test_every_colour_has_text_in_the_predicted_font(result, tmp_path, drawn):
    plots_rgb.font_samples(result, tmp_path / "p.png")
    named, grid = drawn[0].axes
    inks = {text.get_text().partition("\n")[0]: text.get_color() for text in named.texts}
    for name, color in NAMED_COLORS.items():
        assert inks[name] == {"dark": "black", "light": "white"}[result.predict_font(*color)]
    assert len(grid.texts) == 216
    for text in grid.texts:
        color = bytes.fromhex(text.get_text())
        assert text.get_color() == ("black" if result.predict_font(*color) == "dark" else "white")


@pytest.mark.parametrize(("opposite", "crosses"), [(False, 0), (True, 1)])
def test_wrong_fonts_are_marked(opposite, crosses, result, tmp_path, drawn):
    plots_rgb.font_samples(ByRule(result.net, opposite), tmp_path / "p.png")
    for axes, colors in zip(drawn[0].axes, (11, 216), strict=True):
        assert len(axes.lines) == colors * crosses
        assert f"({colors * crosses} wrong)" in axes.get_title()


def test_the_boundary_shows_every_test_row_the_wrong_ones_and_the_counts(result, tmp_path, drawn):
    plots_rgb.boundary(result, tmp_path / "p.png")
    *slices, chances, confusion = drawn[0].axes
    assert [axes.get_title() for axes in slices] == [
        f"colours with blue = {blue}" for blue in (0, 128, 255)
    ]
    legend = [text.get_text() for text in chances.get_legend().get_texts()]
    dark = int(result.test.dark.sum())
    wrong = round((1 - result.accuracy) * len(result.test))
    assert legend == [
        f"dark font expected ({dark} rows)",
        f"light font expected ({len(result.test) - dark} rows)",
        f"wrong ({wrong} rows)",
    ]
    markers = {line.get_marker() for line in chances.lines[:3]}
    assert len(markers) == 3  # can be distinguished without colours, too
    shown = [int(text.get_text().split()[0]) for text in confusion.texts]
    assert shown == result.confusion.counts.ravel().tolist()
    assert [tick.get_text() for tick in confusion.get_xticklabels()] == ["dark", "light"]


def test_a_network_without_any_boundary_is_drawn_without_warnings(tmp_path):
    result = train_rgb(epochs=1)
    for array in result.net.parameters.values():
        array[...] = 0
    plots_rgb.boundary(result, tmp_path / "p.png")
    assert np.ptp(result.probabilities([(0, 0, 0), (255, 255, 255)])) == 0
