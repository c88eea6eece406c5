"""The implementations of the recurrent kernels, over which their tests run, and their gradients."""

import numpy as np
import pytest

from nncore import kernels, reference

BACKENDS = [reference, kernels]
EVERY_BACKEND = pytest.mark.parametrize("module", BACKENDS, ids=lambda m: m.__name__)
EPS, RTOL, ATOL = 1e-6, 1e-5, 1e-7


def assert_gradient(gradient, f, at):
    """`gradient` is (f(x + eps) - f(x - eps)) / 2 eps for each x of `at`, which f reads."""
    for index in np.ndindex(at.shape):
        x = at[index]
        at[index] = x + EPS
        above = f()
        at[index] = x - EPS
        below = f()
        at[index] = x
        np.testing.assert_allclose(
            gradient[index], (above - below) / (2 * EPS), rtol=RTOL, atol=ATOL
        )
