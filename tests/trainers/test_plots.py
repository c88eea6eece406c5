"""Plots of the loss curve, drawn without windows and without global state."""

import struct
import sys

import numpy as np
import pytest

from nncore import CharRNN, History
from nncore.trainers import plots


def history(updates, validations=0):
    result = History(seq_length=25)
    result.loss = np.linspace(100, 50, updates)
    result.smooth_loss = np.linspace(105, 60, updates)
    result.validation_iteration = np.arange(1, validations + 1) * 10
    result.validation_bits_per_char = np.linspace(5, 3, validations)
    return result


def test_points_are_thinned_but_the_ends_are_kept():
    values = np.arange(10**6) * 2.0
    x, y = plots._thinned(values)
    assert len(x) == len(y) == plots.MOST_POINTS
    assert (x[0], x[-1], y[0], y[-1]) == (1, 10**6, 0, 2 * (10**6 - 1))
    np.testing.assert_array_equal(y, values[x - 1])


@pytest.mark.parametrize("size", [1, 2, 1999, 2000])
def test_few_points_are_all_drawn(size):
    x, y = plots._thinned(np.arange(size))
    assert x.tolist() == list(range(1, size + 1))
    assert y.tolist() == list(range(size))


def test_a_history_without_updates_has_no_picture(tmp_path):
    with pytest.raises(ValueError, match="history has no updates yet"):
        plots.loss_curve(History(25), tmp_path / "loss.png")
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'nncore\[plot\]'"):
        plots.loss_curve(history(5), tmp_path / "loss.png")


def test_available_says_whether_matplotlib_is_installed(monkeypatch):
    import importlib.util

    for spec, answer in ((None, False), (object(), True)):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name, spec=spec: spec)
        assert plots.available() is answer


class TestWithMatplotlib:
    @pytest.fixture(autouse=True)
    def matplotlib(self, monkeypatch):
        pytest.importorskip("matplotlib", reason="pictures need matplotlib: nncore[plot]")
        monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # not to be imported

    @pytest.mark.parametrize(("updates", "validations"), [(1, 0), (5, 1), (5000, 3)])
    def test_a_loss_curve_is_a_png(self, updates, validations, tmp_path):
        path = tmp_path / "loss curve.png"
        plots.loss_curve(history(updates, validations), path, "A title")
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG\r\n")
        assert struct.unpack(">II", content[16:24]) == (960, 540)

    def test_it_shows_the_history_in_bits(self, tmp_path, monkeypatch):
        drawn = []
        real = plots.figure

        def remembered():
            drawn.append(real())
            return drawn[-1]

        monkeypatch.setattr(plots, "figure", remembered)
        shown = history(100, 2)
        plots.loss_curve(shown, tmp_path / "loss.svg", "A title")
        (axes,) = drawn[0].axes
        windows, mean, held_out = axes.lines
        np.testing.assert_allclose(mean.get_ydata(), shown.bits_per_char)
        np.testing.assert_allclose(windows.get_ydata(), shown.loss / (25 * np.log(2)))
        assert mean.get_xdata().tolist() == list(range(1, 101))
        assert held_out.get_xdata().tolist() == [10, 20]
        assert held_out.get_ydata().tolist() == [5, 3]
        assert axes.get_ylabel() == "bits per character"
        assert axes.get_title() == "A title"
        assert (tmp_path / "loss.svg").read_text().startswith("<?xml")

    def test_a_trained_network_can_be_drawn(self, tmp_path):
        model = CharRNN(hidden_size=4, seq_length=5, batch_size=1, rng=0)
        model.fit("abcabc" * 20, validation_fraction=0.2)
        plots.loss_curve(model.history, tmp_path / "loss.png")
        assert (tmp_path / "loss.png").stat().st_size > 1000
