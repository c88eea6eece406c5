"""Helpers for property tests: arguments of every kind, and the permitted results of a call.

The property is always the same: the result is correct, or a documented exception is raised that
names the argument, and nothing is changed. `of` notes which public names a test is about, and
`tests/properties/test_rest.py` fails for a name that has no test.
"""

import inspect

import numpy as np
from hypothesis import strategies as st
from layouts import byte_swapped, fortran_ordered, read_only, reversed_, strided, unaligned

from nncore import kernels, reference

TESTED = set()
REFUSALS = (TypeError, ValueError)
LAYOUTS = (np.array, strided, reversed_, fortran_ordered, byte_swapped, unaligned, read_only)
TOLERANCE = {np.dtype(np.float32): 2e-4, np.dtype(np.float64): 1e-9}  # of the largest number
HUGE = (1e38, -1e38, 1e300, 2.0**1000)
SPECIAL = (np.nan, np.inf, -np.inf, *HUGE, 0.0, -0.0, 5e-324, 1e-40)

# Values that no function accepts.
NOTHING = (object(), {}, 1j, "?", b"\0", [], [[]], np.ma.ones(3), np.array(["a"]), np.array(None))
NUMBERS = (0, 1, -1, 2, 3, 0.5, 1.5, -0.5, True, 2**31, 2**53 + 1, 2**64, 10**400, *SPECIAL)
anything = st.sampled_from((None, *NOTHING, *NUMBERS, np.float32(0.5), np.int8(1)))
seeds = st.integers(0, 2**32)
numbers = st.floats(-10, 10)
shares = st.floats(0, 1)
dtypes = st.sampled_from([np.float32, np.float64])


def of(*names):
    """A decorator for the property test of these public names."""

    def mark(test):
        TESTED.update(names)
        return test

    return mark


def names_of(cls):
    """A class, its public methods and properties, also those of its bases in nncore."""
    yield cls.__name__
    classes = [base for base in cls.__mro__ if base.__module__.startswith("nncore")]
    for name, value in (item for base in classes for item in vars(base).items()):
        kinds = (classmethod, staticmethod, property)
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, kinds)):
            yield f"{cls.__name__}.{name}"


def attempt(function, *documented):
    """(what the function returns, None), or (None, the documented exception that it raises)."""
    expected = documented or REFUSALS
    try:
        return function(), None
    except expected as error:
        return None, error


def draw_for(data, given):
    """A value for an argument: an array spoiled, or anything."""
    if isinstance(given, np.ndarray) and data.draw(st.booleans()):
        return data.draw(spoiled(given))
    return data.draw(anything)


def same_answers(networks, call, changes):
    """(result, expected) of a call in both modules, or None if both refuse it in the same words.

    A refusal changes nothing in the first of the networks.
    """
    before = networks[0].bytes()
    documented = TypeError, ValueError, IndexError, AttributeError
    (result, error), (expected, refused) = (
        attempt(lambda net=net, m=module: call(net, m, **changes), *documented)
        for net, module in zip(networks, (kernels, reference), strict=True)
    )
    assert (type(error), str(error)) == (type(refused), str(refused))
    if error is None:
        return result, expected
    assert networks[0].bytes() == before
    return None


def close(result, expected, dtype):
    """Equal to rounding in this dtype, including NaN and infinity."""
    result, expected = (np.asarray(a, np.float64) for a in (result, expected))
    assert result.shape == expected.shape
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.isfinite(result), finite)
    room = TOLERANCE[np.dtype(dtype)] * (1 + np.abs(expected[finite]).max(initial=0))
    np.testing.assert_allclose(result[finite], expected[finite], rtol=0, atol=room)


@st.composite
def laid_out(draw, array):
    """The same numbers in any layout, also as lists."""
    form = draw(st.sampled_from([*LAYOUTS, np.ndarray.tolist]))
    return form(array)


@st.composite
def spoiled(draw, array, columns=True):
    """An invalid array: special numbers, a wrong shape, or no numbers."""
    wrong = draw(
        st.sampled_from(["number", "axis", "columns", "dtype", "kind"][: 5 if columns else 2])
    )
    if wrong == "number" and array.size:
        array = array.astype(np.float64)
        array.flat[draw(st.integers(0, array.size - 1))] = draw(st.sampled_from(SPECIAL))
        return array
    if wrong == "axis":
        return draw(st.sampled_from([array[None], array.reshape(-1)[:0], array[..., None]]))
    if wrong == "columns":
        return np.concatenate([array, array], axis=-1)
    if wrong == "dtype":
        return array.astype(draw(st.sampled_from([np.complex64, "U9", "S9", "M8[s]", "V4"])))
    return draw(st.sampled_from((None, *NOTHING)))
