"""One time step of LSTM and GRU: their formulas unit by unit, and their gradients."""

import math

import numpy as np
import pytest
from backends import EVERY_BACKEND, assert_gradient
from calls import copied
from hypothesis import given
from hypothesis import strategies as st
from recurrent_arguments import MAKERS, gru_arguments, lstm_arguments

shapes = st.tuples(st.integers(1, 4), st.sampled_from([1, 2, 3, 5, 9]))
seeds = st.integers(0, 99)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def lstm_unit(sums, c_prev):
    i, f, g, o = sigmoid(sums[0]), sigmoid(sums[1]), math.tanh(sums[2]), sigmoid(sums[3])
    c = f * c_prev + i * g
    return o * math.tanh(c), c


@EVERY_BACKEND
@given(shape=shapes, seed=seeds)
def test_lstm_is_its_formula_for_each_unit(module, shape, seed):
    rng = np.random.default_rng(seed)
    n, units = shape
    xw, h_prev, c_prev, whh, bh = lstm_arguments(rng, n, units, np.float64)
    h, c, _ = module.lstm_step_forward(xw, h_prev, c_prev, whh, bh)
    for row in range(n):
        for j in range(units):
            sums = [
                xw[row, k] + bh[k] + sum(h_prev[row, m] * whh[m, k] for m in range(units))
                for k in range(j, 4 * units, units)
            ]
            expected = lstm_unit(sums, c_prev[row, j])
            np.testing.assert_allclose((h[row, j], c[row, j]), expected, rtol=1e-10, atol=1e-12)


def gru_unit(inputs, products, h_prev):
    r, z = (sigmoid(inputs[k] + products[k]) for k in range(2))
    n = math.tanh(inputs[2] + r * products[2])
    return n + z * (h_prev - n)


@EVERY_BACKEND
@given(shape=shapes, seed=seeds)
def test_gru_is_its_formula_for_each_unit(module, shape, seed):
    rng = np.random.default_rng(seed)
    n, units = shape
    xw, h_prev, whh, bh, bn = gru_arguments(rng, n, units, np.float64)
    h, _, recurrent = module.gru_step_forward(xw, h_prev, whh, bh, bn)
    for row in range(n):
        for j in range(units):
            columns = range(j, 3 * units, units)
            products = [sum(h_prev[row, m] * whh[m, k] for m in range(units)) for k in columns]
            products[2] += bn[j]
            expected = gru_unit([xw[row, k] + bh[k] for k in columns], products, h_prev[row, j])
            np.testing.assert_allclose(h[row, j], expected, rtol=1e-10, atol=1e-12)
            np.testing.assert_allclose(recurrent[row, j], products[2], rtol=1e-10, atol=1e-12)


@EVERY_BACKEND
@given(shape=shapes, seed=seeds)
def test_lstm_step_backward_is_the_gradient(module, shape, seed):
    rng = np.random.default_rng(seed)
    arguments = xw, h_prev, c_prev, whh, bh = lstm_arguments(rng, *shape, np.float64)
    dh, dc = rng.standard_normal((2, *shape))

    def weighted():
        h, c, _ = module.lstm_step_forward(*arguments)
        return np.vdot(dh, h) + np.vdot(dc, c)

    _, c, gates = module.lstm_step_forward(*arguments)
    dz, dh_prev, dc_prev = module.lstm_step_backward(dh, dc, c_prev, c, gates, whh)
    for gradient, at in (
        (dz, xw),
        (dh_prev, h_prev),
        (dc_prev, c_prev),
        (h_prev.T @ dz, whh),
        (dz.sum(axis=0), bh),
    ):
        assert_gradient(gradient, weighted, at)


@EVERY_BACKEND
@given(shape=shapes, seed=seeds)
def test_gru_step_backward_is_the_gradient(module, shape, seed):
    rng = np.random.default_rng(seed)
    arguments = xw, h_prev, whh, bh, bn = gru_arguments(rng, *shape, np.float64)
    dh = rng.standard_normal(shape)

    def weighted():
        return np.vdot(dh, module.gru_step_forward(*arguments)[0])

    _, gates, recurrent = module.gru_step_forward(*arguments)
    dz, drecurrent, dh_prev = module.gru_step_backward(dh, h_prev, gates, recurrent, whh)
    du = np.hstack((dz[:, : -shape[1]], drecurrent))
    for gradient, at in (
        (dz, xw),
        (dh_prev, h_prev),
        (h_prev.T @ du, whh),
        (dz.sum(axis=0), bh),
        (drecurrent.sum(axis=0), bn),
    ):
        assert_gradient(gradient, weighted, at)


EVERY_KERNEL = pytest.mark.parametrize("kernel", MAKERS)


@EVERY_BACKEND
@EVERY_KERNEL
@pytest.mark.parametrize("size", [(0, 3), (3, 0), (2, 1), (5, 17)], ids=str)
def test_results_are_new_arrays_of_the_dtype_given(module, kernel, dtype, size):
    arguments = MAKERS[kernel](np.random.default_rng(0), *size, dtype)
    given_ = copied(arguments)
    for array in getattr(module, kernel)(*given_):
        assert type(array) is np.ndarray
        assert array.dtype == dtype
        assert array.shape[0] == size[0]
        assert not any(np.shares_memory(array, a) for a in given_)
    for array, before in zip(given_, arguments, strict=True):
        assert array.tobytes() == before.tobytes()


@EVERY_BACKEND
@EVERY_KERNEL
def test_gates_of_another_width_are_refused(module, kernel, dtype):
    arguments = MAKERS[kernel](np.random.default_rng(0), 3, 4, dtype)
    for wrong in (7, 8):
        cut = [a[..., :wrong] if a.shape[-1] > 4 else a for a in arguments]
        with pytest.raises(ValueError, match=rf"has shape \(.*{wrong},?\), expected 1[26] columns"):
            getattr(module, kernel)(*cut)


@EVERY_BACKEND
@EVERY_KERNEL
def test_every_argument_is_checked(module, kernel, dtype):
    arguments = MAKERS[kernel](np.random.default_rng(0), 3, 4, dtype)
    other = np.float64 if dtype == np.float32 else np.float32
    for k in range(len(arguments)):
        for bad, error in (
            (arguments[k].tolist(), TypeError),
            (arguments[k].astype(other), TypeError),
            (arguments[k][None], ValueError),
            (arguments[k][:-1], ValueError),
        ):
            with pytest.raises(error, match=r"must|expected"):
                getattr(module, kernel)(*arguments[:k], bad, *arguments[k + 1 :])


@EVERY_BACKEND
def test_a_saturated_lstm_keeps_its_cell_states(module, dtype):
    """With open forget gates and closed input gates, states and gradients pass unchanged."""
    whh, c_prev = np.zeros((3, 12), dtype), np.array([[-0.5, 0.25, 0.75]], dtype)
    bh = np.repeat(np.array([-200, 200, 0, 200], dtype), 3)
    h, c, gates = module.lstm_step_forward(np.zeros((1, 12), dtype), 0 * c_prev, c_prev, whh, bh)
    np.testing.assert_array_equal(c, c_prev)
    np.testing.assert_allclose(h, np.tanh(c_prev), rtol=1e-6)
    dc = np.array([[1, -2, 3]], dtype)
    _, _, dc_prev = module.lstm_step_backward(0 * dc, dc, c_prev, c, gates, whh)
    np.testing.assert_array_equal(dc_prev, dc)


@EVERY_BACKEND
def test_a_saturated_gru_keeps_its_states(module, dtype):
    whh, h_prev = np.zeros((3, 9), dtype), np.array([[-0.5, 0.25, 0.75]], dtype)
    bh = np.repeat(np.array([0, 200, 0], dtype), 3)
    h, gates, recurrent = module.gru_step_forward(
        np.ones((1, 9), dtype), h_prev, whh, bh, np.ones(3, dtype)
    )
    np.testing.assert_array_equal(h, h_prev)
    dh = np.array([[1, -2, 3]], dtype)
    _, _, dh_prev = module.gru_step_backward(dh, h_prev, gates, recurrent, whh)
    np.testing.assert_array_equal(dh_prev, dh)
