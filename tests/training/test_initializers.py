"""Initial weights: checked, whoever draws them; orthogonal ones with the same bits everywhere."""

import hashlib
import os
import subprocess
import sys

import golden
import numpy as np
import pytest

from nncore import MLP, CharRNN, Population, Vocabulary
from nncore.initializers import INITIALIZERS, orthogonal
from nncore.kernels import available_levels

SIZES = [1, 2, 3, 16, 37, 100, 128]
BUILT_START = """
import hashlib
from nncore import CharRNN, Vocabulary
net = CharRNN(100, dtype="float64", vocabulary=Vocabulary("abc"), rng=0)
print(hashlib.sha256(net.parameters["whh"].tobytes()).hexdigest())
"""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", INITIALIZERS)
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (3, 4), (2000, 1), (1, 2000)])
def test_those_with_names_draw_finite_arrays_of_the_right_shapes(name, inputs, outputs, dtype):
    w, b = INITIALIZERS[name](np.random.default_rng(0), inputs, outputs)
    assert (w.shape, b.shape) == ((inputs, outputs), (outputs,))
    for array in (w, b):
        assert array.dtype == np.float64
        assert np.isfinite(array.astype(dtype)).all()


@pytest.mark.parametrize("network", [MLP, Population])
@pytest.mark.parametrize(
    ("w", "says"),
    [(np.full((3, 4), np.nan), "must contain finite numbers"), (np.zeros((1, 4)), "has shape")],
)
def test_what_a_function_under_a_new_name_draws_is_checked(network, w, says, monkeypatch):
    monkeypatch.setitem(INITIALIZERS, "mine", lambda rng, inputs, outputs: (w, np.zeros(4)))
    with pytest.raises(ValueError, match=says):
        network((3, 4), weight_init="mine", rng=1)


@pytest.mark.parametrize("size", SIZES)
def test_it_is_the_orthogonal_factor_that_lapack_gives(size):
    square = np.random.default_rng(size).standard_normal((size, size))
    kept = square.copy()
    q = orthogonal(square)
    np.testing.assert_allclose(q, np.linalg.qr(square)[0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(q.T @ q, np.eye(size), rtol=0, atol=1e-14 * (10 + size))
    assert square.tobytes() == kept.tobytes()


@pytest.mark.parametrize(
    "square",
    [np.eye(4), -np.eye(4), np.triu(np.ones((5, 5))), np.zeros((3, 3)), np.ones((4, 4))],
    ids=["identity", "its negative", "triangular", "zeros", "ones"],
)
def test_columns_that_need_no_reflection(square):
    q = orthogonal(square)
    np.testing.assert_allclose(q.T @ q, np.eye(len(q)), rtol=0, atol=1e-14)
    np.testing.assert_allclose(np.tril(q.T @ square, -1), 0, rtol=0, atol=1e-14)


def test_its_bits_are_the_same_on_every_machine():
    q = orthogonal(golden.numbers((37, 37), 1.0))
    expected = "2e72fb3e8751771dbf523614d6e1686bf91672a5d40db7035caca6effa9809f4"
    assert hashlib.sha256(q.tobytes()).hexdigest() == expected


def test_its_bits_do_not_depend_on_layout_and_alignment():
    square = golden.numbers((20, 20), 1.0)
    shifted = np.empty(401)[1:].reshape(20, 20)
    shifted[...] = square
    for other in (np.asfortranarray(square), shifted, square[::-1][::-1]):
        assert orthogonal(other).tobytes() == orthogonal(square).tobytes()


def disabled_features():
    """The names of NumPy's optional instruction sets."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    return " ".join(name for name in __cpu_dispatch__ if __cpu_features__[name])


@pytest.mark.parametrize(
    "environment",
    [
        {"OPENBLAS_CORETYPE": "Haswell"},
        {"OPENBLAS_CORETYPE": "Prescott"},
        {"OPENBLAS_NUM_THREADS": "1"},
        {"NPY_DISABLE_CPU_FEATURES": disabled_features()},
        {"NNCORE_SIMD": available_levels()[-1]},
    ],
    ids=lambda environment: " ".join(environment.values())[:20],
)
def test_networks_begin_with_the_same_bits_under_any_blas_numpy_and_level(environment):
    def start(**changed):
        command = [sys.executable, "-c", BUILT_START]
        done = subprocess.run(
            command, env=os.environ | changed, check=True, text=True, stdout=subprocess.PIPE
        )
        return done.stdout

    assert start(**environment) == start()


def test_recurrent_weights_start_orthogonal():
    net = CharRNN(24, cell="tanh", dtype="float64", vocabulary=Vocabulary("abc"), rng=1)
    whh = net.parameters["whh"]
    np.testing.assert_allclose(whh @ whh.T, np.eye(24), rtol=0, atol=1e-14)
