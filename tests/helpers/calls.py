"""Calls of a kernel in the list of cases, with everything that they return and change."""

import inspect

import numpy as np
import pytest
from cases import CASES
from hypothesis import strategies as st

from nncore import reference

case_ids = [case.kernel for case in CASES]
ALL_CASES = pytest.mark.parametrize("case", CASES, ids=case_ids)
WITH_OUT = [c for c in CASES if c.out]
ELEMENTWISE = [c for c in WITH_OUT if not c.kernel.startswith(("linear", "softmax"))]
# Lengths where vectors, tiles and blocks begin and end.
EDGES = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65]
sizes = st.sampled_from(EDGES) | st.integers(0, 70)


def made(case, n, i, o, dtype, seed=0):
    """Arguments of a case, the same for the same seed."""
    return case.make(np.random.default_rng(seed), n, i, o, dtype)


def copied(arguments):
    return tuple(a.copy() if isinstance(a, np.ndarray) else a for a in arguments)


def converted(arguments, dtype):
    """The same numbers in another dtype; integers are not changed."""
    return tuple(
        a.astype(dtype) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a
        for a in arguments
    )


def flat(value):
    """The arrays and numbers in what a kernel returned, as a list of arrays."""
    if value is None:
        return []
    if isinstance(value, dict):
        return flat(tuple(value.values()))
    if isinstance(value, tuple):
        return [array for item in value for array in flat(item)]
    return [np.asarray(value)]


def overwritten(case, arguments):
    """Positions of the arguments that this kernel overwrites: parameters and state."""
    arrays = [k for k, a in enumerate(arguments) if isinstance(a, np.ndarray) and k != 1]
    return arrays if case.in_place else []


def changed(case, arguments):
    return [arguments[k] for k in overwritten(case, arguments)]


def call(module, case, arguments, **keywords):
    return getattr(module, case.kernel)(*arguments, **case.keywords, **keywords)


def outcome(module, case, arguments):
    """Everything that a call returns and changes; it works on copies of the arguments."""
    arguments = copied(arguments)
    result = flat(call(module, case, arguments))
    return result + changed(case, arguments)


def same_bits(one, other):
    return len(one) == len(other) and all(
        a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
        for a, b in zip(one, other, strict=True)
    )


def names(case):
    """The names of a kernel's arguments, in order."""
    return list(inspect.signature(getattr(reference, case.kernel)).parameters)


def error_of(module, case, arguments, **keywords):
    """Type and message of the exception of a call, None if it succeeds."""
    try:
        call(module, case, arguments, **keywords)
    except Exception as error:
        return type(error), str(error)
    return None


def shaped(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)
