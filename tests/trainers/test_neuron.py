"""The trainers of a single weight and of two layers, their command and their example."""

import runpy

import numpy as np
import pytest
from checkout import EXAMPLES
from command_line import run

from nncore.trainers.neuron import fit_weight, train_regressor

EXAMPLE = EXAMPLES / "neuron.py"


@pytest.mark.parametrize(("x", "target"), [(6, 1.5), (6, -1.5), (-3, 2), (0.5, 0.01)])
def test_a_weight_reaches_its_target(x, target):
    fitted = fit_weight(x, target, step_size=0.001, steps=20_000)
    assert fitted.error <= 0.001 * x * x * 1.0001
    assert fitted.weight * x == pytest.approx(fitted.outputs[-1])


def test_every_step_has_the_numbers_of_the_document():
    fitted = fit_weight(6, 1.5, weight=0.05, steps=100)
    w = 0.05
    for weight, output in zip(fitted.weights, fitted.outputs, strict=True):
        assert weight == pytest.approx(w, abs=1e-12)
        assert output == pytest.approx(6 * w, abs=1e-12)
        w -= 6 * (-1 if 6 * w - 1.5 < 0 else 1) * 0.0001
    assert len(fitted.weights) == 101


def test_a_weight_that_is_exact_stays():
    assert np.ptp(fit_weight(4, 0.2, weight=0.05, steps=5).weights) == 0


def test_initial_weights_are_between_zero_and_a_half():
    starts = [fit_weight(steps=1, rng=seed).weights[0] for seed in range(20)]
    assert 0 <= min(starts) < 0.15
    assert 0.35 < max(starts) <= 0.5


@pytest.mark.parametrize("seed", range(5))
def test_layers_learn_the_documents_numbers(seed):
    layers = train_regressor(rng=seed)
    assert layers.net.layer_sizes == (3, 6, 3)
    assert layers.history.updates == 3000
    np.testing.assert_allclose(layers.predictions, [[0.7, 1.3, 2.1]], atol=0.03)
    assert layers.error < 0.02
    assert layers.history.loss[0] > 0.2


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"x": np.nan}, ValueError, "x must be a finite number, got nan"),
        ({"target": "1"}, TypeError, "target must be a number, got str"),
        ({"step_size": 0}, ValueError, "step_size must be above 0, got 0"),
        ({"weight": np.nan}, ValueError, "weight must be a finite number, got nan"),
        ({"steps": 0}, ValueError, "steps must be at least 1, got 0"),
    ],
)
def test_bad_settings_are_refused(settings, error, text):
    with pytest.raises(error, match=text):
        fit_weight(**settings)


def test_bad_rows_are_refused():
    with pytest.raises(ValueError, match="targets has 2 rows, expected 1, as many as inputs"):
        train_regressor([[1, 2, 3]], [[1, 2], [3, 4]])


def test_the_command_shows_both_examples(capsys):
    status, out, err = run(capsys, "neuron", "--steps", "2000")
    assert (status, err) == (0, "")
    assert "y = 1.5" in out
    assert "Two layers: 3-6-3" in out
    learned = out.partition("predictions")[2].split()[:3]
    np.testing.assert_allclose([float(x) for x in learned], [0.7, 1.3, 2.1], atol=0.03)


def test_the_command_refuses_non_numeric_values(capsys):
    status, out, err = run(capsys, "neuron", "--x", "six")
    assert (status, out) == (2, "")
    assert err.count("\n") == 1


def test_the_example_runs(capsys):
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert "learned" in capsys.readouterr().out
