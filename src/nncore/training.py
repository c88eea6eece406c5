"""Building blocks of training loops.

The length of compiled calls, the history, the progress bar, callbacks, checkpoints, and the
restoration of parameters when training diverges.

A training loop runs many updates in one compiled call and returns to Python every few
milliseconds, so that Ctrl-C, the progress bar and the callbacks work.
"""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nncore.checks import number
from nncore.files.atomic import check_target
from nncore.files.paths import name_of
from nncore.params import Array

# Intended length of one compiled call. Everything that a call changes is copied and checked
# around it, which takes 4% of 0.01 s at 784-128-10. Ctrl-C discards the call, and does not wait
# for its end.
CALL_SECONDS = 0.03


class CallLength:
    """Number of updates of the next compiled call, chosen from the time that the last one took."""

    def __init__(self, longest: int = 2000, first: int = 1) -> None:
        self.updates = first
        self.longest = longest
        self.started = 0.0

    def start(self) -> None:
        """Start the clock."""
        self.started = time.perf_counter()

    def stop(self, done: int) -> float:
        """Record that `done` updates have run since `start`; return the seconds they took."""
        seconds = time.perf_counter() - self.started
        fitting = done * CALL_SECONDS / max(seconds, 1e-9)
        # At most doubled, as the time of a single short call says little.
        self.updates = max(1, min(int(fitting), 2 * self.updates, self.longest))
        return seconds


@dataclass
class History:
    """Record of the training of a `CharRNN`, extended by every call of `fit`.

    Attributes
    ----------
    seq_length : int
        Time steps of a window (T).
    loss : ndarray (updates,)
        Loss of each update: nats per window, summed over its steps, mean over the streams.
    smooth_loss : ndarray (updates,)
        Exponential running mean of the loss. It starts at ln(V) * seq_length, the loss of
        uniform guessing, and keeps a fraction of 0.999 per 25 characters, as in min-char-rnn.
    validation_iteration : ndarray (validations,)
        Numbers of the updates after which the held-out text was evaluated.
    validation_bits_per_char : ndarray (validations,)
        Loss on the held-out text, in bits per character.
    seconds : float
        Time spent in training, without validation and callbacks.
    """

    seq_length: int
    loss: Array = field(default_factory=lambda: np.empty(0))
    smooth_loss: Array = field(default_factory=lambda: np.empty(0))
    validation_iteration: Array = field(default_factory=lambda: np.empty(0, np.int64))
    validation_bits_per_char: Array = field(default_factory=lambda: np.empty(0))
    seconds: float = 0.0

    @property
    def iterations(self) -> int:
        """Number of updates so far."""
        return len(self.loss)

    @property
    def bits_per_char(self) -> Array:
        """The smoothed loss in bits per character (updates,)."""
        return np.asarray(self.smooth_loss / (self.seq_length * np.log(2)))

    def __repr__(self) -> str:
        if not self.iterations:
            return "<History: no updates yet>"
        text = (
            f"<History: {self.iterations} updates in {self.seconds:.1f} s, "
            f"smoothed loss {self.smooth_loss[-1]:.3f} nats per window "
            f"({self.bits_per_char[-1]:.3f} bits per character)"
        )
        if len(self.validation_bits_per_char):
            text += f", {self.validation_bits_per_char[-1]:.3f} on the held-out text"
        return text + ">"


def smoothed(start: float, losses: Array, keep: float) -> Array:
    """Return s with s[i] = keep * s[i-1] + (1 - keep) * losses[i], where s[-1] is start."""
    mean = start
    result = np.empty(len(losses))
    for i, loss in enumerate(losses):
        mean = keep * mean + (1 - keep) * loss
        result[i] = mean
    return result


class GrowableArray:
    """A float64 array that can be extended in amortised constant time per number."""

    def __init__(self, start: Array) -> None:
        self._room = np.array(start, np.float64)
        self._size = len(start)

    def extend(self, values: Array) -> None:
        """Append numbers."""
        self._put(values, self._size + len(values))

    def _put(self, values: Array | float, size: int) -> None:
        """Extend to `size` numbers with these values."""
        if size > len(self._room):
            room = np.empty(max(1024, 2 * size))
            room[: self._size] = self._room[: self._size]
            self._room = room
        self._room[self._size : size] = values
        self._size = size

    @property
    def size(self) -> int:
        """The current length."""
        return self._size

    def last(self) -> float:
        """Return the last number."""
        return float(self._room[self._size - 1])

    def put(self, at: int, value: float) -> None:
        """Set the number at an index, extending the array with NaN up to it if need be."""
        self.pad(at + 1)
        self._room[at] = value

    def pad(self, size: int) -> None:
        """Extend with NaN to `size` numbers, if there are fewer."""
        if size > self._size:
            self._put(math.nan, size)

    def array(self, size: int) -> Array:
        """Return a copy of the first `size` numbers."""
        return self.last_array(size).copy()

    def last_array(self, size: int) -> Array:
        """Return a view of the first `size` numbers, for the end of a run.

        Copies of millions of epochs would delay Ctrl-C.
        """
        return self._room[: min(size, self._size)]


@dataclass(frozen=True)
class TrainingEvent:
    """State of the training of a `CharRNN`, passed to callbacks a few dozen times per second.

    Attributes
    ----------
    model : CharRNN
        The network in training. Callbacks can sample from it, evaluate, save and copy it.
    iteration : int
        Updates of this run so far.
    iterations : int
        Updates planned for this run.
    smooth_loss : float
        Exponential running mean of the loss, in nats per window.
    bits_per_char : float
        The same in bits per character.
    characters_per_second : float
        Speed of the last compiled call.
    """

    model: Any
    iteration: int
    iterations: int
    smooth_loss: float
    bits_per_char: float
    characters_per_second: float


# A callback that returns True stops the training after this event.
Callback = Callable[[TrainingEvent], object]


def asked_to_stop(callbacks: Sequence[Callable[[Any], object]], event: Any) -> bool:
    """Call all callbacks; return whether one of them returned True."""
    answers = [callback(event) for callback in callbacks]
    return any(isinstance(answer, bool | np.bool_) and answer for answer in answers)


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


class LastGood:
    """Copies of the arrays that training changes, to be restored when it diverges.

    A state counts as good once a loss computed from it is within bounds; until then the good
    state before it is kept as well.
    """

    def __init__(self, arrays: list[Array]) -> None:
        self._arrays = arrays
        self._good = [array.copy() for array in arrays]
        self._candidate, self._spare = self._good, [array.copy() for array in arrays]

    def snapshot(self) -> None:
        """Copy the current state, which is not known to be good yet."""
        for copy, array in zip(self._spare, self._arrays, strict=True):
            copy[...] = array
        self._candidate = self._spare

    def commit(self) -> None:
        """Mark the last snapshot as good."""
        if self._candidate is not self._good:
            self._good, self._spare = self._candidate, self._good

    def restore(self) -> None:
        """Restore the last good state."""
        self._copy(self._good)

    def rollback(self) -> None:
        """Restore the last snapshot, whether it is known to be good or not."""
        self._copy(self._candidate)

    def _copy(self, state: list[Array]) -> None:
        """Write a kept state into the arrays."""
        for array, good in zip(self._arrays, state, strict=True):
            array[...] = good


@contextmanager
def undisturbed() -> Iterator[None]:
    """Postpone Ctrl-C to the end of the block, so that its work is never left half done.

    Every other signal with a Python handler is postponed too, as the handler may raise: that of
    a command for SIGTERM, or of a time limit for SIGALRM. Only the main thread receives signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, Any]] = []
    kept: dict[int, Callable[[int, Any], Any]] = {}
    for which in signal.valid_signals():
        if callable(handler := signal.getsignal(which)):
            kept[which] = handler
    try:
        for each in kept:
            signal.signal(each, lambda *event: came.append(event))
        yield
    finally:
        for each, handler in kept.items():
            signal.signal(each, handler)
        for event in came:
            kept[event[0]](*event)


@contextmanager
def progress_bar(
    show: bool, total: int, unit: str = "char"
) -> Iterator[Callable[[int, dict[str, str]], None]]:
    """Show a bar on stderr with progress, rate, remaining time and figures by name."""
    if not show:
        yield lambda done, figures: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit=unit, unit_scale=unit == "char", mininterval=0.2) as bar:

        def update(done: int, figures: dict[str, str]) -> None:
            """Advance the bar by `done`."""
            bar.set_postfix(figures, refresh=False)
            bar.update(done)

        yield update
