"""Sparse rows, small networks as their kernels take them, and training of these on those."""

from typing import Any

import numpy as np
import pytest

from nncore import kernels
from nncore.arguments import mlp as mlp_arguments
from nncore.params import aligned_zeros, mlp_shapes, views
from nncore.registry import OPTIMIZER_SLOTS, UpdateRule

scipy_sparse = pytest.importorskip("scipy.sparse")

SOFTMAX = "softmax_cross_entropy"


def sparse(rows: int, columns: int, density: float = 0.15, dtype: Any = np.float64) -> Any:
    matrix = scipy_sparse.random(
        rows, columns, density=density, format="csr", random_state=1, dtype=dtype
    )
    matrix.data -= dtype(0.5)
    return matrix


def network(sizes: tuple[int, ...], dtype: Any, hidden: str = "tanh") -> tuple[Any, Any]:
    layers = mlp_arguments.layer_table(sizes, [hidden] * (len(sizes) - 2) + ["identity"])
    weights = aligned_zeros(mlp_arguments.flat_size(layers), dtype)
    rng = np.random.default_rng(3)
    for array in views(weights, mlp_shapes(sizes)).values():
        array[...] = 0.5 * rng.normal(size=array.shape)
    return layers, weights


# Narrow ones, one vector and more wide, several panels, and one with blocks of columns.
SIZES = [(7, 3), (5, 4, 2), (300, 50, 4), (40, 130, 3), (300, 9, 4, 5), (60, 1, 2)]


def trained(x: Any, rule: UpdateRule, ops: Any = kernels, **keywords: Any) -> list[Any]:
    """Everything that `mlp_train` changes."""
    sizes = (30, 9, 3)
    layers, weights = network(sizes, keywords.pop("dtype", np.float32))
    slots = aligned_zeros((OPTIMIZER_SLOTS[rule.kind], weights.size), weights.dtype)
    gradient, counters = np.zeros_like(weights), np.zeros(4, np.int64)
    losses, penalties, order = np.zeros(23), np.zeros(23), np.zeros(37, np.intp)
    done = ops.mlp_train(
        *(weights, gradient, slots, layers, x, np.arange(37) % 3, order, counters),
        *(np.full(23, 0.01), losses),
        loss=SOFTMAX,
        optimizer=rule,
        epoch_rows=37,
        seed=3,
        penalties=penalties,
        **keywords,
    )
    return [weights, slots, losses, penalties, counters, done]
