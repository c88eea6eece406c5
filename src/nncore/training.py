"""What every training loop needs, but for the loop itself.

How long to stay in compiled code, a history, a progress bar, callbacks, and a way back
when training diverges.

A loop runs many updates in one compiled call and comes up to Python every few
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
from nncore.files.model_file import check_target
from nncore.files.paths import name_of
from nncore.params import Array

# Wanted length of one compiled call. Around each one everything that it changes is copied and
# looked at: 4% of 0.01 s at 784-128-10. Ctrl-C does not wait for its end, but throws it away.
CALL_SECONDS = 0.03


class CallLength:
    """How many updates to ask for in one compiled call, from how long the last one took."""

    def __init__(self, longest: int = 2000, first: int = 1) -> None:
        self.updates = first
        self.longest = longest
        self.started = 0.0

    def start(self) -> None:
        self.started = time.perf_counter()

    def stop(self, done: int) -> float:
        """Note that `done` updates have run since start(); return the seconds they took."""
        seconds = time.perf_counter() - self.started
        fitting = done * CALL_SECONDS / max(seconds, 1e-9)
        # At most doubled: one fast first call is no measurement.
        self.updates = max(1, min(int(fitting), 2 * self.updates, self.longest))
        return seconds


@dataclass
class History:
    """What happened during training: arrays by name, growing as `fit` is called again.

    loss: nats of each window, summed over its steps. smooth_loss: its running mean, from
    ln(V) * seq_length on, which keeps 0.999 of itself every 25 characters (min-char-rnn's
    window). validation_*: after which update, and bits a character on the held-out text.
    """

    seq_length: int
    loss: Array = field(default_factory=lambda: np.empty(0))
    smooth_loss: Array = field(default_factory=lambda: np.empty(0))
    validation_iteration: Array = field(default_factory=lambda: np.empty(0, np.int64))
    validation_bits_per_char: Array = field(default_factory=lambda: np.empty(0))
    seconds: float = 0.0

    @property
    def iterations(self) -> int:
        """Updates so far."""
        return len(self.loss)

    @property
    def bits_per_char(self) -> Array:
        """The smoothed loss in bits a character."""
        return np.asarray(self.smooth_loss / (self.seq_length * np.log(2)))

    def __repr__(self) -> str:
        if not self.iterations:
            return "<History: no updates yet>"
        text = (
            f"<History: {self.iterations} updates in {self.seconds:.1f} s, "
            f"smoothed loss {self.smooth_loss[-1]:.3f} nats a window "
            f"({self.bits_per_char[-1]:.3f} bits a character)"
        )
        if len(self.validation_bits_per_char):
            text += f", {self.validation_bits_per_char[-1]:.3f} bits a character held out"
        return text + ">"


def smoothed(start: float, losses: Array, keep: float) -> Array:
    """s[i] = keep * s[i-1] + (1 - keep) * losses[i], from s[-1] = start."""
    mean = start
    result = np.empty(len(losses))
    for i, loss in enumerate(losses):
        mean = keep * mean + (1 - keep) * loss
        result[i] = mean
    return result


class Growing:
    """A float64 array that grows at its end without copying at every step."""

    def __init__(self, start: Array) -> None:
        self._room = np.array(start, np.float64)
        self._size = len(start)

    def extend(self, values: Array) -> None:
        self._put(values, self._size + len(values))

    def _put(self, values: Array | float, size: int) -> None:
        """Fill up to `size` numbers."""
        if size > len(self._room):
            room = np.empty(max(1024, 2 * size))
            room[: self._size] = self._room[: self._size]
            self._room = room
        self._room[self._size : size] = values
        self._size = size

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return self._size

    def last(self) -> float:
        """The last number."""
        return float(self._room[self._size - 1])

    def put(self, at: int, value: float) -> None:
        """Write one number, with NaN before it where there is nothing yet."""
        self.pad(at + 1)
        self._room[at] = value

    def pad(self, size: int) -> None:
        """Fill up with NaN to `size` numbers."""
        if size > self._size:
            self._put(math.nan, size)

    def array(self, size: int) -> Array:
        """The first `size` numbers, as an array of its own."""
        return self.last_array(size).copy()

    def last_array(self, size: int) -> Array:
        """The same for the end, uncopied: copies of millions of epochs would hold up Ctrl-C."""
        return self._room[: min(size, self._size)]


@dataclass(frozen=True)
class TrainingEvent:
    """What a callback gets to see, a few dozen times a second while it trains."""

    model: Any
    iteration: int  # updates of this run so far
    iterations: int  # updates planned for this run
    smooth_loss: float  # nats a window
    bits_per_char: float
    characters_per_second: float


# A callback that returns True ends the training after this event.
Callback = Callable[[TrainingEvent], object]


def asked_to_stop(callbacks: Sequence[Callable[[Any], object]], event: Any) -> bool:
    """Call all callbacks; did one of them return True?"""
    answers = [callback(event) for callback in callbacks]
    return any(isinstance(answer, bool | np.bool_) and answer for answer in answers)


class Checkpoints:
    """Saves a model every so many seconds; without a path it does nothing."""

    def __init__(self, path: str | os.PathLike[str] | None, every: float) -> None:
        if path is not None:
            check_target(path, "checkpoint")
            # A callback may change the folder that it is relative to.
            path = os.path.abspath(name_of(path))
        self._path = path
        self._every = number("checkpoint_every", every)
        if not self._every >= 0:
            raise ValueError(f"checkpoint_every must be 0 or positive, got {every}")
        self._saved = time.perf_counter()

    @property
    def due(self) -> bool:
        """Have the seconds gone by?"""
        return self._path is not None and time.perf_counter() - self._saved >= self._every

    def save(self, model: Any) -> None:
        """Write the model, whether or not it is due; one that has run off to NaN is not written.

        The next loss will tell so, and put the last good parameters back.
        """
        if self._path is not None and np.isfinite(model._weights).all():
            model.save(self._path)
            self._saved = time.perf_counter()


class LastGood:
    """Copies of the arrays that training changes, to go back to when it diverges.

    A state is good once a loss computed from it was in bounds; until then the good one
    before it is kept.
    """

    def __init__(self, arrays: list[Array]) -> None:
        self._arrays = arrays
        self._good = [array.copy() for array in arrays]
        self._candidate, self._spare = self._good, [array.copy() for array in arrays]

    def confirm(self) -> None:
        """The last state that `mark` saw gave a good loss."""
        if self._candidate is not self._good:
            self._good, self._spare = self._candidate, self._good

    def mark(self) -> None:
        """Remember the state as it is now."""
        for copy, array in zip(self._spare, self._arrays, strict=True):
            copy[...] = array
        self._candidate = self._spare

    def restore(self) -> None:
        """Go back to the last good state."""
        self._copy(self._good)

    def unmark(self) -> None:
        """Go back to the state that `mark` saw, good or not known yet."""
        self._copy(self._candidate)

    def _copy(self, state: list[Array]) -> None:
        for array, good in zip(self._arrays, state, strict=True):
            array[...] = good


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ctrl-C waits for the end of the block: what is put in order here is not left half done.

    So does every other signal for which Python has a handler, as that may raise: a command's for
    SIGTERM, a time limit's for SIGALRM. Only the main thread hears of signals.
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
    """A bar on stderr: how much of the total is done, the rate, time left, named figures."""
    if not show:
        yield lambda done, figures: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit=unit, unit_scale=unit == "char", mininterval=0.2) as bar:

        def update(done: int, figures: dict[str, str]) -> None:
            bar.set_postfix(figures, refresh=False)
            bar.update(done)

        yield update
