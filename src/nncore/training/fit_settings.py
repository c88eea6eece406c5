"""The settings of a call of `fit` that all networks have."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from nncore.checks import functions, true_or_false
from nncore.training.checkpoints import Checkpoints


class FitSettings:
    """The settings of one call of `fit`, checked."""

    def __init__(
        self,
        callbacks: Sequence[Callable[[Any], object]],
        progress: bool,
        checkpoint: str | os.PathLike[str] | None,
        checkpoint_every: float,
        resume: bool,
    ) -> None:
        self.callbacks = functions("callbacks", callbacks)
        self.progress = true_or_false("progress", progress)
        self.checkpoints = Checkpoints(checkpoint, checkpoint_every)
        self.resume = true_or_false("resume", resume)
