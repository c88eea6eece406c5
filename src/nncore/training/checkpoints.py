"""Checkpoints of a run: when a network is saved, by its method `save`, which `files` completes."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

from nncore.checks import number
from nncore.files.atomic import check_target
from nncore.files.paths import name_of


class Checkpoints:
    """Saves a model at intervals of `every` seconds; without a path it does nothing."""

    def __init__(self, path: str | os.PathLike[str] | None, every: float) -> None:
        if path is not None:
            check_target(path, "checkpoint")
            # Absolute, as a callback can change the working folder.
            path = os.path.abspath(name_of(path))
        self._path = path
        self._every = number("checkpoint_every", every)
        if not self._every >= 0:
            raise ValueError(f"checkpoint_every must be 0 or positive, got {every}")
        self._saved = time.perf_counter()

    @property
    def due(self) -> bool:
        """Whether the interval has passed since the model was last saved."""
        return self._path is not None and time.perf_counter() - self._saved >= self._every

    def save(self, model: Any) -> None:
        """Save the model, due or not, unless a parameter is not finite.

        In that case the next loss reveals the divergence, and the last good parameters are
        restored.
        """
        if self._path is not None and np.isfinite(model._weights).all():
            model.save(self._path)
            self._saved = time.perf_counter()
