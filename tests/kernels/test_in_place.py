"""Updates in place: arguments that share memory, and invalid ones."""

from fractions import Fraction

import numpy as np
import pytest
from calls import call, copied, error_of, flat, made, names, same_bits
from cases import CASES
from layouts import read_only

from nncore import reference

UPDATES = [c for c in CASES if c.kernel.endswith("_update")]
UPDATE_CASES = pytest.mark.parametrize("case", UPDATES, ids=[c.kernel for c in UPDATES])


@UPDATE_CASES
def test_arrays_of_an_update_may_overlap(core, case, dtype):
    """Each is read as it was before; of equal arrays, the last result is kept."""
    n = 24
    arguments = made(case, 1, 4, 6, dtype)
    for k in range(1, len(arguments)):
        for shift in (0, 1, 5, n - 1):
            results = []
            for module in (core, reference):
                buffer = np.abs(np.random.default_rng(1).standard_normal(2 * n)).astype(dtype)
                given = list(copied(arguments))
                given[0], given[k] = buffer[:n], buffer[shift : shift + n]
                call(module, case, given)
                results.append(buffer)
            np.testing.assert_allclose(*results, rtol=1e-5)


@UPDATE_CASES
def test_the_gradient_may_be_the_array_of_parameters(core, case, dtype):
    params, _, *state = made(case, 1, 4, 6, dtype)
    expected = copied([params, params, *state])
    call(core, case, expected)
    given = [params, params, *state]
    call(core, case, given)
    assert same_bits([given[0], *given[2:]], [expected[0], *expected[2:]])


@pytest.mark.parametrize("case", [c for c in CASES if c.in_place], ids=lambda c: c.kernel)
def test_read_only_arrays_are_not_updated(core, case, dtype):
    arguments = made(case, 1, 4, 6, dtype)
    for k, name in enumerate(names(case)[: len(arguments)]):
        if not isinstance(arguments[k], np.ndarray) or (
            name == "grads" and "clip" not in case.kernel
        ):
            continue
        given = [*arguments[:k], read_only(arguments[k]), *arguments[k + 1 :]]
        before = [a.tobytes() for a in given if isinstance(a, np.ndarray)]
        for module in (core, reference):
            expected = f"{name} is read-only, but would be changed in place"
            assert error_of(module, case, given) == (ValueError, expected)
        assert [a.tobytes() for a in given if isinstance(a, np.ndarray)] == before


@UPDATE_CASES
def test_gradient_may_be_read_only(core, case, dtype):
    arguments = made(case, 1, 4, 6, dtype)
    given = [arguments[0].copy(), read_only(arguments[1]), *copied(arguments[2:])]
    call(core, case, given)
    expected = copied(arguments)
    call(core, case, expected)
    assert same_bits(given, list(expected))


NO_NUMBERS = [None, "0.1", b"1", 1j, np.complex64(1), [0.1], np.ones(1)]
CONSTANTS = {"learning_rate", "momentum", "decay", "epsilon", "beta1", "beta2", "weight_decay"}


@UPDATE_CASES
@pytest.mark.parametrize(
    "value", [None, "0.1", b"1", 1j, np.complex64(1), [0.1], np.ones(1)], ids=repr
)
def test_constants_must_be_numbers(core, case, dtype, value):
    arguments = made(case, 1, 4, 6, dtype)
    for name in CONSTANTS & set(names(case)):
        given = copied(arguments)
        errors = []
        for module in (core, reference):
            with pytest.raises(TypeError, match=f"^{name} must be a number, got ") as error:
                getattr(module, case.kernel)(*given, **{**case.keywords, name: value})
            errors.append(str(error.value))
        assert errors[0] == errors[1]
        assert same_bits(flat(given), flat(arguments))


@pytest.mark.parametrize("real", [float, np.float32, np.float64, np.array, Fraction])
def test_constants_of_any_real_type(core, dtype, real):
    for module in (core, reference):
        w = np.ones(3, dtype)
        module.sgd_update(w, np.ones(3, dtype), learning_rate=real(0.25))
        np.testing.assert_array_equal(w, np.full(3, 0.75, dtype))
