"""The flat vector behind a network's `coefs_` and `intercepts_`, which the kernels read.

The two lists are authoritative: users may modify or replace their arrays, and pickles contain
only them. As long as the arrays are views of the vector, no copy is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from typing import Any

import numpy as np

from nncore import kernels
from nncore.arguments.arrays import native
from nncore.arguments.mlp import layer_table
from nncore.params import Array, aligned_zeros, flat_size, mlp_shapes, views
from nncore.sparse import SparseRows, is_sparse, sparse_rows

KERNEL_NAMES = {"logistic": "sigmoid", "exp": "identity"}  # the estimator takes the exponential


class Flat:
    """A network's parameters in one vector, and views of it."""

    def __init__(self, coefs: Sequence[Array], intercepts: Sequence[Array], dtype: Any) -> None:
        self.sizes = (len(coefs[0]), *(np.size(b) for b in intercepts))
        shapes = mlp_shapes(self.sizes)
        self.weights = aligned_zeros(flat_size(shapes), dtype)
        arrays = list(views(self.weights, shapes).values())
        self.coefs, self.intercepts = arrays[::2], arrays[1::2]
        for view, array in zip(self.arrays(), chain(coefs, intercepts), strict=True):
            view[...] = array

    def arrays(self) -> Iterator[Array]:
        """Return all views, first the weights, then the biases."""
        return chain(self.coefs, self.intercepts)

    def holds(self, coefs: Sequence[Array], intercepts: Sequence[Array]) -> bool:
        """Whether these lists are the views of this vector."""
        pairs = zip(self.arrays(), chain(coefs, intercepts), strict=False)
        return len(coefs) == len(self.coefs) and all(mine is given for mine, given in pairs)

    def decaying(self) -> list[slice]:
        """Return the parts of the vector with penalties: the weights, without biases and gaps."""
        starts = [(w.ctypes.data - self.weights.ctypes.data) // w.itemsize for w in self.coefs]
        return [slice(at, at + w.size) for at, w in zip(starts, self.coefs, strict=True)]

    def layers(self, hidden: str, output: str) -> Array:
        """Return the kernels' table of layers: inputs, outputs and activation of each."""
        names = [hidden] * (len(self.sizes) - 2) + [output]
        return layer_table(self.sizes, [KERNEL_NAMES.get(name, name) for name in names])


def initial(
    rng: np.random.RandomState, sizes: Sequence[int], activation: str, dtype: Any
) -> tuple[list[Array], list[Array]]:
    """Return uniform weights of Glorot and Bengio (2010), and biases from the same range.

    The numbers are drawn as in scikit-learn, so that the same seed gives the same weights.
    """
    coefs, intercepts = [], []
    for inputs, outputs in pairwise(sizes):
        factor = 2.0 if activation in ("logistic", "sigmoid") else 6.0
        bound = np.sqrt(factor / (inputs + outputs))
        coefs.append(rng.uniform(-bound, bound, (inputs, outputs)).astype(dtype))
        intercepts.append(rng.uniform(-bound, bound, outputs).astype(dtype))
    return coefs, intercepts


def readable(rows: Any, dtype: Any) -> Array | SparseRows:
    """Return dense or sparse rows as the kernels read them: contiguous, float32 or float64."""
    if is_sparse(rows):
        return sparse_rows("X", rows)
    array = np.asarray(rows)
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(dtype)
    return native(array)


def outputs(weights: Array, layers: Array, X: Any) -> Array:
    """Return the outputs of the last layer for dense or sparse X (N, I)."""
    return kernels.mlp_predict(weights, layers, readable(X, weights.dtype))
