"""Products that are computed from copies of blocks have the bits of small products."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nncore import kernels, reference

# (rows, inputs, outputs): several blocks of rows and of depth, odd sizes, columns far apart.
SIZES = [(33, 300, 1100), (70, 513, 601), (1100, 259, 1025), (700, 400, 65), (300, 700, 97)]
FEW = 9  # so narrow a part that its product is not copied


def matrices(shape: tuple[int, int, int], dtype: Any) -> tuple[np.ndarray, ...]:
    rows, inputs, outputs = shape
    rng = np.random.default_rng(sum(shape))
    sizes = [(rows, inputs), (inputs, outputs), (outputs,), (rows, outputs)]
    x, w, b, dy = (rng.standard_normal(size).astype(dtype) for size in sizes)
    return x, w, b, dy


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_forward(shape: tuple[int, int, int], dtype: Any) -> None:
    x, w, b, _ = matrices(shape, dtype)
    y = kernels.linear_forward(x, w, b)
    np.testing.assert_allclose(y, reference.linear_forward(x, w, b), rtol=1e-3, atol=1e-3)
    for row in (0, 1, len(x) // 2, len(x) - 1):
        np.testing.assert_array_equal(y[row], kernels.linear_forward(x[row : row + 1], w, b)[0])
    for part in (slice(FEW), slice(-FEW, None)):
        np.testing.assert_array_equal(
            y[:, part], kernels.linear_forward(x, w[:, part].copy(), b[part])
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_backward(shape: tuple[int, int, int], dtype: Any) -> None:
    x, w, _, dy = matrices(shape, dtype)
    dx, dw, db = kernels.linear_backward(dy, x, w)
    desired = reference.linear_backward(dy, x, w)
    for actual, expected in zip((dx, dw, db), desired, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-3)
    for part in (slice(FEW), slice(-FEW, None)):
        of_outputs = kernels.linear_backward(dy[:, part].copy(), x, w[:, part].copy())[1]
        np.testing.assert_array_equal(dw[:, part], of_outputs)
        of_inputs = kernels.linear_backward(dy, x[:, part].copy(), w[part])
        np.testing.assert_array_equal(dx[:, part], of_inputs[0])
        np.testing.assert_array_equal(dw[part], of_inputs[1])
