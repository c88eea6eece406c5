"""The base class of networks that are trained by epochs: parameters, optimizer state, last run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nncore.checks import number
from nncore.model import Model
from nncore.optimizers import Optimizer
from nncore.params import Array, Shapes, aligned_zeros, flat_size
from nncore.randomness import generator_from, generator_state, streams
from nncore.registry import OPTIMIZER_SLOTS
from nncore.training.epochs.data import EpochData
from nncore.training.epochs.history import EpochHistory
from nncore.training.epochs.run_state import EpochRunState
from nncore.training.epochs.settings import EpochFitSettings

if TYPE_CHECKING:
    from nncore.randomness import Seed

ROWS = ("X", "Y", "sample_weight")  # the names of data in errors


class EpochModel(Model):
    """A network that `fit` trains on batches of rows, for a number of epochs.

    A subclass calls `_allocate` in its constructor and sets `history`; it implements `parameters`,
    `_data`, `_evaluate` and `_held_out_accuracy`. Its method `fit` passes the result of `_run_data`
    to a run, whose class derives from `run.EpochRun`.
    """

    history: EpochHistory
    _shapes: Shapes

    def _allocate(self, shapes: Shapes, rng: Seed) -> np.random.Generator:
        """Allocate all that training changes; return the generator for the initial weights."""
        init_rng, self._split_rng, seed_rng = streams(rng, 3)
        self._hash_seed = int(seed_rng.integers(2**63))  # of the rows' order and of dropout
        self._shapes = shapes
        self._weights = aligned_zeros(flat_size(shapes), self._dtype)
        self._gradient = aligned_zeros(self._weights.size, self._dtype)
        self._slots = aligned_zeros((0, self._weights.size), self._dtype)
        self._slots_of = ""  # the rule whose state the slots are
        # Updates, those of this optimizer, rows visited of this epoch, epochs.
        self._counters = np.zeros(4, np.int64)
        self._run: EpochRunState | None = None  # the last run of fit
        return init_rng

    def _set_parameters(self, start: Mapping[str, Array]) -> None:
        """Copy arrays into the parameters; numbers too small for float32 become 0."""
        with np.errstate(all="ignore"):
            for name, array in self.parameters.items():
                array[...] = start[name]

    def _data(
        self, X: Any, Y: Any, sample_weight: Any = None, names: Sequence[str] = ROWS
    ) -> EpochData:
        """Return X, Y and the weights of the rows, checked; errors call them by these names."""
        raise NotImplementedError

    def _evaluate(self, data: Any) -> tuple[float, Array]:
        """Return the mean loss without penalties, and the outputs from which it is computed."""
        raise NotImplementedError

    def _held_out_accuracy(self, outputs: Array, data: Any) -> float | None:
        """Return the fraction of rows classified correctly; None without classes."""
        raise NotImplementedError

    # --- the data of a run --------------------------------------------------------

    def _run_data(
        self,
        settings: EpochFitSettings,
        X: Any,
        Y: Any,
        sample_weight: npt.ArrayLike | None,
        validation_data: Sequence[Any] | None,
        validation_fraction: float,
    ) -> tuple[EpochData, EpochData | None]:
        """Return the data to train on, and the validation data or None, from arguments of `fit`."""
        data = self._data(X, Y, sample_weight)
        fraction = number("validation_fraction", validation_fraction)
        held_out = self._given_validation(validation_data, fraction)
        settings.split_rng = self._split_rng
        if held_out is None and fraction:
            settings.split_rng = self._split_generator(settings)
            data, held_out = data.split(fraction, settings.split_rng)
        return data, held_out

    def _given_validation(
        self, validation_data: Sequence[Any] | None, fraction: float
    ) -> EpochData | None:
        """Return the validation data that the caller passed, checked, or None."""
        if validation_data is None:
            return None
        if fraction:
            raise ValueError("expected validation_data or validation_fraction, got both")
        if not isinstance(validation_data, tuple | list) or len(validation_data) not in (2, 3):
            raise TypeError("validation_data must be (X, Y) or (X, Y, sample_weight)")
        names = tuple(f"validation_data: {name}" for name in ROWS)
        X, Y, weight = (*validation_data, None)[:3]
        return self._data(X, Y, weight, names)

    def _split_generator(self, settings: EpochFitSettings) -> np.random.Generator:
        """Return a generator that draws the rows to hold out, those of a resumed run again."""
        settings.split = generator_state(self._split_rng)
        if settings.resume and self._run and self._run.split:
            settings.split = self._run.split
        return generator_from(settings.split)

    # --- the optimizer ------------------------------------------------------------

    def _slots_for(self, optimizer: Optimizer) -> Array:
        """Return the optimizer's state, a new one unless the last one was of the same kind."""
        kind = optimizer.rule().kind
        if kind == self._slots_of:
            return self._slots
        return aligned_zeros((OPTIMIZER_SLOTS[kind], self._weights.size), self._dtype)

    def _use_optimizer(self, optimizer: Optimizer, slots: Array) -> None:
        """Train with an optimizer and its state, from `_slots_for`."""
        if slots is not self._slots:
            self._slots, self._slots_of = slots, optimizer.rule().kind
            self._counters[1] = 0
