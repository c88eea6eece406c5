"""exp, log, tanh and sigmoid: errors in units of the last place, limits, symmetries.

The float32 functions are tried on every 997th bit pattern, 4.3 million of them from
both zeros to both infinities and NaN; `tools/check_all_floats.py` tries them all.
"""

import time

import numpy as np
import pytest
from builds import NOT_SANITIZED
from tolerances import ELEMENTARY, ulp_errors

STRIDE = 997  # a prime, so that every exponent and every low bit is met


@pytest.fixture(scope="module")
def floats():
    start = np.random.default_rng(20150521).integers(STRIDE)
    return np.arange(start, 2**32, STRIDE, np.uint32).view(np.float32)


@pytest.fixture(scope="module", params=ELEMENTARY)
def sampled(request, floats):
    """A function's name, its bound, and its values in float64 at the sampled floats."""
    function, bound = ELEMENTARY[request.param]
    with np.errstate(all="ignore"):
        return request.param, bound, function(floats.astype(np.float64))


def test_float32_errors(core, floats, sampled):
    name, bound, exact = sampled
    errors = ulp_errors(getattr(core, name)(floats), exact)
    assert len(errors) >= 4_300_000
    worst = np.argmax(errors)  # the first NaN, if there is one
    assert errors[worst] <= bound, f"{name}({floats[worst]!r}) is off by {errors[worst]} ULP"


@pytest.mark.parametrize("name", ELEMENTARY)
def test_float32_errors_are_bounded_at_the_ends_of_each_interval(core, name):
    """Around overflow, underflow, both zeros and the joints of the polynomials."""
    centres = [0.0, 1e-45, 1.2e-38, 1e-10, 0.346, 0.625, 0.7, 1, 2, 9, 10, 16.6, 17.3, 88, 88.7228]
    centres += [87.3365, 103.2789, 103.97, 104, 1e4, 2**-0.5, 2**0.5, 3e38]
    bits = np.float32(centres).view(np.int32)[:, None] + np.arange(-2000, 2000)
    x = np.abs(np.clip(bits, 0, 0x7F800000).astype(np.int32).view(np.float32)).ravel()
    x = np.concatenate([x, -x])
    function, bound = ELEMENTARY[name]
    with np.errstate(all="ignore"):
        exact = function(x.astype(np.float64))
    assert ulp_errors(getattr(core, name)(x), exact).max() <= bound


@pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="no numbers longer than float64")
@pytest.mark.parametrize("name", ELEMENTARY)
def test_float64_errors(core, name):
    rng = np.random.default_rng(0)
    ranges = [1e-300, 1e-9, 1e-3, 0.1, 0.5, 1, 3, 20, 700]
    x = np.concatenate([rng.uniform(-r, r, 20_000) for r in ranges])
    function, _ = ELEMENTARY[name]
    with np.errstate(all="ignore"):
        exact = function(
            np.abs(x).astype(np.longdouble) if name == "log" else x.astype(np.longdouble)
        )
        result = getattr(core, name)(np.abs(x) if name == "log" else x)
        unit = np.spacing(np.abs(exact).astype(np.float64))
    assert (np.abs(result - exact) / unit).max() <= 3


LIMITS = [
    # kernel, x, value
    ("exp", np.inf, np.inf),
    ("exp", -np.inf, 0),
    ("exp", 0, 1),
    ("exp", -0.0, 1),
    ("exp", 1e4, np.inf),
    ("exp", -1e4, 0),
    ("log", 0, -np.inf),
    ("log", -0.0, -np.inf),
    ("log", 1, 0),
    ("log", np.inf, np.inf),
    ("log", -1, np.nan),
    ("log", -1e-40, np.nan),
    ("log", -np.inf, np.nan),
    ("tanh_forward", np.inf, 1),
    ("tanh_forward", -np.inf, -1),
    ("tanh_forward", 0, 0),
    ("tanh_forward", 30, 1),
    ("sigmoid_forward", np.inf, 1),
    ("sigmoid_forward", -np.inf, 0),
    ("sigmoid_forward", 0, 0.5),
    ("sigmoid_forward", -0.0, 0.5),
    ("sigmoid_forward", 1e4, 1),
    ("sigmoid_forward", -1e4, 0),
]


@pytest.mark.parametrize(("name", "x", "value"), LIMITS, ids=str)
def test_functions_have_their_limits(core, dtype, name, x, value):
    """In a vector and in the tail behind it."""
    result = getattr(core, name)(np.full(19, x, dtype))
    np.testing.assert_array_equal(result, np.full(19, value, dtype))


@pytest.mark.parametrize("name", ELEMENTARY)
def test_nan_stays_nan(core, dtype, name):
    payloads = np.array([0x7FC00000, 0xFFC00000, 0x7F800001, 0x7FFFFFFF], np.uint32)
    with np.errstate(invalid="ignore"):  # one of them is a signalling NaN
        nans = np.tile(payloads, 10).view(np.float32).astype(dtype)
    assert np.isnan(getattr(core, name)(nans)).all()


def test_tanh_is_odd_and_within_1(core, floats):
    y, mirrored = core.tanh_forward(floats), core.tanh_forward(-floats)
    numbers = ~np.isnan(floats)
    assert (np.abs(y[numbers]) <= 1).all()
    assert y[numbers].tobytes() == (-mirrored[numbers]).tobytes()


def test_sigmoid_is_between_0_and_1(core, floats):
    y = core.sigmoid_forward(floats[~np.isnan(floats)])
    assert (y >= 0).all()
    assert (y <= 1).all()


def test_sigmoid_keeps_its_precision_far_below_0(core):
    """1e-40 is not 0: the logarithm of a small probability is accurate."""
    x = np.array([-90, -95, -100], np.float32)
    np.testing.assert_allclose(core.sigmoid_forward(x), np.exp(x.astype(float)), rtol=2e-2)
    assert (core.sigmoid_forward(x) > 0).all()


@pytest.mark.parametrize("name", ELEMENTARY)
def test_larger_inputs_never_give_much_smaller_values(core, name):
    """Increasing functions increase, up to the last bit."""
    x = np.sort(np.concatenate([np.linspace(-110, 110, 200_001), np.linspace(-1, 1, 200_001)]))
    x = (np.abs(x)[200_001:] if name == "log" else x).astype(np.float32)
    x.sort()
    y = getattr(core, name)(x).astype(np.float64)
    finite = np.isfinite(y)
    steps = np.diff(y[finite])
    assert (steps >= -2.5 * np.spacing(np.abs(y[finite][1:]).astype(np.float32))).all()


@NOT_SANITIZED
@pytest.mark.parametrize("name", ["exp", "sigmoid_forward", "softmax_forward"])
def test_loops_are_vectorised(core, dtype, name):
    """tanh has the longest formula; a loop of calls takes six times as long as one of vectors."""
    x, out = np.linspace(-1, 1, 8192, dtype=dtype).reshape(64, 128), np.empty((64, 128), dtype)

    def fastest(kernel):
        times = []
        for _ in range(50):
            start = time.perf_counter()
            kernel(x, out=out)
            times.append(time.perf_counter() - start)
        return min(times)

    assert fastest(getattr(core, name)) < 3.5 * fastest(core.tanh_forward)
