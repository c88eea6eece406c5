"""Many perceptrons of one architecture, trained side by side in compiled code."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from nncore.checks import number, positive_int
from nncore.guards import exclusive
from nncore.mlp import data as mlp_data
from nncore.optimizers import Optimizer
from nncore.params import Array
from nncore.population import engine
from nncore.population.history import PopulationHistory
from nncore.population.run import PopulationData, PopulationRun
from nncore.population.state import PopulationState, each_member
from nncore.reference.population import padded
from nncore.schedules import Constant
from nncore.sparse import is_sparse
from nncore.training.epochs import arrays
from nncore.training.epochs.checks import numeric
from nncore.training.epochs.settings import EarlyStopping, EpochFitSettings

if TYPE_CHECKING:
    from nncore.mlp.network import MLP
    from nncore.schedules import Schedule
    from nncore.training.epochs.data import EpochData


class Population(PopulationState):
    """Many multi-layer perceptrons of one architecture, which are trained side by side.

    Every member has the bits that an `MLP` with its seed and settings has after the same training.
    Small networks are faster together: each is in its own lane of the vector unit, which a single
    network of a few units cannot fill.

    Parameters
    ----------
    layer_sizes, hidden_activation, output_activation, loss, weight_init, dtype
        As for `MLP`, for all members. Dropout is not supported.
    l1, l2 : float or array-like of shape (M,)
        Penalties as for `MLP`: one number for all members, or one for each.
    rng : int or sequence of seeds
        The number of members M, whose seeds are then 0 to M - 1; or a seed for each member, as
        `MLP` takes it.

    Attributes
    ----------
    history : PopulationHistory
        Record of the training.

    Examples
    --------
    >>> import numpy as np
    >>> import nncore
    >>> X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> Y = np.array([0, 1, 1, 0])
    >>> nets = nncore.Population(
    ...     [2, 3, 1], "tanh", "sigmoid", "binary_cross_entropy", rng=100)
    >>> history = nets.fit(X, Y, epochs=500, batch_size=4, optimizer=nncore.Adam(0.05))
    >>> learned = ((nets.predict(X)[..., 0] > 0.5) == Y).all(axis=1)
    >>> bool(learned.mean() > 0.5)
    True
    """

    @classmethod
    def of(cls, networks: Iterable[MLP]) -> Self:
        """Return a population of copies of networks.

        Parameters
        ----------
        networks : iterable of MLP
            Networks that agree in layers, activations, loss and dtype, and were trained by the same
            kind of optimizer, if at all.

        Returns
        -------
        Population

        Raises
        ------
        TypeError, ValueError
            If there is none, or one cannot be a member.
        """
        given = list(networks)
        if not given:
            raise ValueError("networks must not be empty")
        population: Self = cls._from_networks(given)
        population._refuse_dropout()
        return population

    def __init__(
        self,
        layer_sizes: Sequence[int],
        hidden_activation: str | Sequence[str] = "relu",
        output_activation: str = "identity",
        loss: str = "squared_error",
        l1: npt.ArrayLike = 0.0,
        l2: npt.ArrayLike = 0.0,
        weight_init: Any = "auto",
        dtype: npt.DTypeLike = "float32",
        *,
        rng: int | Iterable[Any],
    ) -> None:
        super().__init__(
            layer_sizes, hidden_activation, output_activation, loss, l1, l2, 0.0, weight_init,
            dtype, rng=rng,
        )  # fmt: skip
        self._refuse_dropout()

    def _refuse_dropout(self) -> None:
        """Raise ValueError for what members cannot have."""
        if any(self._template.dropout):
            raise ValueError("dropout is not supported in a population")
        if not engine.element_wise(self._template._loss_layers):
            raise ValueError(
                f"a population needs element-wise activations, or softmax outputs with a "
                f"cross-entropy from labels, got {', '.join(self._template.activations)} with "
                f"loss {self._template.loss_name!r}"
            )

    def __repr__(self) -> str:
        layers = "-".join(map(str, self.layer_sizes))
        return (
            f"<Population of {self.size} MLP {layers}, {', '.join(self._template.activations)}, "
            f"{self._template.loss_name}, {self._dtype.name}, {self.history.epochs} epochs>"
        )

    # --- prediction ---------------------------------------------------------------

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
            x = mlp_data.inputs("X", x, self.layer_sizes[0])
        converted: Array = arrays.converted(x, self._dtype)
        if converted.dtype not in (np.float32, np.float64) or not converted.flags.c_contiguous:
            converted = arrays.plain(converted, self._dtype)
        return converted

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
        return np.asarray(np.quantile(self.predict(X), q, axis=0))

    def loss(self, X: npt.ArrayLike, Y: npt.ArrayLike) -> Array:
        """Return the mean loss of the rows for each member, without penalties.

        Parameters
        ----------
        X : array-like of shape (N, I)
            Rows of inputs.
        Y : array-like
            Targets as for `MLP.loss`.

        Returns
        -------
        ndarray of float64, shape (M,)

        Raises
        ------
        ValueError, TypeError, IndexError
            If X or Y does not fit the networks.
        """
        return self._losses(self._rows(X, Y), np.arange(self.size))

    def _losses(self, data: EpochData, members: Array) -> Array:
        """Return the mean loss of some members, with the bits of `MLP.loss`."""
        net = self._template
        x = arrays.converted(data.x, self._dtype)
        losses = [
            net._ops.mlp_evaluate(
                padded(self._weights[k], net._loss_layers),
                net._loss_layers,
                x,
                data.y,
                loss=net._kernel_loss,
                sample_weight=None,
            )[0]
            for k in members.tolist()
        ]
        return np.array(losses)

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
        rows = np.where(np.isnan(history.validation_loss[:, -1:]), history.loss, np.nan)
        watched = history.validation_loss if np.isnan(rows).all() else history.loss
        last = [row[~np.isnan(row)][-1:] for row in watched]
        return np.array([row[0] if len(row) else np.inf for row in last])

    # --- training -----------------------------------------------------------------

    @exclusive
    def fit(
        self,
        X: npt.ArrayLike,
        Y: npt.ArrayLike,
        *,
        optimizer: Optimizer | None = None,
        learning_rate: npt.ArrayLike | None = None,
        epochs: int = 100,
        batch_size: int = 32,
        shuffle: bool = True,
        schedule: Schedule | None = None,
        clip: float | None = None,
        clip_norm: float | None = None,
        rows: npt.ArrayLike | Sequence[npt.ArrayLike] | None = None,
        validation_data: Sequence[npt.ArrayLike] | None = None,
        early_stopping: EarlyStopping | None = None,
        progress: bool = False,
        threads: int | None = 1,
    ) -> PopulationHistory:
        """Train all members on rows of inputs and targets, each as `MLP.fit` trains a network.

        Parameters
        ----------
        X : array-like of shape (N, I)
            Rows of inputs.
        Y : array-like of shape (N, O) or (N,)
            Targets; labels or one-hot rows for softmax cross-entropy.
        optimizer : Optimizer, optional
            By default `Adam()`. Each member has its own state.
        learning_rate : float or array-like of shape (M,), optional
            Learning rates in place of the optimizer's: one for all members, or one for each.
        epochs, batch_size, shuffle, schedule, clip, clip_norm
            As for `MLP.fit`. Each member draws its own orders.
        rows : sequence of M arrays of indices, or array-like of bool of shape (M, N), optional
            The rows that each member is trained on, such as folds or bootstrap samples. By default
            all rows.
        validation_data : tuple (X, Y), optional
            Rows that are evaluated after every epoch.
        early_stopping : EarlyStopping, optional
            Criterion for stopping each member early. Its best parameters are restored at the end.
        progress : bool
            Whether to show a progress bar on stderr.
        threads : int or None
            Number of threads; None for all CPUs that this process may use. The bits do not depend
            on it.

        Returns
        -------
        PopulationHistory
            `Population.history`, extended by this run.

        Raises
        ------
        ValueError, TypeError
            If data or settings do not fit, or a parameter is not finite.
        IndexError
            If a label or a row is out of range.
        RuntimeError
            If another thread is fitting, saving or copying the population.
        KeyboardInterrupt
            At Ctrl-C, which stops between two updates; the population stays usable.

        Notes
        -----
        A member whose objective becomes non-finite stops with the parameters before that update;
        the others go on, and `PopulationHistory.diverged` names it.
        """
        settings = EpochFitSettings(
            optimizer,
            epochs,
            batch_size,
            shuffle,
            Constant() if schedule is None else schedule,
            clip,
            clip_norm,
            early_stopping,
            callbacks=(),
            progress=progress,
            checkpoint=None,
            checkpoint_every=60.0,
            resume=False,
        )
        if settings.plateau is not None:
            raise TypeError("schedule must be a function of the step, got OnPlateau()")
        data = self._rows(X, Y)
        own, counts = member_rows(rows, self.size, data.rows)
        held_out = self._template._given_validation(validation_data, 0.0)
        rates = self._learning_rates(learning_rate, settings.optimizer)
        self._check_parameters()
        run = PopulationRun(
            self, PopulationData(data, own, counts), held_out, settings, rates, workers(threads)
        )
        run.run()
        return self.history

    def _rows(self, X: npt.ArrayLike, Y: npt.ArrayLike) -> EpochData:
        """Return X and Y, checked, as kernels read them."""
        if is_sparse(X):
            raise TypeError("X must be dense for a population, got a sparse matrix")
        data = self._template._data(X, Y)
        (whole,) = data.pieces(self._dtype) if arrays.readable_in_place(data.x) else (None,)
        if whole is None:
            x = arrays.plain(np.asarray(data.x), self._dtype)
            return type(data)(x, data.y, None)
        return whole

    def _learning_rates(self, given: npt.ArrayLike | None, optimizer: Optimizer) -> Array:
        """Return the learning rate of each member."""
        if given is None:
            return np.full(self.size, optimizer.learning_rate)

        def positive(name: str, value: Any) -> float:
            rate = number(name, value)
            if not 0 < rate < float("inf"):
                raise ValueError(f"{name} must be a positive number, got {value}")
            return rate

        return each_member("learning_rate", given, self.size, positive)


def workers(threads: int | None) -> int:
    """Return the number of threads, for None that of the CPUs that this process may use."""
    if threads is not None:
        return positive_int("threads", threads)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def member_rows(rows: Any, members: int, available: int) -> tuple[Array | None, Array]:
    """Return the rows of each member (M, R), or None for all, and how many each has (M,)."""
    if rows is None:
        return None, np.full(members, available)
    given = list(rows)
    if len(given) != members:
        raise ValueError(f"rows has {len(given)} entries, expected {members}, one per member")
    chosen = [_indices(f"rows[{k}]", one, available) for k, one in enumerate(given)]
    counts = np.array([len(one) for one in chosen])
    result = np.zeros((members, int(counts.max(initial=1))), np.intp)
    for into, one in zip(result, chosen, strict=True):
        into[: len(one)] = one
    return result, counts


def _indices(name: str, value: Any, available: int) -> Array:
    """Return the rows of a member as indices, from indices or a mask."""
    array = np.asarray(value)
    if array.ndim != 1 or array.dtype.kind not in "biu":
        raise TypeError(f"{name} must be indices or a mask of bool, got {array.dtype}{array.shape}")
    if array.dtype.kind == "b":
        if len(array) != available:
            raise ValueError(f"{name} has {len(array)} entries, expected {available}, one per row")
        array = np.flatnonzero(array)
    if not len(array):
        raise ValueError(f"{name} is empty, expected at least one row")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= available:
        bad = low if low < 0 else high
        raise IndexError(f"{name} has {bad}, expected 0 to {available - 1}")
    return array.astype(np.intp)
