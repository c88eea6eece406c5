"""A network's `coefs_` and `intercepts_` as the kernels take them: one flat vector.

The lists are what counts: users may write into their arrays or replace them, and pickles hold
them alone. While the arrays are the views that were made here, their vector serves as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from typing import Any

import numpy as np

from nncore import kernels
from nncore.arguments.arrays import native
from nncore.params import Array, aligned_zeros, flat_size, mlp_shapes, views
from nncore.registry import ACTIVATIONS
from nncore.sparse import SparseRows, is_sparse, sparse_rows

KERNEL_NAMES = {"logistic": "sigmoid", "exp": "identity"}  # the exponential is taken afterwards


class Flat:
    """Parameters in one vector, and views into it."""

    def __init__(self, coefs: Sequence[Array], intercepts: Sequence[Array], dtype: Any) -> None:
        self.sizes = (len(coefs[0]), *(np.size(b) for b in intercepts))
        shapes = mlp_shapes(self.sizes)
        self.weights = aligned_zeros(flat_size(shapes), dtype)
        arrays = list(views(self.weights, shapes).values())
        self.coefs, self.intercepts = arrays[::2], arrays[1::2]
        for view, array in zip(self.arrays(), chain(coefs, intercepts), strict=True):
            view[...] = array

    def arrays(self) -> Iterator[Array]:
        """All views: the weights, then the biases."""
        return chain(self.coefs, self.intercepts)

    def holds(self, coefs: Sequence[Array], intercepts: Sequence[Array]) -> bool:
        """Are these lists views into this vector?"""
        pairs = zip(self.arrays(), chain(coefs, intercepts), strict=False)
        return len(coefs) == len(self.coefs) and all(mine is given for mine, given in pairs)

    def decaying(self) -> list[slice]:
        """Where in the vector the weights are that the penalty is for: all but biases and gaps."""
        starts = [(w.ctypes.data - self.weights.ctypes.data) // w.itemsize for w in self.coefs]
        return [slice(at, at + w.size) for at, w in zip(starts, self.coefs, strict=True)]

    def layers(self, hidden: str, output: str) -> Array:
        """The layer table of the kernels: inputs, outputs and activation of each."""
        names = [hidden] * (len(self.sizes) - 2) + [output]
        codes = [ACTIVATIONS.index(KERNEL_NAMES.get(name, name)) for name in names]
        return np.array(
            [(*pair, code) for pair, code in zip(pairwise(self.sizes), codes, strict=True)],
            np.int64,
        )


def initial(
    rng: np.random.RandomState, sizes: Sequence[int], activation: str, dtype: Any
) -> tuple[list[Array], list[Array]]:
    """Glorot and Bengio's (2010) uniform weights, and biases of the same range.

    The numbers are drawn as scikit-learn draws them, so that the same seed gives the same start.
    """
    coefs, intercepts = [], []
    for inputs, outputs in pairwise(sizes):
        factor = 2.0 if activation in ("logistic", "sigmoid") else 6.0
        bound = np.sqrt(factor / (inputs + outputs))
        coefs.append(rng.uniform(-bound, bound, (inputs, outputs)).astype(dtype))
        intercepts.append(rng.uniform(-bound, bound, outputs).astype(dtype))
    return coefs, intercepts


def readable(rows: Any, dtype: Any) -> Array | SparseRows:
    """Rows, sparse or not, as the kernels read them: float32 or float64, in order."""
    if is_sparse(rows):
        return sparse_rows("X", rows)
    array = np.asarray(rows)
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(dtype)
    return native(array)


def outputs(weights: Array, layers: Array, X: Any) -> Array:
    """What the last of the layers gives for X (N, I), dense or sparse."""
    return kernels.mlp_predict(weights, layers, readable(X, weights.dtype))
