"""Many perceptrons of one architecture, trained side by side in compiled code."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from nncore.checks import number
from nncore.guards import exclusive
from nncore.optimizers import Optimizer
from nncore.params import Array
from nncore.population.event import PopulationEvent
from nncore.population.history import PopulationHistory
from nncore.population.prediction import PopulationPrediction
from nncore.population.rows import (
    PopulationData,
    check_classes,
    dense_rows,
    member_rows,
    member_weights,
    workers,
)
from nncore.population.run import PopulationRun
from nncore.population.state import each_member
from nncore.schedules import Constant
from nncore.training.epochs.settings import EarlyStopping, EpochFitSettings

if TYPE_CHECKING:
    from nncore.mlp.network import MLP
    from nncore.schedules import Schedule


class Population(PopulationPrediction):
    """Many multi-layer perceptrons of one architecture, which are trained side by side.

    Every member has the bits that an `MLP` with its seed and settings has after the same training.
    Small networks are faster together: each is in its own lane of the vector unit, which a single
    network of a few units cannot fill.

    Parameters
    ----------
    layer_sizes, hidden_activation, output_activation, loss, weight_init, dtype
        As for `MLP`, for all members.
    l1, l2 : float or array-like of shape (M,)
        Penalties as for `MLP`: one number for all members, or one for each.
    dropout : float or array-like of shape (M,) or (M, H)
        Dropout rate of all hidden layers, of those of each member, or of each member's H hidden
        layers.
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
        return population

    @classmethod
    def _files(cls) -> ModuleType:
        from nncore.population import file

        return file

    def __repr__(self) -> str:
        layers = "-".join(map(str, self.layer_sizes))
        return (
            f"<Population of {self.size} MLP {layers}, {', '.join(self._template.activations)}, "
            f"{self._template.loss_name}, {self._dtype.name}, {self.history.epochs} epochs>"
        )

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
        sample_weight: npt.ArrayLike | None = None,
        validation_data: Sequence[npt.ArrayLike] | None = None,
        validation_rows: npt.ArrayLike | Sequence[npt.ArrayLike] | None = None,
        early_stopping: EarlyStopping | None = None,
        callbacks: Sequence[Callable[[PopulationEvent], object]] = (),
        progress: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: float = 60.0,
        resume: bool = False,
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
        sample_weight : array-like of shape (N,) or (M, N), optional
            Weights of the rows, the same for all members or for each. They are divided by their
            mean over the rows of the member.
        validation_data : tuple (X, Y) or (X, Y, sample_weight), optional
            Rows that are evaluated after every epoch.
        validation_rows : sequence of M arrays of indices, or array-like of bool (M, N), optional
            Instead of `validation_data`, the rows of X and Y on which each member is evaluated.
        early_stopping : EarlyStopping, optional
            Criterion for stopping each member early. Its best parameters are restored at the end.
        callbacks : sequence of callable
            Called after every epoch with a `PopulationEvent`; one that returns True stops the run,
            which can be resumed. They may change the parameters, but not make them NaN or infinite.
        progress : bool
            Whether to show a progress bar on stderr.
        checkpoint : path, optional
            A file to which the population and the state of the run are saved every
            `checkpoint_every` seconds, at the end and at Ctrl-C. It is replaced only when the new
            one is completely written.
        checkpoint_every : float
            Seconds between two checkpoints, at least 0.
        resume : bool
            Whether to finish the last run of this population, which a callback, an error or Ctrl-C
            ended, possibly before the population was loaded. It ends with the same bits as an
            uninterrupted run. Data and settings must be the same as in that run; callbacks,
            progress, checkpoints and threads may differ, and the epochs are those of the run.
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
            If data or settings do not fit, or a parameter is not finite; with `resume`, if there is
            no interrupted run, or an argument is not that of the run.
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
            callbacks=callbacks,
            progress=progress,
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
            resume=resume,
        )
        if settings.plateau is not None:
            raise TypeError("schedule must be a function of the step, got OnPlateau()")
        data = self._training_data(X, Y, rows, sample_weight)
        held_out = self._template._given_validation(validation_data, 0.0)
        if validation_rows is not None:
            data = self._with_held_rows(data, held_out, validation_rows)
        rates = self._learning_rates(learning_rate, settings.optimizer)
        self._check_parameters()
        PopulationRun(self, data, held_out, settings, rates, workers(threads)).run()
        return self.history

    def _training_data(self, X: Any, Y: Any, rows: Any, sample_weight: Any) -> PopulationData:
        """Return the data of a run, checked, with the rows of each member and their weights."""
        data = dense_rows(self._template, X, Y)
        own, counts = None, np.full(self.size, data.rows)
        if rows is not None:
            own, counts = member_rows("rows", rows, self.size, data.rows)
        if not self.history.epochs:
            check_classes(self._template, data, own, counts)
        weights = member_weights(sample_weight, own, counts, data.rows, self._dtype)
        return PopulationData(data, own, counts, weights)

    def _with_held_rows(self, data: PopulationData, held_out: Any, rows: Any) -> PopulationData:
        """Return the data of a run with the rows on which each member is validated."""
        if held_out is not None:
            raise ValueError("expected validation_data or validation_rows, got both")
        held = member_rows("validation_rows", rows, self.size, data.data.rows)
        return replace(data, held_rows=held)

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
