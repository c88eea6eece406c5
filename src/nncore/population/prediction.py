"""Prediction with all members of a population, and their answers together."""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt

from nncore.checks import positive_int
from nncore.mlp import data as mlp_data
from nncore.params import Array, padded
from nncore.population import engine
from nncore.population.history import own_epochs
from nncore.population.rows import dense_rows
from nncore.population.state import PopulationState
from nncore.sparse import is_sparse
from nncore.training.epochs import arrays
from nncore.training.epochs.checks import numeric


class PopulationPrediction(PopulationState):
    """A population without the training that `Population` adds."""

    def predict(self, X: npt.ArrayLike) -> Array:
        """Predict the outputs of all members.

        Parameters
        ----------
        X : array-like of shape (N, I) or (M, N, I)
            Rows of inputs: the same for all members, or each member's own.

        Returns
        -------
        ndarray of shape (M, N, O)
            Outputs, of the networks' dtype. Each member's have the bits that `MLP.predict` gives.

        Raises
        ------
        ValueError
            If X has another shape.
        TypeError
            If X is not numeric.
        """
        return engine.predict(self._weights, self._template._layers, self._inputs(X))

    def _inputs(self, X: npt.ArrayLike) -> Array:
        """Return rows (N, I) or (M, N, I) as kernels read them."""
        if is_sparse(X):
            raise TypeError("X must be dense for a population, got a sparse matrix")
        x = numeric("X", X)
        if x.ndim == 3:
            if len(x) != self.size or x.shape[2] != self.layer_sizes[0]:
                raise ValueError(
                    f"X has shape {x.shape}, expected (N, {self.layer_sizes[0]}), or "
                    f"({self.size}, N, {self.layer_sizes[0]}) with rows of each member's own"
                )
        else:
            mlp_data.inputs("X", x, self.layer_sizes[0])
        return arrays.plain(x, self._dtype)

    def mean(self, X: npt.ArrayLike) -> Array:
        """Return the mean of the members' outputs.

        Parameters
        ----------
        X : array-like of shape (N, I)
            Rows of inputs.

        Returns
        -------
        ndarray of shape (N, O)
        """
        return np.asarray(self.predict(X).mean(axis=0))

    def std(self, X: npt.ArrayLike) -> Array:
        """Return the standard deviation of the members' outputs, with divisor M.

        Parameters
        ----------
        X : array-like of shape (N, I)
            Rows of inputs.

        Returns
        -------
        ndarray of shape (N, O)
        """
        return np.asarray(self.predict(X).std(axis=0))

    def quantile(self, X: npt.ArrayLike, q: npt.ArrayLike) -> Array:
        """Return quantiles of the members' outputs, interpolated linearly.

        Parameters
        ----------
        X : array-like of shape (N, I)
            Rows of inputs.
        q : float or array-like of shape (Q,)
            Levels in [0, 1].

        Returns
        -------
        ndarray of shape (N, O), or (Q, N, O) for several levels
        """
        return np.asarray(np.quantile(self.predict(X), np.asarray(q, np.float64), axis=0))

    def loss(
        self, X: npt.ArrayLike, Y: npt.ArrayLike, *, sample_weight: npt.ArrayLike | None = None
    ) -> Array:
        """Return the objective of each member, without dropout: the mean loss plus penalties.

        Parameters
        ----------
        X : array-like of shape (N, I)
            Rows of inputs.
        Y : array-like
            Targets as for `MLP.loss`.
        sample_weight : array-like of shape (N,), optional
            Weights of the rows in the mean.

        Returns
        -------
        ndarray of float64, shape (M,)

        Raises
        ------
        ValueError, TypeError, IndexError
            If X or Y does not fit the networks.
        """
        data = dense_rows(self._template, X, Y, sample_weight)
        losses = self._losses(data, np.arange(self.size))
        net, x = self._template, arrays.converted(data.x, self._dtype)
        for k in np.flatnonzero((self._l1 > 0) | (self._l2 > 0)).tolist():
            losses[k], _ = net._ops.mlp_gradients(
                padded(self._weights[k], self._shapes), net._loss_layers, x, data.y,
                loss=net._kernel_loss, l1=float(self._l1[k]), l2=float(self._l2[k]),
                sample_weight=data.weight,
            )  # fmt: skip
        return losses

    def best(self, count: int, losses: npt.ArrayLike | None = None) -> Self:
        """Return the members with the smallest losses.

        Parameters
        ----------
        count : int
            Number of members.
        losses : array-like of shape (M,), optional
            By default each member's last validation loss or, without validation data, its last
            training loss. Members whose loss is not finite come last.

        Returns
        -------
        Population
            Copies, the best first.

        Raises
        ------
        ValueError
            If there are fewer members, or losses has another length, or is not given before
            training.
        """
        count = positive_int("count", count)
        if count > self.size:
            raise ValueError(f"count is {count}, expected at most {self.size}, the members")
        if losses is None:
            losses = self._last_losses()
        by = numeric("losses", losses).astype(np.float64)
        if by.shape != (self.size,):
            raise ValueError(f"losses has shape {by.shape}, expected ({self.size},)")
        order = np.argsort(np.where(np.isfinite(by), by, np.inf), kind="stable")
        chosen: Self = self._from_networks([self[int(k)] for k in order[:count]])
        return chosen

    def _last_losses(self) -> Array:
        """Return the last recorded loss of each member."""
        history = self.history
        if not history.epochs:
            raise ValueError("losses must be given, as the population is not trained")
        last = [own_epochs(row)[-1:] for row in history.loss]
        validation, loss = (
            np.array(
                [row[at[0]] if len(at) else np.nan for row, at in zip(rows, last, strict=True)]
            )
            for rows in (history.validation_loss, history.loss)
        )
        trained = ~np.isnan(loss)
        return loss if np.isnan(validation[trained]).any() else validation
