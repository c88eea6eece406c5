"""Tolerances of results: relative errors and ULP."""

import numpy as np

FLOOR = 4  # ULP of the largest number that goes in or comes out


def exact_sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


ELEMENTARY = {
    # kernel: the same in NumPy, the largest error allowed in float32 (ULP)
    "exp": (np.exp, 1.5),
    "tanh_forward": (np.tanh, 1.5),
    "sigmoid_forward": (exact_sigmoid, 3),
    "log": (np.log, 2),
}


def ulp_errors(results, exact):
    """Errors of float32 results in units of the last place, against float64 values.

    Infinity counts as 2**128, where the next float32 would be. Where only one of the two
    is NaN, so is the error.
    """
    with np.errstate(invalid="ignore"):  # a signalling NaN stays one in some results
        results, exact = (np.asarray(a).astype(np.float64) for a in (results, exact))
    results, exact = (np.clip(a, -(2.0**128), 2.0**128) for a in (results, exact))
    unit = np.ldexp(1.0, np.clip(np.frexp(exact)[1] - 24, -149, 104))
    errors = np.abs(results - exact) / unit
    return np.where(np.isnan(results) & np.isnan(exact), 0.0, errors)


def scale_of(exact, inputs):
    """The largest number of a call, to which errors are relative."""
    floats = [a for a in (exact, *inputs) if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
    return max((float(np.abs(a).max()) for a in floats if a.size), default=0.0)


def error(result, exact):
    assert result.shape == exact.shape
    return float(np.abs(result.astype(np.float64) - exact).max()) if exact.size else 0.0


def assert_equal_to_rounding(results, expected, inputs, relative=1e-12):
    """Float64 results agree with the reference to 1e-12 of the largest number of the call."""
    assert len(results) == len(expected)
    for result, desired in zip(results, expected, strict=True):
        assert result.dtype == desired.dtype
        assert error(result, desired) <= relative * scale_of(desired, inputs)


def assert_as_good_as_numpy(results, numpy_results, exact, inputs):
    """Float32 errors against float64 are at most twice those of NumPy in float32."""
    assert len(results) == len(numpy_results) == len(exact)
    for result, numpy_result, true in zip(results, numpy_results, exact, strict=True):
        assert result.dtype == numpy_result.dtype
        floor = FLOOR * np.finfo(np.float32).eps * scale_of(true, inputs)
        assert error(result, true) <= 2 * error(numpy_result, true) + floor


def assert_same_special(result, expected, relative, absolute=0):
    """NaN and infinities are at the expected positions; the other numbers agree."""
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(np.isnan(result), np.isnan(expected))
    least = 4 * np.finfo(expected.dtype).smallest_subnormal
    np.testing.assert_allclose(result, expected, rtol=relative, atol=max(absolute, least))
