"""The settings of a `CharRNN`, checked when they are passed and when they are changed."""

from __future__ import annotations

from typing import Any, Literal

import numpy.typing as npt

from nncore.arguments.recurrent import cell_name, layer_count
from nncore.char_rnn.text import Vocabulary, VocabularyKind
from nncore.checks import limit, number, one_of, positive_int
from nncore.model import Backend, Model
from nncore.optimizers import AdamW, Optimizer, check_optimizer
from nncore.registry import CELL_ROW, OPTIMIZER_SLOTS
from nncore.schedules import CosineDecay, Schedule, check_schedule

WeightInit = Literal["scaled", "small"]
DEFAULT_SCHEDULE = CosineDecay(final=0.01)
WEIGHT_DECAY = 0.08


class CharRNNSettings(Model):
    """The settings of a `CharRNN`; those on which its arrays depend are read-only."""

    def __init__(
        self,
        hidden_size: int,
        seq_length: int,
        batch_size: int,
        optimizer: Optimizer | None,
        cell: str,
        layers: int,
        dropout: float,
        schedule: Schedule,
        clip: float | None,
        clip_norm: float | None,
        weight_init: WeightInit,
        vocabulary: Vocabulary | VocabularyKind,
        dtype: npt.DTypeLike,
        backend: Backend,
    ) -> None:
        super().__init__(dtype, backend)
        self._hidden_size = positive_int("hidden_size", hidden_size)
        self._seq_length = positive_int("seq_length", seq_length)
        self._batch_size = positive_int("batch_size", batch_size)
        self._cell, self._depth = cell_name(cell), layer_count(layers)
        self._dropout = _dropout(dropout, self._depth)
        self._state_vectors: int | None = None  # of the optimizer; None before there are weights
        self.optimizer = _default_optimizer(cell, hidden_size) if optimizer is None else optimizer
        self.schedule = schedule
        self.clip = clip
        self.clip_norm = clip_norm
        self._weight_init: WeightInit = one_of("weight_init", weight_init, ("scaled", "small"))
        if not isinstance(vocabulary, str | Vocabulary):
            raise TypeError(
                f"vocabulary must be 'characters', 'bytes' or a Vocabulary, "
                f"got {type(vocabulary).__name__}"
            )
        if isinstance(vocabulary, str):
            vocabulary = one_of("vocabulary", vocabulary, ("characters", "bytes"))
        self._asked_vocabulary = vocabulary

    @property
    def hidden_size(self) -> int:
        """Number of units of each recurrent layer (H)."""
        return self._hidden_size

    @property
    def seq_length(self) -> int:
        """Number of time steps of a window (T)."""
        return self._seq_length

    @property
    def batch_size(self) -> int:
        """Number of parallel streams (N)."""
        return self._batch_size

    @property
    def cell(self) -> str:
        """The cell of the recurrent layers, "tanh", "lstm" or "gru"."""
        return self._cell

    @property
    def layers(self) -> int:
        """Number of recurrent layers (L)."""
        return self._depth

    @property
    def dropout(self) -> float:
        """Fraction of the outputs of each layer but the last that training sets to 0."""
        return self._dropout

    @property
    def _state_size(self) -> int:
        """Number of columns of the states of all layers (S)."""
        return self._depth * CELL_ROW[self._cell].states * self._hidden_size

    @property
    def _stack(self) -> dict[str, Any]:
        """The cell and the number of layers, as the kernels take them."""
        return {"cell": self._cell, "layers": self._depth}

    @property
    def weight_init(self) -> WeightInit:
        """The distribution of the initial weights, "scaled" or "small"."""
        return self._weight_init

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer. With weights, a new one must have the same number of state vectors."""
        return self._optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Optimizer) -> None:
        check_optimizer(optimizer)
        expected, keeps = self._state_vectors, OPTIMIZER_SLOTS[optimizer.rule().kind]
        if expected not in (None, keeps):
            raise ValueError(
                f"optimizer must keep {expected} state vector(s), as the one that this network was "
                f"built with, got {type(optimizer).__name__}, which keeps {keeps}: make a new "
                f"network"
            )
        self._optimizer = optimizer

    @property
    def schedule(self) -> Schedule:
        """Factor on the optimizer's learning rate, as schedule(step, total)."""
        return self._schedule

    @schedule.setter
    def schedule(self, schedule: Schedule) -> None:
        check_schedule(schedule)
        self._schedule = schedule

    @property
    def clip(self) -> float | None:
        """Limit of the absolute value of each gradient; None for no limit."""
        return self._clip

    @clip.setter
    def clip(self, clip: float | None) -> None:
        self._clip = limit("clip", clip)

    @property
    def clip_norm(self) -> float | None:
        """Limit of the Euclidean norm of all gradients together; None for no limit."""
        return self._clip_norm

    @clip_norm.setter
    def clip_norm(self, clip_norm: float | None) -> None:
        self._clip_norm = limit("clip_norm", clip_norm)


def _dropout(value: object, layers: int) -> float:
    """Return a dropout rate; ValueError for one that no layer would apply."""
    rate = number("dropout", value)
    if not 0 <= rate < 1:
        raise ValueError(f"dropout must be in [0, 1), got {value}")
    if rate and layers == 1:
        raise ValueError(f"dropout must be 0 with layers=1, as it acts between layers, got {value}")
    return rate


def _default_optimizer(cell: str, hidden_size: int) -> Optimizer:
    """Return the optimizer that was best on held-out text, as docs/char_rnn_defaults.md shows.

    Weight decay keeps long training from fitting the text too closely.
    """
    rate = min(0.015, 2 / hidden_size) if CELL_ROW[cell].gates > 1 else min(0.01, 1 / hidden_size)
    return AdamW(rate, weight_decay=WEIGHT_DECAY)
