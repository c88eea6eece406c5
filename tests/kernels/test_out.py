"""`out=` receives the result, in any layout and overlapping any input."""

import numpy as np
import pytest
from calls import WITH_OUT, call, copied, error_of, made, names, same_bits
from cases import CASES
from layouts import WRITABLE, fortran_ordered, read_only, reversed_, strided, unaligned

from nncore import reference

OUT_CASES = pytest.mark.parametrize("case", WITH_OUT, ids=[c.kernel for c in WITH_OUT])


# --- out= -------------------------------------------------------------------------------


def test_out_is_taken_where_the_registry_says(core):
    for case in CASES:
        assert case.out == ("out" in names(case))


@OUT_CASES
@pytest.mark.parametrize(
    "size", [(6, 5, 7), (1, 1, 1), (0, 3, 4), (3, 4, 0), (40, 40, 40)], ids=str
)
def test_out_is_filled_and_returned(core, case, dtype, size):
    arguments = made(case, *size, dtype)
    expected = call(core, case, arguments)
    out = np.full_like(expected, 7)
    assert call(core, case, arguments, out=out) is out
    assert same_bits([out], [expected])


@OUT_CASES
@pytest.mark.parametrize("layout", WRITABLE)
def test_out_in_any_layout(core, case, dtype, layout):
    arguments = made(case, 6, 5, 7, dtype)
    expected = call(core, case, arguments)
    for module in (core, reference):
        out = layout(np.full_like(expected, 7))
        assert call(module, case, arguments, out=out) is out
        np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)
        assert module is reference or same_bits([np.array(out, dtype)], [expected])


@OUT_CASES
def test_strided_out_leaves_its_gaps_alone(core, case, dtype):
    arguments = made(case, 6, 5, 7, dtype)
    room = np.full((12, 14), 7, dtype)
    call(core, case, arguments, out=room[::2, ::2])
    assert (room[1::2] == 7).all()
    assert (room[:, 1::2] == 7).all()


BAD_OUT = {
    "other dtype": lambda out: out.astype(np.float32 if out.dtype == np.float64 else np.float64),
    "integers": lambda out: out.astype(int),
    "float16": lambda out: out.astype(np.float16),
    "a row more": lambda out: np.concatenate([out, out[:1]]),
    "a column less": lambda out: out[:, :-1].copy(),
    "an axis more": lambda out: out[None],
    "no axes": lambda out: out[0, 0, ...].copy(),
    "read-only": read_only,
    "list": lambda out: out.tolist(),
    "number": lambda out: 0.0,
}


@OUT_CASES
@pytest.mark.parametrize("kind", BAD_OUT)
def test_bad_out_is_refused_and_unchanged(core, case, dtype, kind):
    arguments = made(case, 6, 5, 7, dtype)
    errors = []
    for module in (core, reference):
        out = BAD_OUT[kind](np.full((6, 7), 3, dtype))
        errors.append(error_of(module, case, arguments, out=out))
        assert (np.asarray(out) == np.asarray(BAD_OUT[kind](np.full((6, 7), 3, dtype)))).all()
    assert errors[0] == errors[1]
    assert errors[0][0] in (TypeError, ValueError)
    assert errors[0][1].startswith("out ")


# --- out= over an input -------------------------------------------------------------------


def windows(count):
    """Pairs of views of one buffer, `count` numbers each: the same, shifted, reversed, apart."""
    yield slice(0, count), slice(0, count)
    for shift in (1, 3, 8, count // 2, count - 1):
        yield slice(0, count), slice(shift, shift + count)
        yield slice(shift, shift + count), slice(0, count)
    yield slice(0, count), slice(count - 1, None, -1)


@OUT_CASES
def test_out_may_overlap_any_input(core, case, dtype):
    """The result is the same as without overlap."""
    arguments = made(case, 8, 8, 8, dtype)
    expected = call(core, case, arguments)
    for k, argument in enumerate(arguments):
        count = max(argument.size, expected.size)
        for read, write in windows(count):
            buffer = np.zeros(2 * count, dtype)
            source = buffer[read][: argument.size].reshape(argument.shape)
            source[...] = argument
            out = buffer[write][: expected.size].reshape(expected.shape)
            if not np.shares_memory(out, buffer):
                continue  # reshape had to copy
            call(core, case, [*arguments[:k], source, *arguments[k + 1 :]], out=out)
            assert same_bits([out.copy()], [expected])


@OUT_CASES
def test_one_array_may_be_all_inputs_and_out(core, case, dtype):
    square = made(case, 5, 5, 5, dtype)[0]
    arguments = [square] * len(made(case, 5, 5, 5, dtype))
    if case.kernel == "linear_forward":
        arguments[2] = square[0]
    expected = call(core, case, copied(arguments))
    assert call(core, case, arguments, out=square) is square
    assert same_bits([square], [expected])


@OUT_CASES
def test_out_over_an_input_that_had_to_be_copied(core, case, dtype):
    for layout in (strided, reversed_, fortran_ordered, unaligned):
        arguments = list(made(case, 7, 7, 7, dtype))
        expected = call(core, case, copied(arguments))
        arguments[0] = layout(arguments[0])
        call(core, case, arguments, out=arguments[0])
        assert same_bits([np.array(arguments[0])], [expected])
