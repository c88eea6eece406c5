"""Prediction, evaluation and trace of a multi-layer perceptron."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from nncore.mlp import data as mlp_data
from nncore.mlp.state import MLPState
from nncore.mlp.trace import trace
from nncore.model import BACKENDS
from nncore.params import Array, views
from nncore.sparse import SparseLike, SparseRows, is_sparse, sparse_rows
from nncore.trace import Trace
from nncore.training.epochs import arrays
from nncore.training.epochs.checks import numeric

# One dictionary away: a row's prediction takes no longer than finding the function by its name.
PREDICT: dict[str, Callable[..., Array]] = {name: ops.mlp_predict for name, ops in BACKENDS.items()}


class MLPPrediction(MLPState):
    """A multi-layer perceptron without the training and files that `MLP` adds."""

    def predict(self, X: npt.ArrayLike | SparseLike) -> Array:
        """Predict the outputs for rows of inputs.

        Parameters
        ----------
        X : array-like or SciPy sparse matrix of shape (N, I)
            Rows of inputs.

        Returns
        -------
        ndarray of shape (N, O)
            Outputs, of the network's dtype. A row has the same outputs, bit for bit, alone and in
            any batch.

        Raises
        ------
        ValueError
            If X has another shape.
        TypeError
            If X is not numeric.

        Notes
        -----
        A row with NaN gives NaN; a row with numbers too large for the network's dtype can give NaN.
        """
        try:
            result: Array = PREDICT[self._backend](self._weights, self._layers, X)
        except (TypeError, ValueError):  # X has to be converted, or is refused below
            array = mlp_data.inputs("X", X, self._sizes[0])
            return self._in_chunks(array, self._layers)
        return result

    def _in_chunks(self, array: Array | SparseRows, layers: Array) -> Array:
        """Return outputs for data that has to be converted, a few rows at a time."""
        if isinstance(array, SparseRows):
            outputs: Array = self._ops.mlp_predict(self._weights, layers, array)
            return outputs
        result = np.empty((len(array), self._sizes[-1]), self._dtype)
        rows = max(1, arrays.CHUNK // self._sizes[0])
        for start in range(0, len(array), rows):
            part = arrays.converted(array[start : start + rows], self._dtype)
            result[start : start + rows] = self._ops.mlp_predict(self._weights, layers, part)
        return result

    def predict_class(self, X: npt.ArrayLike | SparseLike) -> Array:
        """Predict the classes of rows of inputs.

        Parameters
        ----------
        X : array-like or SciPy sparse matrix of shape (N, I)
            Rows of inputs.

        Returns
        -------
        ndarray of int of shape (N,)
            The index of the largest output. For a single output, 1 if it is above 0.5, or above 0
            with a tanh output or a hinge loss, and 0 otherwise.

        Raises
        ------
        ValueError, TypeError
            As in `predict`; also if an output is NaN, because X has NaN or numbers too large for
            the network's dtype.
        """
        return self._classes(self.predict(X))

    def accuracy(self, X: npt.ArrayLike | SparseLike, Y: npt.ArrayLike) -> float:
        """Return the fraction of rows classified correctly by `predict_class`.

        Parameters
        ----------
        X : array-like or SciPy sparse matrix of shape (N, I)
            Rows of inputs.
        Y : array-like of shape (N,) or (N, O)
            Labels, or rows with the largest entry in the column of the class. For a single output,
            the classes are 0 and 1, or -1 and 1 with a tanh output or a hinge loss.

        Returns
        -------
        float

        Raises
        ------
        ValueError, TypeError
            If X or Y does not fit the network.
        IndexError
            If a label is outside 0..O-1.
        """
        array = self._finite_rows("X", X)
        expected = self._classes_of(Y, len(array))
        return float(np.mean(self.predict_class(array) == expected))

    def loss(
        self,
        X: npt.ArrayLike | SparseLike,
        Y: npt.ArrayLike,
        *,
        sample_weight: npt.ArrayLike | None = None,
    ) -> float:
        """Return the objective, without dropout: the mean loss of the rows plus penalties.

        Parameters
        ----------
        X, Y, sample_weight
            As for `loss_and_gradients`.

        Returns
        -------
        float

        Raises
        ------
        ValueError, TypeError, IndexError
            As in `loss_and_gradients`.
        """
        if self._l1 or self._l2:
            return self.loss_and_gradients(X, Y, sample_weight=sample_weight)[0]
        data = self._data(X, Y, sample_weight)
        value: float = self._ops.mlp_evaluate(
            self._weights,
            self._loss_layers,
            arrays.converted(data.x, self._dtype),
            data.y,
            loss=self._kernel_loss,
            sample_weight=data.weight,
        )[0]
        return value

    def loss_and_gradients(
        self,
        X: npt.ArrayLike | SparseLike,
        Y: npt.ArrayLike,
        *,
        sample_weight: npt.ArrayLike | None = None,
    ) -> tuple[float, dict[str, Array]]:
        """Return the objective and its gradients with respect to all parameters, without dropout.

        Parameters
        ----------
        X : array-like or SciPy sparse matrix of shape (N, I)
            Rows of inputs.
        Y : array-like of shape (N, O) or (N,)
            Targets; labels or one-hot rows for softmax cross-entropy.
        sample_weight : array-like of shape (N,), optional
            Weights of the rows in the mean.

        Returns
        -------
        objective : float
            The mean loss of the rows plus penalties.
        gradients : dict of str to ndarray
            Gradients under the names of `parameters`.

        Raises
        ------
        ValueError, TypeError
            If X, Y or sample_weight does not fit the network, or is not finite.
        IndexError
            If a label is outside 0..O-1.
        """
        data = self._data(X, Y, sample_weight)
        objective, gradient = self._ops.mlp_gradients(
            self._weights,
            self._loss_layers,
            arrays.converted(data.x, self._dtype),
            data.y,
            loss=self._kernel_loss,
            l1=self._l1,
            l2=self._l2,
            sample_weight=data.weight,
        )
        return objective, views(gradient, self._shapes)

    def trace(self, x: npt.ArrayLike | SparseLike, y: npt.ArrayLike) -> Trace:
        """Return every intermediate result of one forward and backward pass, by name.

        Parameters
        ----------
        x : array-like or SciPy sparse matrix of shape (N, I), or array-like of shape (I,)
            Rows of inputs, or a single row.
        y : array-like
            Their targets, as for `loss`.

        Returns
        -------
        Trace
            x, z1, a1, ..., loss, and the gradients of the objective da2, dz2, dw2, db2, da1, ...

        Raises
        ------
        ValueError, TypeError, IndexError
            As in `loss`.
        """
        rows = sparse_rows("X", x).toarray() if is_sparse(x) else numeric("X", x)
        single = rows.ndim == 1
        if single and y is not None:
            y = np.asarray(y)[None]
        data = self._data(rows[None] if single else rows, y)
        return trace(self, arrays.converted(data.x, self._dtype), data.y)
