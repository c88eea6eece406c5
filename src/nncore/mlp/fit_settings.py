"""The settings of one call of `MLP.fit`, and what its callbacks get to see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nncore.checks import limit, number, positive_int, true_or_false
from nncore.optimizers import Adam, Optimizer, check_optimizer
from nncore.schedules import OnPlateau, Schedule, check_schedule
from nncore.training import FitSettings


@dataclass(frozen=True)
class EarlyStopping:
    """End training after `patience` epochs without a loss lower by more than min_delta.

    The loss is that of the validation data, or of training where there is none. The best
    parameters are put back at the end of every run, also when it is broken off.
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
    """What a callback gets to see after every epoch."""

    model: Any
    epoch: int  # epochs of this run so far
    epochs: int  # epochs planned for this run
    loss: float  # mean objective of the epoch's batches
    validation_loss: float | None
    validation_accuracy: float | None
    rows_per_second: float


class MLPFitSettings(FitSettings):
    """The settings of one call of `fit`, checked."""

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
        self.split: dict[str, Any] | None = None  # see RunState
