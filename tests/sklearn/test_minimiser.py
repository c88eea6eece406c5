"""Our L-BFGS agrees with SciPy's in every iteration."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")
import scipy.optimize
from scipy.optimize import rosen, rosen_der

from nncore.sklearn import minimiser
from nncore.sklearn.line_search import Point, search
from nncore.sklearn.long_vectors import BLOCK, Vectors, add_scaled, add_scaled_and_dot, dot

RNG = np.random.default_rng(0)
MATRIX = RNG.normal(size=(40, 30))
GOAL = RNG.normal(size=40)


def quadratic(x):
    rest = MATRIX @ x - GOAL
    return 0.5 * float(rest @ rest) + 0.5 * float(x @ x), MATRIX.T @ rest + x


def rosenbrock(x):
    return float(rosen(x)), rosen_der(x)


def steep(x):
    """Nearly flat, then a wall: the line search has to try several steps."""
    return float(np.sum(np.exp(x) - x)), np.exp(x) - 1


def wavy(x):
    return float(np.sum(x**2 / 20 + np.cos(3 * x))), x / 10 - 3 * np.sin(3 * x)


PROBLEMS = [
    (quadratic, RNG.normal(size=30)),
    (rosenbrock, np.full(12, -1.2)),
    (rosenbrock, RNG.normal(size=5)),
    (steep, np.linspace(-30, 9, 7)),
    (wavy, np.linspace(-4, 5, 6)),
]


def minimise(function, start, callback, **options):
    """`minimiser.minimise` of a function as SciPy takes it."""

    def fill(x, gradient):
        value, gradient[...] = function(x)
        return value

    return minimiser.minimise(fill, start, callback, **options)


def both(function, start, **options):
    """Results of SciPy and of ours, and the values after each iteration."""
    settings = {"maxiter": 200, "maxfun": 400, "gtol": 1e-5} | options
    values, others = [], []
    expected = scipy.optimize.minimize(
        function,
        start,
        method="L-BFGS-B",
        jac=True,
        options=settings,
        callback=lambda intermediate_result: values.append(intermediate_result.fun),
    )
    got = minimise(
        function,
        start,
        lambda intermediate_result: others.append(intermediate_result.fun),
        **settings,
    )
    return expected, got, values, others


@pytest.mark.parametrize(("function", "start"), PROBLEMS)
def test_iterations_and_evaluations_are_those_of_scipy(function, start):
    expected, got, values, others = both(function, start, maxiter=12)
    assert (got.nit, got.nfev, got.status, got.message) == (
        expected.nit, expected.nfev, expected.status, expected.message)  # fmt: skip
    np.testing.assert_allclose(others, values, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(got.x, expected.x, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("function", "start"), PROBLEMS)
def test_the_end_is_a_minimum(function, start):
    expected, got, _, _ = both(function, start)
    assert got.success == expected.success
    assert got.fun <= expected.fun + 1e-6
    assert np.abs(function(got.x)[1]).max() < 1e-2


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        ({"maxiter": 2}, 1, "ITERATIONS REACHED LIMIT"),
        ({"maxfun": 5}, 1, "EVALUATIONS EXCEEDS LIMIT"),
        ({"gtol": 1e9}, 0, "NORM OF PROJECTED GRADIENT"),
    ],
)
def test_the_reason_for_stopping_is_that_of_scipy(options, status, message):
    expected, got, _, _ = both(rosenbrock, np.full(4, -1.2), **options)
    assert (got.status, got.message, got.nit) == (expected.status, expected.message, expected.nit)
    assert got.status == status
    assert message in got.message


def test_a_callback_can_stop_the_minimiser():
    def stop(intermediate_result):
        raise StopIteration

    start = np.full(4, -1.2)
    got = minimise(rosenbrock, start, stop, maxiter=9, maxfun=99, gtol=0.0)
    assert (got.nit, got.status, got.success) == (1, 2, False)
    np.testing.assert_array_equal(start, np.full(4, -1.2))  # it is not written to


def test_a_function_that_only_rises_ends_abnormally():
    """The gradient has the wrong sign: no step is good enough."""
    got = minimise(
        lambda x: (float(x @ x), -2 * x), np.ones(3), print, maxiter=9, maxfun=99, gtol=0
    )
    expected = scipy.optimize.minimize(
        lambda x: (float(x @ x), -2 * x), np.ones(3), method="L-BFGS-B", jac=True
    )
    assert (got.status, expected.status) == (2, 2)
    assert got.message.startswith("ABNORMAL")
    np.testing.assert_array_equal(got.x, np.ones(3))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_steps_to_undefined_values_are_shortened(bad):
    def walled(x):
        value, gradient = float(np.sum((x - 2) ** 2)), 2 * (x - 2)
        return (bad, gradient * bad) if (x > 2.5).any() else (value, gradient)

    got = minimise(walled, np.full(3, -40.0), lambda intermediate_result: None,
                   maxiter=50, maxfun=200, gtol=1e-6)  # fmt: skip
    np.testing.assert_allclose(got.x, 2, atol=1e-5)


def test_a_nan_gradient_ends_the_minimiser():
    got = minimise(lambda x: (0.0, x * np.nan), np.ones(3), print, maxiter=9, maxfun=99, gtol=1e-5)
    assert (got.nit, got.status) == (0, 2)


def test_the_line_search_gives_up_after_so_many_trials():
    tried = []

    def evaluate(step):
        tried.append(step)
        return Point(step, 1.0 + step, -1.0)  # rises, though its slope says that it falls

    search(Point(0.0, 1.0, -1.0), 1.0, evaluate)
    assert 1 <= len(tried) <= 20


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, 3 * BLOCK + 5])
def test_sums_over_long_vectors(size):
    x, y, z = RNG.normal(size=(3, size))
    assert dot(x, y) == pytest.approx(float(np.sum(x * y)), rel=1e-9, abs=1e-9)
    total = y.copy()
    assert add_scaled_and_dot(x, 0.5, total, z) == pytest.approx(
        float(np.sum((y + 0.5 * x) * z)), rel=1e-9, abs=1e-9
    )
    np.testing.assert_allclose(total, y + 0.5 * x, rtol=1e-15, atol=1e-15)
    add_scaled(x, -0.5, total)
    np.testing.assert_allclose(total, y, atol=1e-15)


def test_returned_vectors_are_reused():
    vectors = Vectors(1000)
    taken = [vectors.take() for _ in range(5000)]
    addresses = {vector.ctypes.data for vector in taken}
    assert len(addresses) == 5000
    for i, vector in enumerate(taken):
        vector[...] = i
    assert all((vector == i).all() for i, vector in enumerate(taken))
    vectors.give(taken[7])
    assert vectors.spare[-1] is taken[7]
    vectors.spare = vectors.spare[-1:]
    assert vectors.take() is taken[7]


def test_the_starting_point_is_unchanged():
    start = np.full(12, -1.2)
    minimise(rosenbrock, start, lambda intermediate_result: None, maxiter=9, maxfun=99, gtol=0.0)
    np.testing.assert_array_equal(start, -1.2)
