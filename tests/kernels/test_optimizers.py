"""Each update compared with its published formula, and clipping.

The formulas are repeated here, for one number at a time, over several steps.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tolerances import assert_same_special

from nncore import reference

STEPS = 6


def sgd(w, g, t, *, learning_rate):
    return w - learning_rate * g, ()


def momentum(w, g, t, v=0.0, *, learning_rate, momentum):
    v = momentum * v + g
    return w - learning_rate * v, (v,)


def nesterov(w, g, t, v=0.0, *, learning_rate, momentum):
    v = momentum * v + g
    return w - learning_rate * (g + momentum * v), (v,)


def rmsprop(w, g, t, s=0.0, *, learning_rate, decay, epsilon):
    s = decay * s + (1 - decay) * g**2
    return w - learning_rate * g / (math.sqrt(s) + epsilon), (s,)


def adagrad(w, g, t, s=0.0, *, learning_rate, epsilon):
    s += g**2
    return w - learning_rate * g / math.sqrt(s + epsilon), (s,)


def adam(w, g, t, m=0.0, v=0.0, *, learning_rate, beta1, beta2, epsilon):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    step = (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + epsilon)
    return w - learning_rate * step, (m, v)


def adamw(w, g, t, m=0.0, v=0.0, *, weight_decay, **constants):
    moved, state = adam(w, g, t, m, v, **constants)
    return moved - constants["learning_rate"] * weight_decay * w, state


moments = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
FORMULAS = [
    # formula, vectors of state, constants
    (sgd, 0, {}),
    (momentum, 1, {"momentum": 0.9}),
    (momentum, 1, {"momentum": 0.0}),
    (nesterov, 1, {"momentum": 0.9}),
    (rmsprop, 1, {"decay": 0.9, "epsilon": 1e-8}),
    (rmsprop, 1, {"decay": 0.999, "epsilon": 1e-3}),
    (adagrad, 1, {"epsilon": 1e-8}),
    (adagrad, 1, {"epsilon": 0.0}),
    (adagrad, 1, {"epsilon": 1e-40}),
    (adagrad, 1, {"epsilon": 5e-324}),
    (adam, 2, moments),
    (adam, 2, {"beta1": 0.5, "beta2": 0.9999, "epsilon": 1e-3}),
    (adamw, 2, {**moments, "weight_decay": 0.1}),
]
IDS = [f"{formula.__name__}-{constants}" for formula, _, constants in FORMULAS]
EACH = pytest.mark.parametrize(("formula", "slots", "constants"), FORMULAS, ids=IDS)


def textbook(formula, params, grads, constants):
    """Parameters and state after one step for each of the gradients, number by number."""
    result = []
    for number, gradients in zip(params, grads.T, strict=True):
        moved = (number,)
        for t, g in enumerate(gradients, start=1):
            w, state = formula(moved[0], g, t, *moved[1:], learning_rate=0.05, **constants)
            moved = (w, *state)
        result.append(moved)
    return np.array(result).T.reshape(-1, len(params))


def run(module, formula, params, grads, slots, constants):
    """The same by a kernel."""
    arrays = [params.copy(), *(np.zeros_like(params) for _ in range(slots))]
    update = getattr(module, f"{formula.__name__}_update")
    for t in range(len(grads)):
        step = {"step": t + 1} if slots == 2 else {}
        result = update(
            arrays[0], grads[t, ...], *arrays[1:], learning_rate=0.05, **constants, **step
        )
        assert result is None
    return np.array(arrays)


@EACH
@given(n=st.integers(1, 150), seed=st.integers(0, 99))
def test_updates_follow_their_formulas(core, formula, slots, constants, n, seed):
    rng = np.random.default_rng(seed)
    params, grads = rng.standard_normal(n), rng.standard_normal((STEPS, n))
    expected = textbook(formula, params, grads, constants)
    for module in (core, reference):
        result = run(module, formula, params, grads, slots, constants)
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-13)


@EACH
def test_float32_updates_are_accurate(core, formula, slots, constants):
    """The error of six steps is at most a few roundings each."""
    rng = np.random.default_rng(0)
    params, grads = (rng.standard_normal(s).astype(np.float32) for s in (5000, (STEPS, 5000)))
    expected = run(
        reference, formula, *(a.astype(float) for a in (params, grads)), slots, constants
    )
    result = run(core, formula, params, grads, slots, constants)
    np.testing.assert_allclose(result, expected, rtol=2e-6, atol=2e-6)


@EACH
@pytest.mark.parametrize("n", [1, 17])
def test_special_gradients_give_the_results_of_numpy(core, dtype, formula, slots, constants, n):
    """Zeros, infinities, NaN, and squares that overflow or vanish."""
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        big, small = np.sqrt(info.max), np.sqrt(info.smallest_normal)
    for g in (0, -0.0, np.inf, -np.inf, np.nan, info.max, big * 4, small, small / 8, info.tiny):
        grads = np.full((3, n), g, dtype)
        params = np.linspace(-1, 1, n).astype(dtype)
        results = [run(m, formula, params, grads, slots, constants) for m in (core, reference)]
        for result, expected in zip(*results, strict=True):
            assert_same_special(result, expected, 1e-5 if dtype == np.float32 else 1e-11)


@EACH
def test_zero_gradients_from_a_fresh_start_move_nothing(core, dtype, formula, slots, constants):
    params = np.linspace(-1, 1, 20).astype(dtype)
    result = run(core, formula, params, np.zeros((3, 20), dtype), slots, constants)
    if constants.get("epsilon", 1) < np.finfo(dtype).smallest_subnormal:
        assert np.isnan(result[0]).all()  # 0 / 0, as the formula says
    elif formula is adamw:
        np.testing.assert_allclose(result[0], params * 0.995**3, rtol=1e-5)
    else:
        np.testing.assert_array_equal(result[0], params)


@EACH
def test_updates_take_any_number_of_axes_and_none(core, dtype, formula, slots, constants):
    rng = np.random.default_rng(0)
    params, grads = (
        rng.standard_normal((3, 4)).astype(dtype),
        rng.standard_normal((2, 3, 4)).astype(dtype),
    )
    rows = run(core, formula, params, grads, slots, constants)
    flat = run(core, formula, params.ravel(), grads.reshape(2, 12), slots, constants)
    np.testing.assert_array_equal(rows.reshape(-1, 12), flat)
    for shape in ((), (0,), (0, 5)):
        run(core, formula, np.ones(shape, dtype), np.ones((2, *shape), dtype), slots, constants)


@EACH
def test_gradients_in_the_memory_of_parameters_or_state(core, dtype, formula, slots, constants):
    """What overlaps is copied first, and then written back."""
    update, step = f"{formula.__name__}_update", {"step": 3} if slots == 2 else {}
    for shared in range(1 + slots):
        results = []
        for module in (core, reference):
            rng = np.random.default_rng(0)
            arrays = [rng.uniform(0.1, 1, 150).astype(dtype) for _ in range(1 + slots)]
            getattr(module, update)(
                arrays[0], arrays[shared], *arrays[1:], learning_rate=0.05, **constants, **step
            )
            results.append(np.array(arrays))
        np.testing.assert_allclose(*results, rtol=1e-5 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("epsilon", [0.0, 1e-45, 1e-39, 2e-38, 1e-30])
def test_adagrad_around_the_smallest_normal_epsilon(core, epsilon):
    """Below it, sum + epsilon may be subnormal, where the fast reciprocal root fails."""
    grads = np.array([[1e-30, 1e-25, 1e-19, 1e-10, 1, 1e15]], np.float32)
    params = np.zeros(6, np.float32)
    constants = {"epsilon": epsilon}
    results = [run(m, adagrad, params, grads, 1, constants) for m in (core, reference)]
    np.testing.assert_allclose(*results, rtol=1e-6)


@pytest.mark.parametrize("step", [0, -1, 2**63, 2**70])
def test_steps_are_counted_from_1(core, step):
    for module in (core, reference):
        with pytest.raises(ValueError, match=f"step must be at least 1, got {step}"):
            module.adam_update(*np.ones((4, 3)), step=step, learning_rate=0.1)


@pytest.mark.parametrize("step", [None, 1.0, "1"])
def test_steps_are_integers(core, step):
    for module in (core, reference):
        with pytest.raises(TypeError, match="step must be an integer, got "):
            module.adamw_update(*np.ones((4, 3)), step=step, learning_rate=0.1)


def test_late_steps_have_no_bias_correction(core, dtype):
    w, m, s = np.zeros((3, 5), dtype)
    core.adam_update(w, np.ones(5, dtype), m, s, step=2**63 - 1, learning_rate=0.5)
    np.testing.assert_allclose(w, -0.5 * m / np.sqrt(s), rtol=1e-5)


# --- clipping ---------------------------------------------------------------------------


@given(n=st.integers(0, 70), limit=st.floats(1e-3, 1e3), seed=st.integers(0, 99))
def test_clip_by_value(core, dtype, n, limit, seed):
    grads = (3 * np.random.default_rng(seed).standard_normal(n)).astype(dtype)
    clipped = grads.copy()
    assert core.clip_by_value(clipped, limit) is None
    np.testing.assert_array_equal(clipped, np.clip(grads, -dtype(limit), dtype(limit)))


@given(n=st.integers(0, 70), limit=st.floats(1e-3, 1e3), seed=st.integers(0, 99))
def test_clip_by_norm_returns_the_norm_before(core, dtype, n, limit, seed):
    grads = (3 * np.random.default_rng(seed).standard_normal(n)).astype(dtype)
    clipped = grads.copy()
    norm = core.clip_by_norm(clipped, limit)
    expected = math.sqrt(math.fsum(float(g) ** 2 for g in grads))
    assert isinstance(norm, float)
    assert norm == pytest.approx(expected, rel=1e-14)
    scale = min(1, limit / expected) if expected else 1
    np.testing.assert_allclose(clipped, scale * grads, rtol=4 * np.finfo(dtype).eps)


def test_gradient_within_the_limit_keeps_its_bits(core, dtype):
    grads = np.random.default_rng(0).standard_normal(33).astype(dtype)
    clipped = grads.copy()
    core.clip_by_norm(clipped, 1.0001 * np.linalg.norm(grads))
    core.clip_by_value(clipped, float(np.abs(grads).max()))
    assert clipped.tobytes() == grads.tobytes()


@pytest.mark.parametrize("name", ["clip_by_value", "clip_by_norm"])
@pytest.mark.parametrize("limit", [0, -1, -0.0, np.nan, -np.inf])
def test_limits_are_positive(core, dtype, name, limit):
    for module in (core, reference):
        grads = np.ones(3, dtype)
        with pytest.raises(
            ValueError, match=f"^limit must be a positive number, got {float(limit)}$"
        ):
            getattr(module, name)(grads, limit)
        assert (grads == 1).all()


@pytest.mark.parametrize("name", ["clip_by_value", "clip_by_norm"])
@pytest.mark.parametrize("limit", [None, "5", 1j, [1], np.ones(1)], ids=repr)
def test_limits_are_numbers(core, dtype, name, limit):
    for module in (core, reference):
        with pytest.raises(TypeError, match=r"^limit must be a positive number, got "):
            getattr(module, name)(np.ones(3, dtype), limit)


@pytest.mark.parametrize("name", ["clip_by_value", "clip_by_norm"])
@pytest.mark.parametrize("limit", [np.inf, 1e300, 1.0, 1e-30, 1e-300, 5e-324], ids=repr)
def test_special_gradients_are_clipped_as_in_numpy(core, dtype, name, limit):
    tiny = np.finfo(dtype).smallest_subnormal
    for number in (np.nan, np.inf, -np.inf, -0.0, tiny, np.finfo(dtype).max):
        given = [np.array([1, -2, number], dtype) for _ in range(2)]
        norms = [getattr(m, name)(g, limit) for m, g in zip((core, reference), given, strict=True)]
        assert_same_special(*given, 4 * np.finfo(dtype).eps)
        np.testing.assert_allclose(*np.array(norms, float), rtol=1e-14)


@pytest.mark.parametrize("name", ["adam_update", "adamw_update"])
@pytest.mark.parametrize("constant", ["beta1", "beta2"])
def test_decay_rates_are_below_one(core, dtype, name, constant):
    for module in (core, reference):
        arrays = [np.ones(3, dtype) for _ in range(4)]
        for value in (1.0, 1, -0.1, np.nan, np.inf):
            message = rf"^{constant} must be in \[0, 1\), got {float(value)}$"
            with pytest.raises(ValueError, match=message):
                getattr(module, name)(*arrays, step=1, learning_rate=0.1, **{constant: value})
        assert all((array == 1).all() for array in arrays)
