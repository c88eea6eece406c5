"""NaN, infinities, signed zeros, subnormals and numbers near overflow, as NumPy treats them."""

import numpy as np
import pytest
from calls import ELEMENTWISE, copied, flat
from cases import CASES
from tolerances import assert_same_special

from nncore import reference, registry

ELEMENTWISE_CASES = pytest.mark.parametrize(
    "case", ELEMENTWISE, ids=[c.kernel for c in ELEMENTWISE]
)


def special(dtype):
    info = np.finfo(dtype)
    tiny, small, large = info.smallest_subnormal, info.smallest_normal, info.max
    positive = [
        0.0,
        tiny,
        3 * tiny,
        small / 2,
        small,
        info.eps,
        0.5,
        1,
        10,
        89,
        1e4,
        1e38,
        large,
        np.inf,
    ]
    return np.array([sign * x for x in positive for sign in (1, -1)] + [np.nan], dtype)


def relative(dtype):
    return 8 * np.finfo(dtype).eps


def pairs(dtype):
    """Every special number beside every other one."""
    one, other = np.meshgrid(special(dtype), special(dtype))
    return one.ravel(), other.ravel()


def compared(core, name, *given):
    """Results of a compiled kernel and of the reference, as two lists of arrays."""
    return (flat(getattr(module, name)(*copied(given))) for module in (core, reference))


@ELEMENTWISE_CASES
def test_elementwise_kernels(core, case, dtype):
    given = pairs(dtype)[: 2 if "backward" in case.kernel else 1]
    results, expected = compared(core, case.kernel, *given)
    assert_same_special(results[0], expected[0], relative(dtype))
    if case.kernel.endswith("forward"):
        numbers = ~np.isnan(expected[0])
        assert (np.signbit(results[0]) == np.signbit(expected[0]))[numbers].all()


def test_subnormals_are_not_flushed_to_zero(core, dtype):
    tiny = np.finfo(dtype).smallest_subnormal * np.arange(1, 40, dtype=dtype)
    for name in ("identity", "relu", "tanh"):
        np.testing.assert_array_equal(getattr(core, f"{name}_forward")(tiny), tiny)
    np.testing.assert_array_equal(
        core.linear_forward(tiny[None], np.eye(39, dtype=dtype)), tiny[None]
    )


@pytest.mark.parametrize("name", registry.ELEMENTWISE_LOSSES)
def test_losses_element_by_element(core, dtype, name):
    pred, target = pairs(dtype)
    results, expected = compared(core, name, pred, target)
    # sigmoid(pred) - target and exp(pred) - target cancel to the rounding of the first
    row = registry.LOSS_ROW[name]
    cancels = row.takes_logits or row.targets == (0, np.inf)
    absolute = 2 * np.finfo(dtype).eps if cancels else 0
    assert_same_special(results[1], expected[1], relative(dtype), absolute)
    for p, t in zip(pred, target, strict=True):
        results, expected = compared(core, name, np.array([p]), np.array([t]))
        assert_same_special(results[0], expected[0], relative(dtype))


@pytest.mark.parametrize("name", registry.ELEMENTWISE_LOSSES)
def test_one_nan_makes_a_loss_nan(core, dtype, name):
    pred, target = np.full((2, 40), 0.5, dtype)
    pred[29] = np.nan
    loss, dpred = getattr(core, name)(pred, target)
    assert np.isnan(loss)
    np.testing.assert_array_equal(np.isnan(dpred), np.isnan(pred))


def test_certain_predictions_have_finite_cross_entropy(core, dtype):
    pred, target = np.array([0, 0, 1, 1], dtype), np.array([0, 1, 0, 1], dtype)
    loss, dpred = core.binary_cross_entropy(pred, target)
    eps = np.finfo(dtype).eps
    assert loss == pytest.approx(-2 * np.log(float(eps)), rel=1e-6)
    assert np.isfinite(dpred).all()
    np.testing.assert_array_equal(np.sign(dpred), [1, -1, 1, -1])


# --- softmax ----------------------------------------------------------------------------


def rows_with_one_special_number(dtype, columns):
    """Each special number once in each column of a row of plain ones."""
    numbers = special(dtype)
    rows = np.tile(np.linspace(-2, 2, columns).astype(dtype), (len(numbers) * columns, 1))
    rows[np.arange(len(rows)), np.arange(len(rows)) % columns] = np.repeat(numbers, columns)
    return rows


@pytest.mark.parametrize("columns", [1, 2, 7, 16, 17, 33])
def test_softmax_of_special_numbers(core, dtype, columns):
    rows = rows_with_one_special_number(dtype, columns)
    results, expected = compared(core, "softmax_forward", rows)
    assert_same_special(results[0], expected[0], 2 * relative(dtype))


@pytest.mark.parametrize("columns", [1, 2, 7, 16, 17, 33])
def test_softmax_backward_of_special_numbers(core, dtype, columns):
    rows = rows_with_one_special_number(dtype, columns)
    y = np.full_like(rows, 1 / columns)
    results, expected = compared(core, "softmax_backward", rows, y)
    for row, result, desired in zip(rows, results[0], expected[0], strict=True):
        scale = min(np.abs(row).max(), np.finfo(dtype).max)
        assert_same_special(result, desired, 0, absolute=scale * relative(dtype))


@pytest.mark.parametrize("columns", [1, 2, 7, 16, 17, 33])
def test_cross_entropy_of_special_numbers(core, dtype, columns):
    for row in rows_with_one_special_number(dtype, columns):
        for label in {0, columns // 2, columns - 1}:
            results, expected = compared(
                core, "softmax_cross_entropy", row[None], np.array([label])
            )
            assert_same_special(results[0], expected[0], relative(dtype), relative(dtype))
            assert_same_special(results[1], expected[1], 0, absolute=relative(dtype))


@pytest.mark.parametrize("columns", [2, 3, 10, 16, 26, 31, 33])
def test_rows_of_special_numbers_have_the_cross_entropy_that_they_have_alone(core, dtype, columns):
    logits = np.array(list(rows_with_one_special_number(dtype, columns)), dtype)
    labels = np.arange(len(logits)) % columns
    for rows in (9, 16, 23, len(logits)):  # a part of a block, a whole one, and several
        _, together = core.softmax_cross_entropy(logits[:rows], labels[:rows])
        alone = [
            core.softmax_cross_entropy(logits[i : i + 1], labels[i : i + 1])[1] for i in range(rows)
        ]
        np.testing.assert_array_equal(together, np.concatenate(alone))
        np.testing.assert_array_equal(
            np.signbit(together) & ~np.isnan(together),
            np.concatenate([np.signbit(each) & ~np.isnan(each) for each in alone]),
        )


LN2 = np.log(2)
KNOWN = [
    # logits, label, loss, gradient
    ([1e38, 1e38], 0, LN2, [-0.5, 0.5]),
    ([-1e38, -1e38], 1, LN2, [0.5, -0.5]),
    ([1000, 0], 1, 1000, [1, -1]),
    ([1000, 0], 0, 0, [0, 0]),
    ([0, -np.inf], 0, 0, [0, 0]),
    ([0, -np.inf], 1, np.inf, [1, -1]),
    ([0, 1e-45], 0, LN2, [-0.5, 0.5]),
    ([3e38, -3e38], 0, 0, [0, 0]),
    ([np.inf, 0], 0, np.nan, [np.nan, np.nan]),
    ([-np.inf, -np.inf], 0, np.nan, [np.nan, np.nan]),
    ([0, np.nan], 0, np.nan, [np.nan, np.nan]),
]


@pytest.mark.parametrize(("logits", "label", "loss", "gradient"), KNOWN, ids=str)
def test_cross_entropy_of_huge_logits(core, dtype, logits, label, loss, gradient):
    for module in (core, reference):
        given = np.array([logits], dtype), np.array([label])
        got, dlogits = module.softmax_cross_entropy(*given)
        np.testing.assert_allclose(got, loss, rtol=1e-6)
        np.testing.assert_allclose(dlogits[0], gradient, rtol=1e-6)
        np.testing.assert_allclose(
            module.softmax_forward(given[0])[0] - np.eye(2)[label], gradient, rtol=1e-6
        )


# --- layers -----------------------------------------------------------------------------


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40], ids=repr)
def test_one_special_number_in_a_layer(core, dtype, number):
    rng = np.random.default_rng(0)
    for case in [c for c in CASES if c.kernel.startswith(("linear", "rnn"))]:
        given = case.make(rng, 5, 9, 9, dtype)
        for array in given:
            kept = array.flat[array.size // 2]
            array.flat[array.size // 2] = number
            results, expected = compared(core, case.kernel, *given)
            array.flat[array.size // 2] = kept
            for result, desired in zip(results, expected, strict=True):
                assert_same_special(result, desired, 0, absolute=20 * relative(dtype))


def test_zero_times_nan_is_not_skipped(core, dtype):
    """A network with NaN must not appear finite because its inputs are zeros."""
    for n in (1, 3):
        x, w = np.zeros((n, 20), dtype), np.full((20, 18), np.nan, dtype)
        assert np.isnan(core.linear_forward(x, w)).all()
        dx, dw, db = core.linear_backward(np.zeros((n, 18), dtype), x, w)
        assert np.isnan(dx).all()
        assert not dw.any()
        assert not db.any()
