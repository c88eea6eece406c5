"""Optimizers compared with the formulas of papers and PyTorch, one number at a time."""

import math

import numpy as np
import pytest
from tolerances import assert_same_special

from nncore import reference
from nncore.registry import UPDATE_ROW, UpdateRule

STEPS, SIZE = 7, 150


def amsgrad(w, gradients, *, learning_rate, beta1, beta2, epsilon):
    m = v = largest = 0.0
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        largest = max(largest, v)
        corrected = math.sqrt(largest / (1 - beta2**t))
        w -= learning_rate * (m / (1 - beta1**t)) / (corrected + epsilon)
        yield w


def nadam(w, gradients, *, learning_rate, beta1, beta2, epsilon, momentum_decay):
    m = v = 0.0
    product = 1.0
    for t, g in enumerate(gradients, start=1):
        mu, coming = (beta1 * (1 - 0.5 * 0.96 ** (s * momentum_decay)) for s in (t, t + 1))
        product *= mu
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        root = math.sqrt(v / (1 - beta2**t)) + epsilon
        w -= learning_rate * (1 - mu) / (1 - product) * g / root
        w -= learning_rate * coming / (1 - product * coming) * m / root
        yield w


def lion(w, gradients, *, learning_rate, beta1, beta2, weight_decay):
    m = 0.0
    for g in gradients:
        direction = beta1 * m + (1 - beta1) * g
        w -= learning_rate * ((direction > 0) - (direction < 0) + weight_decay * w)
        m = beta2 * m + (1 - beta2) * g
        yield w


def rprop(w, gradients, *, learning_rate, shrink, growth, smallest_step, largest_step):
    before, size = 0.0, learning_rate
    for g in gradients:
        if g * before > 0:
            size *= growth
        elif g * before < 0:
            size, g = size * shrink, 0.0  # noqa: PLW2901
        size = min(max(size, smallest_step), largest_step)
        w -= math.copysign(size, g) if g else 0
        before = g
        yield w


MOMENTS = {"beta1": 0.8, "beta2": 0.9, "epsilon": 1e-3}
FORMULAS = [
    # formula, constants that are not the defaults
    (amsgrad, MOMENTS),
    (nadam, {**MOMENTS, "momentum_decay": 0.5}),
    (lion, {"beta1": 0.6, "beta2": 0.8, "weight_decay": 0.3}),
    (rprop, {"shrink": 0.3, "growth": 2.0, "smallest_step": 0.03, "largest_step": 0.2}),
]
EACH = pytest.mark.parametrize(
    ("formula", "constants"),
    [(formula, given) for formula, other in FORMULAS for given in ({}, other)],
    ids=lambda value: getattr(value, "__name__", None),
)


def all_constants(formula, constants):
    defaults = {c.name: c.default for c in UPDATE_ROW[formula.__name__].constants}
    return {**defaults, **constants, "learning_rate": 0.05}


def by_formula(formula, params, grads, constants):
    """The parameters after each of the gradients, number by number."""
    runs = zip(params.tolist(), grads.T.tolist(), strict=True)
    return np.array([[*formula(w, g, **all_constants(formula, constants))] for w, g in runs]).T


def by_kernel(module, formula, params, grads, constants):
    """The same by a kernel."""
    row = UPDATE_ROW[formula.__name__]
    params, slots = params.copy(), [np.zeros_like(params) for _ in row.slots]
    moved = []
    for t, g in enumerate(grads, start=1):
        step = {"step": t} if row.takes_step else {}
        update = getattr(module, f"{row.name}_update")
        update(params, g.copy(), *slots, **all_constants(formula, constants), **step)
        moved.append(params.copy())
    return np.array(moved)


def changing_gradients(dtype=np.float64):
    """Of both signs, growing and shrinking, with zeros."""
    rng = np.random.default_rng(0)
    grads = rng.standard_normal((STEPS, SIZE)) * 10.0 ** rng.integers(-2, 2, (STEPS, SIZE))
    grads[rng.random(grads.shape) < 0.1] = 0
    return rng.standard_normal(SIZE).astype(dtype), grads.astype(dtype)


@EACH
def test_kernels_follow_the_published_formula(core, formula, constants):
    params, grads = changing_gradients()
    expected = by_formula(formula, params, grads, constants)
    for module in (core, reference):
        result = by_kernel(module, formula, params, grads, constants)
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-13)


@EACH
def test_float32_is_accurate(core, formula, constants):
    params, grads = changing_gradients(np.float32)
    expected = by_formula(formula, params, grads, constants)
    result = by_kernel(core, formula, params, grads, constants)
    np.testing.assert_allclose(result, expected, rtol=5e-6, atol=5e-6)


@EACH
@pytest.mark.parametrize("n", [1, 17, 100])
def test_special_gradients_give_the_results_of_numpy(core, dtype, formula, constants, n):
    info = np.finfo(dtype)
    params = np.linspace(-1, 1, n).astype(dtype)
    for g in (0, -0.0, np.inf, -np.inf, np.nan, info.max, 1e-30, info.tiny):
        grads = np.full((3, n), g, dtype)
        results = [by_kernel(m, formula, params, grads, constants) for m in (core, reference)]
        assert_same_special(*results, 1e-5 if dtype == np.float32 else 1e-11)


HAND = [
    # formula, constants, w after gradients 1, -2 and 3 from 0, computed from the formula by hand
    (lion, {}, [-0.05, 0.0, -0.05]),
    (rprop, {}, [-0.05, -0.05, -0.075]),
    (amsgrad, {"beta1": 0.5, "beta2": 0.75, "epsilon": 0.0},
     [-0.05, -0.05 + 0.05 * math.sqrt(7 / 19), -0.05 + 0.05 * math.sqrt(7 / 19) - 0.05 * 9 / 7
      * math.sqrt(37 / 201)]),
    (nadam, {"beta1": 0.5, "beta2": 0.75, "epsilon": 0.0, "momentum_decay": 0.0},
     [-0.05 * (1 + 2 / 15)]),
]  # fmt: skip


@pytest.mark.parametrize(("formula", "constants", "expected"), HAND)
def test_first_steps_by_hand(core, dtype, formula, constants, expected):
    grads = np.array([[1], [-2], [3]], dtype)[: len(expected)]
    result = by_kernel(core, formula, np.zeros(1, dtype), grads, constants)
    np.testing.assert_allclose(result[:, 0], expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("decay", [0.0, 0.004, 0.3, 0.35, 50.0, 1e300])
@pytest.mark.parametrize("beta1", [0.0, 0.9, 0.9999999])
@pytest.mark.parametrize("step", [1, 55, 1000, 5000, 2**63 - 1])
def test_momenta_of_nadam_after_many_steps(core, beta1, decay, step):
    """Their product is computed at each step, in a time that no constant makes long."""
    count = min(step, 20000)
    product = math.prod(beta1 * (1 - 0.5 * 0.96 ** (t * decay)) for t in range(1, count + 1))
    product *= beta1 ** (step - count)
    mu, coming = (beta1 * (1 - 0.5 * 0.96 ** (s * decay)) for s in (step, step + 1))
    expected = -(1 - mu) / (1 - product) - coming / (1 - product * coming) * (1 - beta1)
    for module in (core, reference):
        w = np.zeros(1)
        module.nadam_update(
            w, np.ones(1), np.zeros(1), np.zeros(1), step=step, learning_rate=1.0, beta1=beta1,
            beta2=0.0, epsilon=0.0, momentum_decay=decay,
        )  # fmt: skip
        np.testing.assert_allclose(w, expected, rtol=1e-9)


def test_rprop_starts_at_the_first_gradient_that_is_not_zero(core, dtype):
    """Until then its step size stays 0, as the gaps between parameters have to."""
    for module in (core, reference):
        w, before, size = np.zeros((3, 2), dtype)
        for g in ([0, 1], [0, 2], [-3, 0]):
            module.rprop_update(w, np.array(g, dtype), before, size, learning_rate=0.25)
        np.testing.assert_allclose(w, [0.25, -0.55], rtol=1e-6)
        np.testing.assert_allclose(size, [0.25, 0.3], rtol=1e-6)


def test_amsgrad_keeps_the_largest_mean_square(core, dtype):
    w, mean, square, largest = np.zeros((4, 3), dtype)
    for step, g in enumerate((10, 0.1, 0.1), start=1):
        core.amsgrad_update(
            w, np.full(3, g, dtype), mean, square, largest, step=step, learning_rate=0.1
        )
    np.testing.assert_allclose(largest, 0.1, rtol=1e-5)
    assert (square < largest).all()


def test_rules_in_pickles_of_earlier_versions_keep_their_meaning():
    """They are values in order, and fewer than now."""
    rule = UpdateRule("adam", 0.9, 0.999, 1e-8, 0.0, True)
    assert rule == UpdateRule("adam", 0.9, 0.999, 1e-8, epsilon_hat=True)
