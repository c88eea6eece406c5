"""Every gradient of the kernels against central differences, in float64."""

import numpy as np
import pytest
from cases import char_rnn_arguments
from hypothesis import given
from hypothesis import strategies as st

from nncore import registry

EPS, ATOL, RTOL = 1e-6, 1e-5, 1e-3
shapes = st.tuples(st.sampled_from([1, 2, 3, 5]), st.sampled_from([1, 2, 4, 7, 9]))
seeds = st.integers(0, 99)


def numerical_gradient(f, at):
    """(f(x + eps) - f(x - eps)) / 2 eps for each element x of `at`, which f reads."""
    gradient = np.empty(at.shape)
    for index in np.ndindex(at.shape):
        x = at[index]
        at[index] = x + EPS
        above = f()
        at[index] = x - EPS
        below = f()
        at[index] = x
        gradient[index] = (above - below) / (2 * EPS)
    return gradient


def assert_is_gradient(gradient, f, at):
    np.testing.assert_allclose(gradient, numerical_gradient(f, at), rtol=RTOL, atol=ATOL)


def away_from(kink, array, gap=1e-3):
    """Move numbers within `gap` of a kink away, where difference quotients are invalid."""
    near = np.abs(array - kink) < gap
    array[near] += np.where(array[near] < kink, -gap, gap)
    return array


@pytest.mark.parametrize("name", registry.ACTIVATIONS)
@given(shape=shapes, seed=seeds)
def test_activation_backward_is_the_gradient(core, name, shape, seed):
    rng = np.random.default_rng(seed)
    z, dy = 2 * rng.standard_normal(shape), rng.standard_normal(shape)
    row = registry.ACTIVATION_ROW[name]
    for kink in row.kinks:
        z = away_from(kink, z)
    forward, backward = (getattr(core, f"{name}_{way}") for way in ("forward", "backward"))
    dz = backward(dy, z if row.slope_from_input else forward(z))
    assert_is_gradient(dz, lambda: np.vdot(dy, forward(z)), z)


def loss_inputs(name, shape, rng):
    """Predictions and targets away from kinks of the loss and, for probabilities, from 0 and 1."""
    row = registry.LOSS_ROW[name]
    if row.targets == registry.CHANCES and not row.takes_logits:
        return rng.uniform(0.05, 0.95, shape), rng.uniform(0, 1, shape)
    if row.targets == (0, np.inf):
        return rng.standard_normal(shape), rng.poisson(1.0, shape).astype(float)
    target = rng.standard_normal(shape)
    if row.targets:
        target = rng.choice(row.targets, shape)
    d = 2 * rng.standard_normal(shape)
    for kink in (-1, 0, 1):
        d = away_from(kink, d)
    return target + d, target


@pytest.mark.parametrize("name", registry.ELEMENTWISE_LOSSES)
@given(shape=shapes, seed=seeds)
def test_loss_gradient(core, name, shape, seed):
    pred, target = loss_inputs(name, shape, np.random.default_rng(seed))
    loss = getattr(core, name)
    assert_is_gradient(loss(pred, target)[1], lambda: loss(pred, target)[0], pred)


@given(shape=shapes, seed=seeds)
def test_softmax_cross_entropy_gradient(core, shape, seed):
    rng = np.random.default_rng(seed)
    logits, labels = 3 * rng.standard_normal(shape), rng.integers(0, shape[1], shape[0])
    _, dlogits = core.softmax_cross_entropy(logits, labels)
    assert_is_gradient(dlogits, lambda: core.softmax_cross_entropy(logits, labels)[0], logits)


@given(shape=shapes, inputs=st.sampled_from([1, 2, 5, 9]), seed=seeds)
def test_linear_backward_is_the_gradient(core, shape, inputs, seed):
    rng = np.random.default_rng(seed)
    n, o = shape
    x, w, b, dy = (rng.standard_normal(s) for s in ((n, inputs), (inputs, o), (o,), (n, o)))

    def weighted():
        return np.vdot(dy, core.linear_forward(x, w, b))

    for gradient, at in zip(core.linear_backward(dy, x, w), (x, w, b), strict=True):
        assert_is_gradient(gradient, weighted, at)


@given(shape=shapes, seed=seeds)
def test_rnn_step_backward_is_the_gradient(core, shape, seed):
    rng = np.random.default_rng(seed)
    n, h = shape
    xw, before, dh = (rng.standard_normal((n, h)) for _ in range(3))
    whh, bh = rng.standard_normal((h, h)) / h, rng.standard_normal(h)

    def weighted():
        return np.vdot(dh, core.rnn_step_forward(xw, before, whh, bh))

    after = core.rnn_step_forward(xw, before, whh, bh)
    dz, dbefore = core.rnn_step_backward(dh, after, before, whh)
    assert_is_gradient(dz, weighted, xw)
    assert_is_gradient(dbefore, weighted, before)
    assert_is_gradient(before.T @ dz, weighted, whh)
    assert_is_gradient(dz.sum(axis=0), weighted, bh)


@pytest.mark.parametrize(
    "sizes", [(1, 1, 2, 1), (1, 6, 3, 4), (2, 4, 5, 3), (3, 3, 2, 17)], ids=str
)
def test_char_rnn_gradients(core, sizes):
    """Sizes are streams, steps, vocabulary, hidden units."""
    given_ = char_rnn_arguments(np.random.default_rng(1), *sizes, np.float64)
    _, gradients, _ = core.char_rnn_gradients(*given_)
    parameters = dict(zip(("wxh", "whh", "why", "bh", "by"), given_[3:], strict=True))
    assert list(gradients) == list(parameters)
    for name, gradient in gradients.items():
        assert_is_gradient(gradient, lambda: core.char_rnn_gradients(*given_)[0], parameters[name])
