"""Invalid arguments: compiled kernels and reference raise the same errors.

Each message names the argument, says what came and what was expected, and nothing that
the caller passed has changed when it is raised.
"""

import re

import numpy as np
import pytest
from calls import ALL_CASES, WITH_OUT, call, copied, error_of, made, names
from cases import CASES

from nncore import reference

WRONG_TYPES = {
    "float16": lambda a: a.astype(np.float16),
    "complex": lambda a: a.astype(np.complex128),
    "object": lambda a: a.astype(object),
    "bool": lambda a: a.astype(bool),
    "str": lambda a: a.astype(str),
    "record": lambda a: np.zeros(a.shape, [("x", "f4")]),
    "datetime": lambda a: np.zeros(a.shape, "M8[s]"),
    "masked": lambda a: np.ma.masked_array(a, mask=np.zeros(a.shape, bool)),
    "list": lambda a: a.tolist(),
    "none": lambda a: None,
    "number": lambda a: a.dtype.type(1),
    "generator": iter,
    "memoryview": memoryview,
}
if np.finfo(np.longdouble).bits > 64:
    WRONG_TYPES["longdouble"] = lambda a: a.astype(np.longdouble)

WRONG_SHAPES = {
    "no axes": lambda a: a.reshape(-1)[:1].reshape(()),
    "an axis more": lambda a: a[None],
    "an axis less": lambda a: a.reshape(-1) if a.ndim == 2 else a[0, ...],
    "a row more": lambda a: np.concatenate([a, a[:1]]),
    "a row less": lambda a: a[:-1],
    "a column more": lambda a: np.concatenate([a, a[..., :1]], axis=-1),
    "no rows": lambda a: a[:0],
    "transposed": lambda a: a.T,
}


def arrays_of(case, arguments):
    """Positions and names of the arrays among a kernel's arguments."""
    return [(k, n) for k, n in enumerate(names(case)[: len(arguments)])
            if isinstance(arguments[k], np.ndarray)]  # fmt: skip


def bytes_of(arguments):
    return [a.tobytes() for a in arguments if isinstance(a, np.ndarray)]


def refused(core, case, arguments):
    """The error that both raise, or None if both accept the arguments."""
    before = bytes_of(arguments)
    errors = []
    for module in (core, reference):
        given = copied(arguments)
        errors.append(error_of(module, case, given))
        assert errors[-1] is None or bytes_of(given) == before
    assert errors[0] == errors[1]
    return errors[0]


def assert_says_what_is_wrong(error, name):
    assert error[0] in (TypeError, ValueError, IndexError)
    assert re.search(rf"^({name}) ", error[1])
    assert re.search(r"must|expected|read-only|has ", error[1])


@ALL_CASES
@pytest.mark.parametrize("kind", WRONG_TYPES)
def test_wrong_types_are_refused(core, case, dtype, kind):
    good = made(case, 4, 3, 5, dtype)
    for k, name in arrays_of(case, good):
        if kind == "none" and (case.kernel, name) == ("linear_forward", "b"):
            continue
        bad = [*good[:k], WRONG_TYPES[kind](good[k]), *good[k + 1 :]]
        error = refused(core, case, bad)
        assert error is not None
        assert error[0] is TypeError
        assert_says_what_is_wrong(error, name)


@ALL_CASES
def test_float32_and_float64_do_not_mix(core, case, dtype):
    good = made(case, 4, 3, 5, dtype)
    floats = [(k, n) for k, n in arrays_of(case, good) if good[k].dtype.kind == "f"]
    other = np.float32 if dtype == np.float64 else np.float64
    for k, name in floats if len(floats) > 1 else []:
        error = refused(core, case, [*good[:k], good[k].astype(other), *good[k + 1 :]])
        assert error[0] is TypeError
        assert "float32" in error[1]
        assert "float64" in error[1]
        assert k == floats[0][0] or name in error[1]


@ALL_CASES
@pytest.mark.parametrize("kind", WRONG_SHAPES)
def test_wrong_shapes_are_refused(core, case, dtype, kind):
    """Arguments whose shape is determined by others; kernels of one array accept any."""
    good = made(case, 4, 3, 5, dtype)
    for k, _ in arrays_of(case, good):
        bad = WRONG_SHAPES[kind](good[k])
        error = refused(core, case, [*good[:k], bad, *good[k + 1 :]])
        alone = len(arrays_of(case, good)) == 1 and "softmax" not in case.kernel
        if alone or bad.shape == good[k].shape:
            assert error is None
        if error is not None:
            assert_says_what_is_wrong(error, "|".join(n for _, n in arrays_of(case, good)))


@ALL_CASES
def test_missing_and_surplus_arguments_are_refused(core, case, dtype):
    good = made(case, 4, 3, 5, dtype)
    for module in (core, reference):
        with pytest.raises(TypeError):
            call(module, case, ())
        with pytest.raises(TypeError):
            call(module, case, [*good, *good])
        with pytest.raises(TypeError, match="colour"):
            call(module, case, good, colour=1)


# --- integers -----------------------------------------------------------------------------

LABELS = {
    "-1": (np.array([0, -1, 2]), IndexError, "has -1, expected 0 to 3"),
    "V": (np.array([0, 4, 2]), IndexError, "has 4, expected 0 to 3"),
    "2**31": (np.array([0, 2**31, 2]), IndexError, "has 2147483648, expected"),
    "2**32": (np.array([0, 2**32, 2]), IndexError, "has 4294967296, expected"),
    "-2**63": (np.array([0, -(2**63), 2]), IndexError, "has -9223372036854775808, expected"),
    "uint64": (np.array([0, 2**64 - 1, 2], np.uint64), IndexError, "has 18446744073709551615"),
    "float": (np.array([0.0, 1.0, 2.0]), TypeError, "got array of float64"),
    "nan": (np.array([0.0, np.nan, 2.0]), TypeError, "got array of float64"),
    "bool": (np.array([True, False, True]), TypeError, "got array of bool"),
    "object": (np.array([0, 1, 2], object), TypeError, "got array of object"),
    "timedelta": (np.array([0, 1, 2], "m8[s]"), TypeError, "got array of timedelta"),
    "masked": (np.ma.masked_array([0, 1, 2]), TypeError, "got a masked array"),
    "list": ([0, 1, 2], TypeError, "got list"),
    "none": (None, TypeError, "got NoneType"),
    "number": (np.int64(1), TypeError, "got int64"),
    "short": (np.array([0, 1]), ValueError, "(2,)"),
    "long": (np.array([0, 1, 2, 3]), ValueError, "(4,)"),
    "no axes": (np.array(1), ValueError, "()"),
}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("vocabulary", [4, 400])
def test_bad_labels_are_refused(core, dtype, kind, vocabulary):
    labels, expected, text = LABELS[kind]
    if vocabulary == 400 and expected is IndexError:
        labels, text = np.where(labels == 4, 400, labels).astype(labels.dtype), "has "
    case = next(c for c in CASES if c.kernel == "softmax_cross_entropy")
    error = refused(core, case, (np.zeros((3, vocabulary), dtype), labels))
    assert error[0] is expected
    assert text in error[1]
    assert "labels" in error[1]


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("name", ["inputs", "targets"])
def test_bad_ids_are_refused(core, dtype, kind, name):
    bad, expected, text = LABELS[kind]
    good = np.array([0, 1, 2])
    ids = (bad, good) if name == "inputs" else (good, bad)
    weights = [np.zeros(s, dtype) for s in ((5,), (4, 5), (5, 5), (5, 4), (5,), (4,))]
    case = next(c for c in CASES if c.kernel == "char_rnn_gradients")
    error = refused(core, case, (*ids, *weights))
    if kind in ("short", "long"):
        assert error == (
            ValueError,
            f"targets has {len(ids[1])} steps, expected {len(ids[0])}, as many as inputs has",
        )
    else:
        assert error[0] is expected
        assert text in error[1]
        assert name in error[1]


# --- sizes beyond all memory ----------------------------------------------------------------

HUGE = 2**56


@pytest.mark.parametrize("case", WITH_OUT, ids=[c.kernel for c in WITH_OUT])
def test_rows_beyond_memory_raise(core, case, dtype):
    """One row, repeated 2**56 times: the results exceed the address space."""
    arguments = list(made(case, 2, 3, 4, dtype))
    for k in range(1 if case.kernel == "linear_forward" else len(arguments)):
        row = arguments[k][:1]
        arguments[k] = np.broadcast_to(row, (HUGE, row.shape[1]))
    for module in (core, reference):
        with pytest.raises((MemoryError, ValueError)):
            call(module, case, arguments)


def test_labels_beyond_memory_raise(core, dtype):
    logits = np.zeros((2, 3), dtype)
    labels = np.broadcast_to(np.array([0]), (HUGE,))
    for module in (core, reference):
        with pytest.raises((MemoryError, ValueError)):
            module.softmax_cross_entropy(logits, labels)
        with pytest.raises((MemoryError, ValueError)):
            module.softmax_cross_entropy(np.broadcast_to(logits[:1], (HUGE, 3)), labels)


@pytest.mark.parametrize(("rows", "columns"), [(2**30, 2**30), (2**40, 2**40), (2**31, 2**31)])
def test_products_of_nothing_beyond_memory_raise(core, dtype, rows, columns):
    """x and w hold no numbers at all, and their product 2**60 or more."""
    for module in (core, reference):
        with pytest.raises((MemoryError, ValueError)):
            module.linear_forward(np.zeros((rows, 0), dtype), np.zeros((0, columns), dtype))


def test_rows_without_columns_take_no_time(core, dtype):
    many, none = np.zeros((2**59, 0), dtype), np.zeros((0, 0), dtype)
    assert core.linear_forward(many, none).shape == (2**59, 0)
    assert core.softmax_forward(many).shape == (2**59, 0)
    assert core.squared_error(many, many)[0] == 0
    shapes = [a.shape for a in core.linear_backward(none, many.reshape(0, 2**59), many)]
    assert shapes == [(0, 2**59), (2**59, 0), (0,)]
    assert [a.shape for a in core.linear_backward(many, many, none)] == [(2**59, 0), (0, 0), (0,)]
    assert core.rnn_step_forward(many, many, none, none[0:0].reshape(0)).shape == (2**59, 0)
    assert core.rnn_step_backward(many, many, many, none)[1].shape == (2**59, 0)
