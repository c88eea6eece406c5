"""One network of a sweep: its training, its score, and its errors."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nncore.model import Model
from nncore.sweeps.settings import Settings


@dataclass(frozen=True)
class Member:
    """One network of a sweep, or the error that prevented it.

    Attributes
    ----------
    index : int
        Position in the settings of the sweep.
    settings : dict
        The arguments of `make`.
    network : MLP, RNN, CharRNN or None
        The trained network; None after an error.
    score : float
        Lower is better; infinite after an error.
    seconds : float
        Time that `make` and `score` took.
    error : str or None
        Type and message of the exception.
    lost : bool
        Whether the worker died or its result was lost, rather than `make` raising. Such a member
        is not kept in the folder, and the next sweep tries it again.
    """

    index: int
    settings: Settings
    network: Any = field(repr=False)
    score: float
    seconds: float
    error: str | None = None
    lost: bool = False


def train_member(
    make: Callable[..., Any], score: Callable[[Any], float] | None, settings: Settings
) -> tuple[Any, float, float, str | None]:
    """Return a network, its score, the seconds and None; or None, infinity, seconds and error.

    It runs in the process of the executor's worker.
    """
    start = time.perf_counter()
    network, found, error = None, math.inf, None
    try:
        network = make(**settings)
        if not isinstance(network, Model):
            kind = type(network).__name__
            raise TypeError(f"make must return an MLP, RNN or CharRNN, got {kind}")
        found = _score(network) if score is None else float(score(network))
        if math.isnan(found):
            raise ValueError("score must not be NaN")
    except (Exception, SystemExit) as raised:
        network, found, error = None, math.inf, f"{type(raised).__name__}: {raised}"
    return network, found, time.perf_counter() - start, error


def _score(network: Any) -> float:
    """Return the score of a network from its history; see `nncore.sweep`."""
    history = network.history
    if not len(history.loss):
        raise ValueError(
            "make must return a trained network unless score is given, got an untrained one"
        )
    bits = getattr(history, "validation_bits_per_char", None)
    if bits is not None:
        return float(bits[-1] if len(bits) else history.loss[-1])
    epoch = history.best_epoch - 1  # whose weights were restored; -1, the last one, otherwise
    held_out = float(history.validation_loss[epoch])
    return held_out if math.isfinite(held_out) else float(history.loss[epoch])
