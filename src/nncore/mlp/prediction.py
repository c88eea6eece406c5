"""Prediction and evaluation with a multi-layer perceptron."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from nncore.mlp import data as mlp_data
from nncore.mlp.state import MLPState
from nncore.model import BACKENDS
from nncore.params import Array, views
from nncore.sparse import SparseLike, SparseRows

# One dictionary away: a row's prediction takes no longer than finding the function by its name.
PREDICT: dict[str, Callable[..., Array]] = {name: ops.mlp_predict for name, ops in BACKENDS.items()}


class MLPPrediction(MLPState):
    """A multi-layer perceptron that predicts, without the training and files of `MLP`."""

    def predict(self, X: npt.ArrayLike | SparseLike) -> Array:
        """Outputs (N, O) for inputs X (N, I), of the network's dtype.

        X may be anything that NumPy makes an array of numbers of, or a SciPy sparse matrix or
        array. A row gives the same bits alone and in any batch; one with NaN gives NaN, as numbers
        too large for the network's type may. Raises ValueError for another shape, TypeError if X is
        not numeric.
        """
        try:
            result: Array = PREDICT[self._backend](self._weights, self._layers, X)
        except (TypeError, ValueError):  # not an array as it has to be: make it one, or say so
            array = mlp_data.inputs("X", X, self._sizes[0])
            return self._in_chunks(array, self._layers)
        return result

    def _in_chunks(self, array: Array | SparseRows, layers: Array) -> Array:
        """Outputs of data that has to be converted, a piece at a time."""
        if isinstance(array, SparseRows):
            outputs: Array = self._ops.mlp_predict(self._weights, layers, array)
            return outputs
        result = np.empty((len(array), self._sizes[-1]), self._dtype)
        rows = max(1, mlp_data.CHUNK // self._sizes[0])
        for start in range(0, len(array), rows):
            part = mlp_data.converted(array[start : start + rows], self._dtype)
            result[start : start + rows] = self._ops.mlp_predict(self._weights, layers, part)
        return result

    def predict_class(self, X: npt.ArrayLike | SparseLike) -> Array:
        """Classes (N,): of the largest output, or whether a single one is above its middle.

        The middle is 0.5, and 0 for a single output by tanh or with a hinge loss. Raises
        ValueError for rows whose outputs are NaN, as X has NaN or numbers too large for the
        network's type.
        """
        return self._classes(self.predict(X))

    def _classes(self, outputs: Array) -> Array:
        """Classes (N,) by outputs (N, O)."""
        lost = np.isnan(outputs).any(axis=1)
        if lost.any():
            raise ValueError(
                f"X leads to NaN in row {int(lost.argmax())}, which has no class: X or the "
                f"parameters hold NaN, or numbers that are too large for {self._dtype}"
            )
        if self._sizes[-1] > 1:
            return np.asarray(outputs.argmax(axis=1))
        return np.asarray(outputs[:, 0] > self._middle, np.intp)

    def accuracy(self, X: npt.ArrayLike | SparseLike, Y: npt.ArrayLike) -> float:
        """Share of rows whose class `predict_class` tells.

        Y: labels (N,), or (N, O) with the class's output largest; for a single output 0 and 1,
        by tanh -1 and 1. Raises ValueError for what does not fit, IndexError for labels that are
        no class.
        """
        array = self._finite_rows("X", X)
        wanted = self._classes_of(mlp_data.numeric("Y", Y), len(array))
        return float(np.mean(self.predict_class(array) == wanted))

    def _classes_of(self, y: Array, rows: int) -> Array:
        """The classes that targets stand for."""
        if self._sizes[-1] > 1 and (y.ndim == 1 or y.shape[1:] == (1,)):
            return mlp_data.labels("Y", y, rows, self._sizes[-1])
        y = mlp_data.targets("Y", y, rows, self._sizes[-1], np.dtype(np.float64))
        if self._sizes[-1] > 1:
            return np.asarray(y.argmax(axis=1))
        low = 2 * self._middle - 1  # 0, or -1 by tanh
        strange = (y != low) & (y != 1)
        if strange.any():
            raise ValueError(f"Y has {y[strange][0]:g}; expected {low:g} and 1, the two classes")
        return np.asarray(y[:, 0] > self._middle, np.intp)

    def loss(
        self,
        X: npt.ArrayLike | SparseLike,
        Y: npt.ArrayLike,
        *,
        sample_weight: npt.ArrayLike | None = None,
    ) -> float:
        """The objective: mean loss of the rows plus penalties, without dropout.

        X, Y and sample_weight, and errors, as in `loss_and_gradients`.
        """
        if self._l1 or self._l2:
            return self.loss_and_gradients(X, Y, sample_weight=sample_weight)[0]
        data = self._data(X, Y, sample_weight)
        value: float = self._ops.mlp_evaluate(
            self._weights,
            self._loss_layers,
            mlp_data.converted(data.x, self._dtype),
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
        """The objective and its gradient by every parameter, without dropout.

        X (N, I), which may be a SciPy sparse matrix or array; Y: targets (N, O), or labels (N,)
        for softmax cross-entropy; sample_weight (N,): what each row counts in the mean. Raises
        ValueError or TypeError for what does not fit, IndexError for labels that are no class.
        """
        data = self._data(X, Y, sample_weight)
        objective, gradient = self._ops.mlp_gradients(
            self._weights,
            self._loss_layers,
            mlp_data.converted(data.x, self._dtype),
            data.y,
            loss=self._kernel_loss,
            l1=self._l1,
            l2=self._l2,
            sample_weight=data.weight,
        )
        return objective, views(gradient, self._shapes)
