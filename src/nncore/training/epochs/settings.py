"""The settings of one call of `fit` by epochs, and the event that is passed to its callbacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nncore.checks import limit, number, positive_int, true_or_false
from nncore.optimizers import Adam, Optimizer, check_optimizer
from nncore.schedules import OnPlateau, Schedule, check_schedule
from nncore.training import FitSettings


@dataclass(frozen=True)
class EarlyStopping:
    """Stop training when the loss no longer decreases, and restore the best parameters.

    The validation loss is used or, without validation data, the training loss. The best parameters
    are restored at the end of every run, including interrupted ones.

    Parameters
    ----------
    patience : int
        Number of epochs without a lower loss after which training stops.
    min_delta : float
        Decrease of the loss that an improvement must exceed, at least 0.
    """

    patience: int = 10
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "patience", positive_int("EarlyStopping: patience", self.patience))
        delta = number("EarlyStopping: min_delta", self.min_delta)
        if not delta >= 0:
            raise ValueError(f"EarlyStopping: min_delta must be 0 or positive, got {delta}")
        object.__setattr__(self, "min_delta", delta)


@dataclass(frozen=True)
class EpochEvent:
    """State of the training of a network, such as an `MLP`, passed to callbacks after every epoch.

    Attributes
    ----------
    model : MLP or RNN
        The network in training. Callbacks can predict with it, evaluate, save and copy it.
    epoch : int
        Epochs of this run so far.
    epochs : int
        Epochs planned for this run.
    loss : float
        Mean objective of the epoch's batches.
    validation_loss : float or None
        Loss of the validation data; None without validation data.
    validation_accuracy : float or None
        Fraction of the validation data classified correctly; None if their targets are not classes.
    rows_per_second : float
        Speed of the last compiled call.
    """

    model: Any
    epoch: int
    epochs: int
    loss: float
    validation_loss: float | None
    validation_accuracy: float | None
    rows_per_second: float


class EpochFitSettings(FitSettings):
    """The settings of one call of `fit` by epochs, checked."""

    split_rng: np.random.Generator  # as held-out rows leave it; set by `fit`

    def __init__(
        self,
        optimizer: Optimizer | None,
        epochs: int,
        batch_size: int,
        shuffle: bool,
        schedule: Schedule | OnPlateau,
        clip: float | None,
        clip_norm: float | None,
        early_stopping: EarlyStopping | None,
        **settings: Any,
    ) -> None:
        self.optimizer = Adam() if optimizer is None else check_optimizer(optimizer)
        self.epochs = positive_int("epochs", epochs)
        self.batch_size = positive_int("batch_size", batch_size)
        self.shuffle = true_or_false("shuffle", shuffle)
        if not isinstance(schedule, OnPlateau):
            check_schedule(schedule)
        self.plateau = schedule if isinstance(schedule, OnPlateau) else None
        self.schedule = None if isinstance(schedule, OnPlateau) else schedule
        self.clip = limit("clip", clip) or 0.0
        self.clip_norm = limit("clip_norm", clip_norm) or 0.0
        if early_stopping is not None and not isinstance(early_stopping, EarlyStopping):
            raise TypeError(
                f"early_stopping must be an EarlyStopping() or None, got {early_stopping!r}"
            )
        self.early_stopping = early_stopping
        super().__init__(**settings)
        self.split: dict[str, Any] | None = None  # see EpochRunState
