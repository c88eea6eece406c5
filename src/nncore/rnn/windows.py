"""Windows of a series, to train a network that predicts its next values."""

from __future__ import annotations

import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from nncore.checks import positive_int
from nncore.params import Array
from nncore.training.epochs.checks import numeric


def windows(
    series: npt.ArrayLike, size: int, horizon: int = 1, stride: int = 1
) -> tuple[Array, Array]:
    """Cut a series into windows, and the values that follow them, without a copy.

    Parameters
    ----------
    series : array-like of shape (T,) or (T, I)
        Numbers or vectors, one for each time step.
    size : int
        Number of time steps of a window.
    horizon : int
        Number of steps from the last one of a window to its target; 1 for the next value.
    stride : int
        Number of steps from a window to the next one.

    Returns
    -------
    X : ndarray of shape (N, size, I)
        Window n consists of the steps n * stride to n * stride + size - 1. I is 1 for a series of
        numbers.
    Y : ndarray of shape (N, I)
        The target of window n is step n * stride + size - 1 + horizon.

    Raises
    ------
    ValueError
        If the series has another shape, or no window with its target fits.
    TypeError
        If the series is not numeric, or another argument is not an integer.

    Notes
    -----
    The arrays are read-only views of the series, if it is an array: they take no memory, and show
    later changes of the series. N is (T - size - horizon) // stride + 1.

    Examples
    --------
    >>> import nncore
    >>> X, Y = nncore.windows([1.0, 2.0, 3.0, 4.0, 5.0], 3)
    >>> X[:, :, 0]
    array([[1., 2., 3.],
           [2., 3., 4.]])
    >>> Y[:, 0]
    array([4., 5.])
    """
    array = numeric("series", series)
    if array.ndim > 2 or not array[:1].size:
        raise ValueError(f"series has shape {array.shape}, expected (T,) or (T, I)")
    size, horizon = positive_int("size", size), positive_int("horizon", horizon)
    stride = positive_int("stride", stride)
    if len(array) < size + horizon:
        raise ValueError(
            f"series has {len(array)} steps, expected at least {size + horizon}: size={size} and "
            f"horizon={horizon}"
        )
    steps = array[:, None] if array.ndim == 1 else array
    cut = sliding_window_view(steps[:-horizon], size, axis=0)[::stride]
    targets = steps[size - 1 + horizon :: stride]
    targets.flags.writeable = False
    return cut.transpose(0, 2, 1), targets
