"""Windows of a series, and the values that follow them."""

import numpy as np
import pytest

import nncore


@pytest.mark.parametrize("columns", [None, 1, 3])
@pytest.mark.parametrize("size", [1, 4, 9])
@pytest.mark.parametrize("horizon", [1, 2, 5])
@pytest.mark.parametrize("stride", [1, 3, 20])
def test_the_target_of_a_window_is_so_many_steps_after_its_end(columns, size, horizon, stride):
    shape = (25,) if columns is None else (25, columns)
    series = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    X, Y = nncore.windows(series, size, horizon, stride)
    count = (25 - size - horizon) // stride + 1
    assert X.shape == (count, size, columns or 1)
    assert Y.shape == (count, columns or 1)
    rows = series.reshape(25, -1)
    for n in range(count):
        first = n * stride
        np.testing.assert_array_equal(X[n], rows[first : first + size])
        np.testing.assert_array_equal(Y[n], rows[first + size - 1 + horizon])


@pytest.mark.parametrize("shape", [(1000,), (1000, 2)])
@pytest.mark.parametrize("stride", [1, 7])
def test_they_are_read_only_views_of_the_series(shape, stride):
    series = np.zeros(shape, np.float32)
    X, Y = nncore.windows(series, 50, 3, stride)
    assert not X.flags.writeable
    assert not Y.flags.writeable
    assert series.flags.writeable
    series[51:] = 1
    assert X[-1].all()
    assert Y.all()
    assert np.shares_memory(X, series)
    assert np.shares_memory(Y, series)


@pytest.mark.parametrize("length", [0, 1, 5])
def test_a_series_that_is_too_short_is_refused(length):
    with pytest.raises(ValueError, match="series has"):
        nncore.windows(np.zeros(length), 4, 2)
    assert len(nncore.windows(np.zeros(6), 4, 2)[0]) == 1


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((np.zeros((9, 2, 2)), 3), ValueError, r"series has shape \(9, 2, 2\), expected \(T,\) or"),
        ((np.zeros((9, 0)), 3), ValueError, "series has shape"),
        ((1.5, 3), ValueError, "series must be an array"),
        (("text", 3), TypeError, "series must be an array of numbers, got str"),
        (([[1], [2, 3]], 1), ValueError, "series cannot be converted"),
        ((np.zeros(9), 0), ValueError, "size must be at least 1"),
        ((np.zeros(9), 2.0), TypeError, "size must be an integer"),
        ((np.zeros(9), 2, 0), ValueError, "horizon must be at least 1"),
        ((np.zeros(9), 2, 1, -1), ValueError, "stride must be at least 1"),
        ((np.zeros(9), 2**53, 2**53), ValueError, "series has 9 steps, expected at least"),
    ],
)
def test_wrong_arguments_are_refused(arguments, error, text):
    with pytest.raises(error, match=text):
        nncore.windows(*arguments)


def test_a_network_is_trained_on_them():
    series = np.sin(0.4 * np.arange(200))
    X, Y = nncore.windows(series, 10)
    net = nncore.RNN([1, 12, 1], "gru", rng=0)
    net.fit(X, Y, epochs=40, optimizer=nncore.Adam(0.01))
    assert net.loss(X, Y) < 1e-3
    following = np.sin(0.4 * np.arange(200, 210))
    np.testing.assert_allclose(net.forecast(series[-20:, None], 10)[:, 0], following, atol=0.1)
