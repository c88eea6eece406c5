"""silu and gelu: published values, errors in units of the last place, limits and signs.

Exact values are computed in decimal arithmetic, and for float32 in float64.
"""

import math
import time
from decimal import Decimal, localcontext
from functools import cache

import normal_tail
import numpy as np
import pytest
from builds import NOT_SANITIZED
from tolerances import ulp_errors

from nncore import reference

NAMES = ["silu", "gelu"]
KNOWN = {  # z, value, slope: the closed forms with 10 digits, as other libraries have them
    "silu": [
        (1.0, 0.7310585786, 0.9276705118),
        (-1.0, -0.2689414214, 0.0723294881),
        (2.0, 1.7615941560, 1.0907842487),
        (-5.0, -0.0334642546, -0.0265474324),
        (0.5, 0.3112296656, 0.7399611873),
    ],
    "gelu": [
        (1.0, 0.8413447461, 1.0833154706),
        (-1.0, -0.1586552539, -0.0833154706),
        (2.0, 1.9544997361, 1.0852318011),
        (-3.0, -0.0040496941, -0.0119456472),
        (0.5, 0.3457312306, 0.8674951246),
    ],
}
ENDS = {  # numbers whose values are a few subnormals
    ("silu", "float32"): -108.0,
    ("silu", "float64"): -751.0,
    ("gelu", "float32"): -14.2,
    ("gelu", "float64"): -38.5,
}


def forward_and_slope(module, name, z):
    """Values, and slopes by backward of ones."""
    forward, backward = (getattr(module, f"{name}_{way}") for way in ("forward", "backward"))
    return forward(z), backward(np.ones_like(z), z)


@pytest.mark.parametrize("name", NAMES)
def test_values_and_slopes_are_those_of_other_libraries(core, dtype, name):
    z, values, slopes = np.array(KNOWN[name]).T.astype(dtype)
    for module in (core, reference):
        found = forward_and_slope(module, name, z)
        np.testing.assert_allclose(found, (values, slopes), rtol=1e-6, atol=1e-10)


# --- errors ---------------------------------------------------------------------------------------


def exact_silu(z):
    e = (-abs(z)).exp()
    s = (e if z < 0 else 1) / (1 + e)
    return z * s, s * (1 + z * (1 - s))


def exact_gelu(z, density):
    t = abs(z)
    bell = (-t * t / 2).exp()
    tail = normal_tail.scaled_tail(t, density) * bell
    low = tail - t * density * bell
    return (tail * z, low) if z < 0 else ((1 - tail) * z, 1 - low)


def units_off(results, numbers, least):
    """Errors in units of the last place of the exact numbers, or of `least` if they are smaller."""
    with localcontext() as context:
        context.prec = normal_tail.DIGITS
        for result, number in zip(results.tolist(), numbers, strict=True):
            unit = np.spacing(results.dtype.type(max(abs(number), least)))
            yield abs(float((Decimal(result) - number) / Decimal(float(unit))))


def points(name, dtype):
    """Numbers of all sizes, most of them where values are neither 0 nor z."""
    rng = np.random.default_rng(0)
    end = ENDS[name, np.dtype(dtype).name]
    tiny = np.geomspace(1e-300 if dtype is np.float64 else 1e-44, 1, 20)
    parts = [rng.uniform(end, 0, 40), rng.uniform(end, 0.93 * end, 30), rng.uniform(-3, 3, 40)]
    return np.concatenate([*parts, rng.uniform(0, 45, 30), tiny, -tiny]).astype(dtype)


@cache
def exact(name, dtype):
    """Points, and the values and slopes there in decimal arithmetic."""
    z = points(name, dtype)
    with localcontext() as context:
        context.prec = normal_tail.DIGITS
        numbers = [Decimal(x) for x in z.tolist()]
        density = 1 / (2 * normal_tail.pi()).sqrt()
        pairs = [exact_silu(x) if name == "silu" else exact_gelu(x, density) for x in numbers]
    return z, *np.array(pairs).T


@pytest.mark.parametrize("name", NAMES)
def test_errors_against_decimal_arithmetic(core, dtype, name):
    """Down to the last number that is not 0. Slopes cross 0 at about -1 and lose digits there."""
    z, values, slopes = exact(name, dtype)
    found, slopes_found = forward_and_slope(core, name, z)
    assert max(units_off(found, values, 0)) <= 4
    near = np.abs(z) < 2
    assert max(units_off(slopes_found[near], slopes[near], 0.5)) <= 2
    assert max(units_off(slopes_found[~near], slopes[~near], 0)) <= 10


def in_float64(name, z):
    """Values and slopes in float64, with errors far below those of float32."""
    with np.errstate(all="ignore"):
        if name == "silu":
            e = np.exp(-np.abs(z))
            s = np.where(z < 0, e, 1) / (1 + e)
            opposite = np.where(z < 0, 1, e) / (1 + e)
            return z * s, s * (1 + z * opposite)
        below = np.vectorize(math.erfc)(-z / math.sqrt(2)) / 2
        density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        return z * below, below + z * density


@pytest.mark.parametrize("name", NAMES)
def test_float32_errors_over_the_whole_range(core, name):
    bits = np.arange(1999, 2**32, 3989, np.uint32)
    z = bits.view(np.float32)
    z = z[np.isfinite(z)]
    assert len(z) > 1_000_000
    values, slopes = in_float64(name, z.astype(np.float64))
    found, slopes_found = forward_and_slope(core, name, z)
    assert ulp_errors(found, values).max() <= 4
    near = np.abs(z) < 2
    errors = np.abs(slopes_found[near] - slopes[near]) / np.finfo(np.float32).eps
    assert errors.max() <= 1.5
    assert ulp_errors(slopes_found[~near], slopes[~near]).max() <= 8


@pytest.mark.parametrize("name", NAMES)
def test_values_are_not_0_before_they_round_to_0(core, dtype, name):
    end = ENDS[name, np.dtype(dtype).name]
    z = np.array([end, 1.02 * end], dtype)
    value, none = getattr(core, f"{name}_forward")(z)
    assert value < 0
    assert none == 0


# --- special numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("z", "value", "slope"),
    [
        (0.0, 0.0, 0.5),
        (-0.0, -0.0, 0.5),
        (np.inf, np.inf, 1),
        (-np.inf, -0.0, 0),
        (3e38, 3e38, 1),
        (-3e38, -0.0, 0),
        (1000, 1000, 1),
        (-1000, -0.0, 0),
        (np.nan, np.nan, np.nan),
    ],
)
def test_limits(core, dtype, name, z, value, slope):
    """In a vector and in the tail behind it."""
    z = np.full(19, z, dtype)
    for module in (core, reference):
        values, slopes = forward_and_slope(module, name, z)
        np.testing.assert_array_equal(values, np.full(19, value, dtype))
        assert np.isnan(value) or (np.signbit(values) == np.signbit(value)).all()
        np.testing.assert_array_equal(slopes, np.full(19, slope, dtype))


@pytest.mark.parametrize("name", NAMES)
def test_subnormal_inputs_are_halved(core, dtype, name):
    tiny = np.finfo(dtype).smallest_subnormal * np.arange(2, 80, 2, dtype=dtype)
    for z in (tiny, -tiny):
        values, slopes = forward_and_slope(core, name, z)
        np.testing.assert_array_equal(values, z / 2)
        np.testing.assert_array_equal(slopes, np.full_like(z, 0.5))


@pytest.mark.parametrize("name", NAMES)
def test_nan_stays_nan_whatever_its_bits(core, dtype, name):
    payloads = np.array([0x7FC00000, 0xFFC00000, 0x7FFFFFFF, 0xFFFFFFFF], np.uint32)
    z = np.tile(payloads, 10).view(np.float32).astype(dtype)
    for array in forward_and_slope(core, name, z):
        assert np.isnan(array).all()


# --- speed ----------------------------------------------------------------------------------------


@NOT_SANITIZED
@pytest.mark.parametrize("way", ["forward", "backward"])
@pytest.mark.parametrize("name", NAMES)
def test_loops_are_vectorised(core, dtype, name, way):
    """Vector code takes up to 4 times as long as tanh, code for single numbers over 8 times."""
    x, out = np.linspace(-1, 1, 8192, dtype=dtype), np.empty(8192, dtype)

    def fastest(kernel, *arrays):
        times = []
        for _ in range(50):
            start = time.perf_counter()
            kernel(*arrays, out=out)
            times.append(time.perf_counter() - start)
        return min(times)

    given = (x,) if way == "forward" else (np.ones_like(x), x)
    assert fastest(getattr(core, f"{name}_{way}"), *given) < 7 * fastest(core.tanh_forward, x)
