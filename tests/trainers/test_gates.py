"""The climb along a circuit's derivatives, and the tutorial's example of it."""

import subprocess
import sys

import numpy as np
import pytest
from checkout import EXAMPLES

from nncore.trainers.gates.gates import climb, exp, inputs

EXAMPLE = EXAMPLES / "gates.py"
X, Y = inputs("x y")
START = {"x": 3, "y": -4}


@pytest.mark.parametrize("gradient", ["analytic", "forward", "central"])
def test_one_step_of_the_tutorial(gradient):
    way = climb(X * Y, START, step_size=0.01, gradient=gradient)
    assert [f"{value:.12g}" for value in way.values] == ["-12", "-11.7512"]
    np.testing.assert_allclose(way.inputs["x"], [3, 2.96], rtol=1e-12)
    np.testing.assert_allclose(way.inputs["y"], [-4, -3.97], rtol=1e-12)


def test_a_climb_reaches_the_top():
    hill = exp(-(X - 1) * (X - 1) - (Y + 2) * (Y + 2))
    way = climb(hill, {"x": 0, "y": -1}, step_size=0.5, steps=60)
    assert way.values.shape == way.inputs["x"].shape == way.inputs["y"].shape == (61,)
    assert (np.diff(way.values) >= 0).all()
    assert way.values[-1] == pytest.approx(1)
    assert (way.inputs["x"][-1], way.inputs["y"][-1]) == pytest.approx((1, -2))


def test_each_value_of_a_climb_belongs_to_its_inputs():
    f, start = X * Y - X * X, dict(START)
    way = climb(f, start, steps=5)
    for step, value in enumerate(way.values):
        assert f.value({name: values[step] for name, values in way.inputs.items()}) == value
    assert start == START


def test_a_climb_without_inputs_stays_where_it_is():
    way = climb(exp(0), {}, steps=2)
    assert (way.values.tolist(), way.inputs) == ([1, 1, 1], {})


@pytest.mark.parametrize("gradient", ["forward", "central"])
def test_numerical_and_analytic_climbs_agree(gradient):
    f = X / (Y * Y + 1)
    one, two = climb(f, START, steps=20), climb(f, START, steps=20, gradient=gradient)
    np.testing.assert_allclose(one.values, two.values, rtol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"circuit": "x * y"}, TypeError, "circuit must be a Circuit, got str"),
        ({"start": {"x": 1}}, ValueError, "start: y missing; the circuit's inputs are: x, y"),
        ({"start": [3, -4]}, TypeError, "start must be a dict of numbers, got list"),
        ({"step_size": -1}, ValueError, "step_size must be a positive number, got -1"),
        ({"steps": 0}, ValueError, "steps must be at least 1, got 0"),
        ({"steps": 1.5}, TypeError, "steps must be an integer, got float"),
        ({"gradient": "exact"}, ValueError, "gradient must be one of 'analytic', 'forward', "),
        ({"gradient": "forward", "h": 0}, ValueError, "h must be a positive number or None, got 0"),
        ({"steps": 100, "step_size": 1e200}, OverflowError, "is too large for a float"),
    ],
)
def test_errors_for_wrong_climbs_name_the_argument(arguments, error, message):
    with pytest.raises(error, match=message):
        climb(**({"circuit": X * Y, "start": START} | arguments))


# --- the example ----------------------------------------------------------------------------------


@pytest.mark.skipif(not EXAMPLE.exists(), reason="needs the checkout")
def test_the_example_runs():
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLE)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "one step: -12 -> -11.7512\n" in done.stdout
    assert "from 0.1353 to 1.0000 at x = 1.0000, y = -2.0000\n" in done.stdout
