"""Any strides, byte order, alignment and subclass of arrays give the same bits."""

import numpy as np
import pytest
from calls import ALL_CASES, call, changed, copied, flat, made, overwritten, same_bits
from layouts import (
    WRITABLE,
    byte_swapped,
    fortran_ordered,
    read_only,
    repeated,
    reversed_,
    strided,
    subclass,
    unaligned,
)

LAYOUTS = pytest.mark.parametrize("layout", [*WRITABLE, read_only, repeated])


def laid_out(case, arguments, layout, only=None):
    """The arguments in a layout, all of them or one; what is overwritten stays writable."""
    kept = overwritten(case, arguments) if layout in (read_only, repeated) else []
    return [
        layout(a) if isinstance(a, np.ndarray) and k not in kept and only in (None, k) else a
        for k, a in enumerate(copied(arguments))
    ]


def assert_same_as_plain(core, case, arguments):
    """These arguments give and become the same as contiguous copies of them."""
    plain = [np.array(a) if isinstance(a, np.ndarray) else a for a in arguments]
    plain = [a.astype(a.dtype.newbyteorder("=")) if isinstance(a, np.ndarray) else a for a in plain]
    results, expected = (flat(call(core, case, given)) for given in (arguments, plain))
    assert same_bits(results, expected)
    assert all(type(a) is np.ndarray for a in results)
    for array, desired in zip(changed(case, arguments), changed(case, plain), strict=True):
        np.testing.assert_array_equal(array, desired)


@ALL_CASES
@LAYOUTS
def test_any_layout_gives_the_same_bits(core, case, dtype, layout):
    arguments = made(case, 5, 3, 6, dtype)
    assert_same_as_plain(core, case, laid_out(case, arguments, layout))
    for k in range(len(arguments)):
        assert_same_as_plain(core, case, laid_out(case, arguments, layout, k))


@ALL_CASES
@pytest.mark.parametrize("axis", [0, 1])
def test_sizes_of_0_and_1_in_any_layout(core, case, dtype, axis):
    for size in (0, 1):
        n, o = (size, 4) if axis == 0 else (4, size)
        for layout in (strided, reversed_, fortran_ordered, byte_swapped, subclass):
            arguments = made(case, n, size, o, dtype)
            assert_same_as_plain(core, case, laid_out(case, arguments, layout))


@pytest.mark.parametrize("shape", [(), (7,), (2, 3, 4), (2, 0, 3), (1, 1, 1, 5)], ids=str)
def test_elementwise_kernels_take_any_number_of_axes(core, dtype, shape):
    z = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    for name in ("exp", "tanh_forward", "relu_forward"):
        result = getattr(core, name)(z)
        assert result.shape == shape
        assert same_bits([result.reshape(-1)], [getattr(core, name)(z.reshape(-1))])


def test_softmax_runs_over_the_last_of_several_axes(core, dtype):
    z = np.random.default_rng(0).standard_normal((2, 3, 4)).astype(dtype)
    rows = core.softmax_forward(z.reshape(6, 4))
    assert same_bits([core.softmax_forward(z)], [rows.reshape(2, 3, 4)])


INTEGER_TYPES = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64]


@pytest.mark.parametrize("integer", [*INTEGER_TYPES, ">i4", ">u2"], ids=str)
@pytest.mark.parametrize("layout", [np.array, strided, reversed_, unaligned, read_only])
def test_labels_of_any_integer_type(core, dtype, integer, layout):
    logits = np.random.default_rng(0).standard_normal((4, 5)).astype(dtype)
    labels = np.array([4, 0, 2, 1])
    expected = core.softmax_cross_entropy(logits, labels)
    assert same_bits(
        flat(core.softmax_cross_entropy(logits, layout(labels.astype(integer)))), flat(expected)
    )
