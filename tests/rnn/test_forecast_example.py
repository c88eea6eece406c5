"""examples/forecast.py: its forecasts are better than naive ones, and its picture shows them."""

import runpy
import sys

import numpy as np
import pytest
from checkout import EXAMPLES

from nncore.trainers import plots

EXAMPLE = EXAMPLES / "forecast.py"
pytestmark = pytest.mark.skipif(not EXAMPLE.exists(), reason="needs the checkout")


@pytest.fixture(scope="module")
def example():
    return runpy.run_path(str(EXAMPLE))


@pytest.mark.slow
def test_both_networks_are_better_than_naive_forecasts(example, tmp_path, monkeypatch, capsys):
    pytest.importorskip("sklearn", reason="the example scales with scikit-learn")
    monkeypatch.chdir(tmp_path)
    errors = example["main"]()
    assert capsys.readouterr().out.count(f"{errors['LSTM']:.3f}") == 1
    naive = min(errors["persistence"], errors["seasonal naive"])
    assert max(errors["LSTM"], errors["MLP"]) < 0.65 * naive
    assert (tmp_path / "forecast.png").exists() == plots.available()


def test_the_series_has_a_trend_a_season_and_noise(example):
    series = example["make_series"]()
    assert np.polyfit(np.arange(len(series)), series, 1)[0] == pytest.approx(0.01, rel=0.1)
    spectrum = np.abs(np.fft.rfft(np.diff(series)))
    assert len(series) / spectrum.argmax() == pytest.approx(example["SEASON"], rel=0.02)
    assert (example["make_series"]() == series).all()
    assert (example["make_series"](rng=1) != series)[1:].all()


def test_windows_and_their_truth_belong_together(example):
    pytest.importorskip("sklearn", reason="the example scales with scikit-learn")
    series, test = example["make_series"](), example["TEST"]
    data = example["prepare"](series)
    np.testing.assert_array_equal(data.truth[:, 0], series[-test:])
    values = example["next_values"](data, data.test[1])  # of a network that is always right
    np.testing.assert_allclose(values, data.truth, atol=1e-5)
    assert example["error"](data, values) < 1e-5
    past = data.scaler.inverse_transform(data.test[0][7])
    np.testing.assert_allclose(past[:, 0], np.diff(series[-test + 7 - 31 : -test + 7]), atol=1e-5)


def test_nothing_of_the_test_part_is_in_the_training_part(example):
    pytest.importorskip("sklearn", reason="the example scales with scikit-learn")
    series = example["make_series"]()
    before = example["prepare"](series)
    series[-example["TEST"] :] += 100
    after = example["prepare"](series)
    for one, other in zip(before.train, after.train, strict=True):
        assert one.tobytes() == other.tobytes()


def test_without_scikit_learn_it_says_how_to_install_it(example, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.preprocessing", None)
    with pytest.raises(SystemExit, match="pip install 'nncore\\[sklearn\\]'"):
        example["prepare"](example["make_series"]())
