"""numerical_gradient: the accuracy of each scheme, and errors for invalid arguments."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nncore.gradients import numerical_gradient

SCHEMES = ["forward", "central"]


def product(v):
    return v[0] * v[1]


def total_exp(x):
    return np.exp(x).sum()


def test_the_gate_of_the_tutorial_has_the_digits_printed_there():
    gradient = numerical_gradient(product, [3, -4], h=0.0001, scheme="forward")
    assert gradient.tolist() == [
        (3.0001 * -4 - 3 * -4) / 0.0001,
        (3 * (-4 + 0.0001) - 3 * -4) / 0.0001,
    ]
    assert [f"{value:.10g}" for value in gradient] == ["-4", "3"]
    x = np.array([3, -4]) + 0.01 * gradient
    assert f"{product(x):.12g}" == "-11.7512"


def test_an_explicit_step_is_used_as_it_is():
    assert numerical_gradient(lambda x: x**3, 5.0, h=0.5, scheme="central") == (
        (5.5**3 - 4.5**3) / 1.0
    )
    assert numerical_gradient(lambda x: x**3, 5.0, h=0.5, scheme="forward") == (
        (5.5**3 - 5.0**3) / 0.5
    )


@pytest.mark.parametrize(("scheme", "rtol"), [("forward", 1e-7), ("central", 1e-9)])
@pytest.mark.parametrize("at", [0.0, 1e-12, 0.1, -1.0, 3.0, -20.0, 300.0])
def test_default_steps_reach_the_accuracy_of_their_scheme(scheme, rtol, at):
    for f, slope in ((math.sin, math.cos), (lambda x: x * x / 2, float), (math.atan, None)):
        expected = slope(at) if slope else 1 / (1 + at * at)
        scale = max(1.0, abs(at))
        got = numerical_gradient(lambda x, f=f: f(float(x)), at, scheme=scheme)
        assert abs(got - expected) <= rtol * scale**2


def test_central_is_the_default():
    assert numerical_gradient(math.sin, 1.0) == numerical_gradient(math.sin, 1.0, scheme="central")


@pytest.mark.parametrize("scheme", SCHEMES)
@given(
    arrays.arrays(
        np.float64,
        arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
        elements=st.floats(-3, 3),
    )
)
def test_points_of_any_shape_are_taken(scheme, x):
    before = x.copy()
    gradient = numerical_gradient(total_exp, x, scheme=scheme)
    assert (gradient.shape, gradient.dtype) == (x.shape, np.float64)
    np.testing.assert_allclose(gradient, np.exp(x), rtol=1e-6, atol=1e-5)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(
    ("x", "shape"),
    [
        (2, ()),
        (2.0, ()),
        (np.float32(2), ()),
        ([1, 2], (2,)),
        ((1.0, 2.0), (2,)),
        ([[1, 2], [3, 4]], (2, 2)),
        ([], (0,)),
        (np.arange(6, dtype=np.uint8)[::2], (3,)),
        (np.asfortranarray(np.eye(3, dtype=np.float32)), (3, 3)),
        (np.longdouble([1, 2]), (2,)),
    ],
)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_f_gets_a_float64_array_whatever_x_is(x, shape, scheme):
    def f(point):
        assert isinstance(point, np.ndarray)
        assert (point.shape, point.dtype) == (shape, np.float64)
        return (point * point).sum()

    gradient = numerical_gradient(f, x, scheme=scheme)
    np.testing.assert_allclose(gradient, 2 * np.asarray(x, dtype=np.float64), atol=1e-6)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_f_may_change_and_keep_what_it_gets(scheme):
    x, kept = np.array([1.0, 2.0]), []
    x.flags.writeable = False

    def f(point):
        kept.append(point)
        value = (point**3).sum()
        point[:] = np.nan
        return value

    np.testing.assert_allclose(numerical_gradient(f, x, scheme=scheme), [3, 12], rtol=1e-6)
    assert x.tolist() == [1, 2]
    assert len({id(point) for point in kept}) == len(kept)
    assert len(kept) == {"forward": 3, "central": 4}[scheme]


@pytest.mark.parametrize(
    "value", [3, 3.5, np.float32(2), np.int8(1), np.array(2.0), Fraction(1, 2)], ids=repr
)
def test_all_kinds_of_numbers_are_values(value):
    assert numerical_gradient(lambda x: value, [1.0]).tolist() == [0]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"f": 3}, TypeError, "f must be a function, got int"),
        ({"f": lambda x: None}, TypeError, "the value of f must be a number, got NoneType"),
        ({"f": lambda x: "1"}, TypeError, "the value of f must be a number, got str"),
        ({"f": lambda x: True}, TypeError, "the value of f must be a number, got bool"),
        ({"f": lambda x: 1j}, TypeError, "the value of f must be a number, got complex"),
        ({"f": lambda x: x}, TypeError, r"must return a number, got an array of shape \(2,\)"),
        ({"f": lambda x: x[:1]}, TypeError, r"must return a number, got an array of shape \(1,\)"),
        ({"f": lambda x: math.nan}, ValueError, "f must return a finite number, got nan"),
        ({"f": lambda x: -math.inf}, ValueError, "f must return a finite number, got -inf"),
        ({"f": lambda x: 10**400}, ValueError, "the value of f .* too large for a float"),
        ({"x": "12"}, TypeError, "x must contain real numbers, got <U2"),
        ({"x": None}, TypeError, "x must contain real numbers, got object"),
        ({"x": [True, False]}, TypeError, "x must contain real numbers, got bool"),
        ({"x": [1j, 2]}, TypeError, "x must contain real numbers, got complex128"),
        ({"x": [10**400, 2]}, TypeError, "x must contain real numbers, got object"),
        ({"x": [[1], [2, 3]]}, ValueError, "x must be an array of numbers"),
        ({"x": [1, math.nan]}, ValueError, "x must be finite"),
        ({"x": [1, -math.inf]}, ValueError, "x must be finite"),
        ({"h": 0}, ValueError, "h must be a positive number or None, got 0"),
        ({"h": -1e-4}, ValueError, "h must be a positive number or None, got -0.0001"),
        ({"h": math.nan}, ValueError, "h must be a positive number or None, got nan"),
        ({"h": math.inf}, ValueError, "h must be a positive number or None, got inf"),
        ({"h": "small"}, TypeError, "h must be a positive number or None, got str"),
        ({"h": True}, TypeError, "h must be a positive number or None, got bool"),
        ({"h": 1e-20}, ValueError, "h is too small for an element of x: 1e-20 for 1.0"),
        ({"h": 1e308, "x": [1.5e308, 0]}, ValueError, "h is too large for an element of x"),
        ({"scheme": "backward"}, ValueError, "scheme must be one of 'forward', 'central', got"),
        ({"scheme": None}, ValueError, "scheme must be one of 'forward', 'central', got None"),
    ],
)
def test_errors_for_wrong_arguments_name_them(changes, error, message):
    with pytest.raises(error, match=message):
        numerical_gradient(**({"f": product, "x": [1.0, 2.0]} | changes))


def test_errors_of_f_are_passed_on():
    with pytest.raises(ZeroDivisionError):
        numerical_gradient(lambda x: 1 / 0, [1.0])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_largest_floats_are_handled(scheme):
    largest = np.finfo(np.float64).max
    np.testing.assert_allclose(
        numerical_gradient(lambda x: float(x) * 1e-300, 1e300, scheme=scheme), 1e-300
    )
    with pytest.raises(ValueError, match="too large for an element of x"):
        numerical_gradient(lambda x: float(x) * 1e-300, largest, scheme=scheme)
