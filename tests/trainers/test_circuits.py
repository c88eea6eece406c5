"""Circuits of gates: their values, derivatives, texts, and what they refuse."""

import cmath
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nncore.trainers.gates.circuits import constant, exp, inputs
from nncore.trainers.gates.expressions import LONGEST_TEXT

X, Y, Z = inputs("x y z")
START = {"x": 3, "y": -4}
MANY = 10_000  # gates in a row, ten times what recursion would allow


# --- the tutorial's multiplication gate -----------------------------------------------------------


def test_the_gate_of_the_tutorial():
    f = X * Y
    assert f.value(x=3, y=-4) == -12
    assert f.gradient(x=3, y=-4) == {"x": -4, "y": 3}
    numerical = f.numerical_gradient(x=3, y=-4, h=0.0001)
    assert numerical == {
        "x": (3.0001 * -4 - 3 * -4) / 0.0001,
        "y": (3 * (-4 + 0.0001) - 3 * -4) / 0.0001,
    }
    assert {name: f"{value:.10g}" for name, value in numerical.items()} == {"x": "-4", "y": "3"}


def test_a_step_takes_the_derivatives_it_is_given():
    f = X * Y
    assert f.step(START) == f.step(START, derivatives=f.gradient(START))
    assert f.step(START, step_size=0.5, derivatives={"y": 2, "x": -2}) == {"x": 2, "y": -3}


# --- values and derivatives -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "value", "gradient"),
    [
        (X + Y, -1, {"x": 1, "y": 1}),
        (X - Y, 7, {"x": 1, "y": -1}),
        (X / Y, -0.75, {"x": -0.25, "y": -3 / 16}),
        (-X, -3, {"x": -1}),
        (exp(X), math.exp(3), {"x": math.exp(3)}),
        (X + X, 6, {"x": 2}),
        (X * X * X, 27, {"x": 27}),
        (X - X, 0, {"x": 0}),
        (X / X, 1, {"x": 0}),
        (1 + X, 4, {"x": 1}),
        (1 - X, -2, {"x": -1}),
        (2 * X, 6, {"x": 2}),
        (6 / X, 2, {"x": -2 / 3}),
        (X / 2 - 1, 0.5, {"x": 0.5}),
        (np.float64(2) * X, 6, {"x": 2}),
        (X * np.int32(2), 6, {"x": 2}),
        (X + Fraction(1, 2), 3.5, {"x": 1}),
        (exp(0) + 0 * X, 1, {"x": 0}),
    ],
    ids=str,
)
def test_each_gate(f, value, gradient):
    at = {name: START[name] for name in f.input_names}
    assert f.value(at) == pytest.approx(value, rel=1e-15)
    assert f.gradient(at) == pytest.approx(gradient, rel=1e-14, abs=1e-15)
    assert f.numerical_gradient(at, h=None, scheme="central") == pytest.approx(gradient, rel=1e-8)


def test_a_gate_that_is_used_twice_adds_up():
    shared = X * Y
    f = shared * shared + shared
    assert f.gradient(x=3, y=-4) == {"x": (2 * -12 + 1) * -4, "y": (2 * -12 + 1) * 3}


def test_inputs_of_the_same_name_are_the_same():
    (other,) = inputs("x")
    assert (X * other).gradient(x=5) == {"x": 10}


def test_a_circuit_without_inputs_has_a_value_and_no_derivatives():
    f = exp(1) * constant(2)
    assert (f.value(), f.gradient(), f.numerical_gradient(), f.step()) == (2 * math.e, {}, {}, {})


def joined(parts):
    """Gates over parts, none of which can divide by zero or overflow."""
    pairs = st.tuples(parts, parts)
    return st.one_of(
        pairs.map(lambda p: p[0] + p[1]),
        pairs.map(lambda p: p[0] - p[1]),
        pairs.map(lambda p: p[0] * p[1]),
        pairs.map(lambda p: p[0] / (p[1] * p[1] + 1)),
        pairs.map(lambda p: (p[0] + p[1]) * p[0]),  # shared
        parts.map(lambda p: -p),
        parts.map(lambda p: exp(-(p * p))),
    )


small = st.floats(-2, 2).map(lambda value: round(value, 3))
circuits = st.recursive(st.sampled_from([X, Y, Z]) | small.map(constant), joined, max_leaves=8)
points = st.fixed_dictionaries({"x": small, "y": small, "z": small})


def part_of(point, f):
    return {name: point[name] for name in f.input_names}


@given(circuits, points)
def test_derivatives_agree_with_central_differences(f, point):
    at = part_of(point, f)
    numerical = f.numerical_gradient(at, h=None, scheme="central")
    assert f.gradient(at) == pytest.approx(numerical, rel=1e-5, abs=1e-5)


@given(circuits, points)
def test_python_reads_the_text_as_the_same_circuit(f, point):
    at = part_of(point, f)
    assert eval(str(f), {"exp": math.exp}, at) == f.value(at)
    # Derivatives by a step along the imaginary axis are exact to rounding (Squire and Trapp 1998).
    for name, derivative in f.gradient(at).items():
        value = eval(str(f), {"exp": cmath.exp}, at | {name: complex(at[name], 1e-30)})
        assert derivative == pytest.approx(complex(value).imag / 1e-30, rel=1e-9, abs=1e-9)


# --- texts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "x * y",
        "x + y * 3",
        "(x + y) * 3",
        "x - (y - z)",
        "x - y - z",
        "x / (y * z)",
        "x / y * z",
        "-x * y",
        "-(x * y)",
        "-(x + 1)",
        "--x",
        "x - -y",
        "x * -2.5",
        "exp(-x * x) / 1e+20",
        "exp(exp(x + y))",
        "0.1 + x",
    ],
)
def test_the_text_is_what_was_written(text):
    f = eval(text, {"x": X, "y": Y, "z": Z, "exp": exp})
    assert str(f) == text
    assert repr(f) == f"<Circuit: {text}>"


def test_long_texts_are_cut():
    f = X
    for _ in range(200):  # written out these would be 2 ** 200 terms
        f = f + f
    assert len(str(f)) < 2 * LONGEST_TEXT + 20
    assert "..." in str(f)
    assert f.gradient(x=0.5) == {"x": 2.0**200}


def test_input_names_are_in_reading_order():
    f = (Z + Y) * (X + Y)
    assert f.input_names == ("z", "y", "x")
    assert list(f.gradient(x=1, y=2, z=3)) == ["z", "y", "x"]


# --- many gates -----------------------------------------------------------------------------------


def test_a_chain_of_many_gates():
    f = X
    for _ in range(MANY):
        f = f + Y
    assert f.value(x=1, y=2) == 1 + 2 * MANY
    assert f.gradient(x=1, y=2) == {"x": 1, "y": MANY}
    numerical = f.numerical_gradient(x=1, y=2, h=1e-3)
    assert numerical == pytest.approx({"x": 1, "y": MANY}, rel=1e-6)
    assert str(f).endswith(" + y")
    assert f.step(x=1, y=2, step_size=1) == {"x": 2, "y": 2 + MANY}


def test_a_chain_of_products_is_the_product():
    f = constant(1)
    for _ in range(MANY):
        f = f * X
    assert f.value(x=1.001) == pytest.approx(1.001**MANY, rel=1e-10)
    assert f.gradient(x=1.001)["x"] == pytest.approx(MANY * 1.001 ** (MANY - 1), rel=1e-10)


def test_a_wide_circuit_of_many_inputs():
    names = [f"x{i}" for i in range(1000)]
    f = sum(part * part for part in inputs(" ".join(names)))
    at = {name: float(i) for i, name in enumerate(names)}
    assert f.gradient(at) == {name: 2 * value for name, value in at.items()}


# --- names of inputs ------------------------------------------------------------------------------


def test_values_come_by_name_or_in_a_dictionary_or_both():
    f = X - Y
    assert f.value({"x": 3, "y": 1}) == f.value({"x": 3}, y=1) == f.value({"x": 9}, x=3, y=1) == 2


def test_inputs_may_have_the_names_of_parameters():
    self, h, scheme, at = inputs("self, h, scheme, at")
    f = self * h + scheme * at
    values = {"self": 1, "h": 2, "scheme": 3, "at": 4}
    assert f.value(**values) == 14
    assert f.gradient(**values) == {"self": 2, "h": 1, "scheme": 4, "at": 3}
    assert f.numerical_gradient(values) == pytest.approx(f.gradient(values))


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        ("", ValueError, "at least one"),
        (" , ", ValueError, "at least one"),
        ("x x", ValueError, "at least one name, without duplicates, got 'x x'"),
        ("2x", ValueError, "identifiers other than exp, got '2x'"),
        ("x-y", ValueError, "identifiers other than exp, got 'x-y'"),
        ("lambda", ValueError, "identifiers other than exp, got 'lambda'"),
        ("x exp", ValueError, "identifiers other than exp, got 'exp'"),
        (["x"], TypeError, "names must be a string, got list"),
    ],
)
def test_invalid_names_are_refused(names, error, message):
    with pytest.raises(error, match=message):
        inputs(names)


# --- refusals -------------------------------------------------------------------------------------

MISSING = "inputs: y missing; the circuit's inputs are: x, y"
UNKNOWN = "inputs: a, b unknown; the circuit's inputs are: x, y"


@pytest.mark.parametrize("method", ["value", "gradient", "numerical_gradient", "step"])
@pytest.mark.parametrize(
    ("at", "error", "message"),
    [
        ({"x": 1}, ValueError, MISSING),
        ({"x": 1, "y": 2, "b": 3, "a": 4}, ValueError, UNKNOWN),
        ({"x": 1, "y": "2"}, TypeError, "inputs: y must be a number, got str"),
        ({"x": 1, "y": None}, TypeError, "inputs: y must be a number, got NoneType"),
        ({"x": True, "y": 2}, TypeError, "inputs: x must be a number, got bool"),
        ({"x": 1j, "y": 2}, TypeError, "inputs: x must be a number, got complex"),
        ({"x": np.ones(2), "y": 2}, TypeError, "inputs: x must be a number, got ndarray"),
        ({"x": math.nan, "y": 2}, ValueError, "inputs: x must be a finite number, got nan"),
        ({"x": math.inf, "y": 2}, ValueError, "inputs: x must be a finite number, got inf"),
        ({"x": 10**400, "y": 2}, ValueError, "inputs: x .* too large for a float"),
        ([1, 2], TypeError, "inputs must be a dict of numbers, got list"),
    ],
)
def test_errors_for_wrong_inputs_name_them(method, at, error, message):
    with pytest.raises(error, match=message):
        getattr(X * Y, method)(at)


@pytest.mark.parametrize("method", ["value", "gradient", "numerical_gradient", "step"])
@pytest.mark.parametrize(
    ("f", "at", "error", "message"),
    [
        (1 / X, {"x": 0}, ZeroDivisionError, "^1 / x divides by zero$"),
        (Y + X / (Y - Y), START, ZeroDivisionError, r"^x / \(y - y\) divides by zero$"),
        (
            2 * exp(X),
            {"x": 1000},
            OverflowError,
            r"^exp\(x\) is too large .* with operands 1000.0$",
        ),
        (X * Y, {"x": 1e200, "y": -1e200}, OverflowError, r"^x \* y is too large"),
        (X + Y, {"x": 1e308, "y": 1e308}, OverflowError, r"^x \+ y is too large"),
        (X / Y, {"x": 1e308, "y": 1e-308}, OverflowError, "^x / y is too large"),
    ],
)
def test_errors_for_undefined_values_quote_the_gate(method, f, at, error, message):
    with pytest.raises(error, match=message):
        getattr(f, method)(at)


def test_the_error_for_an_overflowing_derivative_names_the_input():
    with pytest.raises(OverflowError, match="derivative with respect to y is too large"):
        (X / Y).gradient(x=1, y=1e-200)
    with pytest.raises(OverflowError, match="input x after the step is too large"):
        (X * X).step(x=1e10, step_size=1e300)


def test_inputs_without_effect_cannot_overflow():
    assert (0 * (X / Y)).gradient(x=0, y=1e-320) == {"x": 0, "y": 0}


def test_values_too_small_for_a_float_are_zero():
    assert exp(X).value(x=-1000) == 0
    assert exp(X).gradient(x=-1000) == {"x": 0}


@pytest.mark.parametrize("other", ["1", None, True, 1j, [1], np.ones(2)], ids=repr)
def test_gates_join_only_circuits_and_numbers(other):
    for join in (
        lambda: X + other,
        lambda: other - X,
        lambda: X * other,
        lambda: other / X,
        lambda: exp(other),
    ):
        with pytest.raises(TypeError, match=r"got (str|NoneType|bool|complex|list|ndarray)"):
            join()


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_constants_are_finite(number):
    with pytest.raises(ValueError, match="a constant must be a finite number"):
        X + number
    with pytest.raises(ValueError, match="a constant must be a finite number"):
        constant(number)


def test_circuits_are_immutable():
    with pytest.raises(AttributeError):
        X.name = "y"


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"step_size": 0}, ValueError, "step_size must be a positive number, got 0"),
        ({"step_size": math.nan}, ValueError, "step_size must be a positive number, got nan"),
        ({"step_size": "1"}, TypeError, "step_size must be a positive number, got str"),
        ({"derivatives": {"x": 1}}, ValueError, "derivatives: y missing"),
        ({"derivatives": {"x": 1, "y": math.nan}}, ValueError, "derivatives: y must be a finite"),
        ({"derivatives": [1, 2]}, TypeError, "derivatives must be a dict of numbers, got list"),
    ],
)
def test_wrong_settings_of_a_step_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        (X * Y).step(START, **settings)
