"""A run of `CharRNN.fit`: compiled calls of about 30 ms, and the bookkeeping between them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nncore.char_rnn.state import CharRNNState
from nncore.errors import DivergenceError
from nncore.params import Array
from nncore.schedules import factors, step_sizes
from nncore.training import (
    Callback,
    CallLength,
    Checkpoints,
    GrowableArray,
    LastGood,
    TrainingEvent,
    asked_to_stop,
    progress_bar,
    smoothed,
    undisturbed,
)

# Training has diverged if the loss is this many times that of uniform guessing: smoothed, and of
# a single window, where spikes of a few updates are lower.
DIVERGED = 4.0
RUINED = 100.0


class CharRNNRun:
    """A run of `CharRNN.fit`."""

    def __init__(
        self,
        model: CharRNNState,
        train: Array,
        held_out: Array,
        epoch_length: int,
        callbacks: Sequence[Callback],
        progress: bool,
        checkpoints: Checkpoints,
    ) -> None:
        self.model = model
        self.checkpoints = checkpoints
        self.train = train
        self.held_out = held_out
        self.epoch_length = epoch_length
        self.callbacks = callbacks
        self.progress = progress
        self.window = model.batch_size * model.seq_length  # characters of one update
        self.guess = math.log(model.vocabulary.size) * model.seq_length
        self.keep = 0.999 ** (self.window / 25)  # min-char-rnn's 0.999 for its 25 characters
        history = model.history
        self.losses = GrowableArray(history.loss)
        self.smooth = GrowableArray(history.smooth_loss)
        self.smooth_loss = float(history.smooth_loss[-1]) if history.iterations else self.guess
        self.good = LastGood([model._weights, model._slots, model._state, model._counters])
        self.noted = True  # whether the losses of all updates are recorded
        self.left = False
        # 0, unless the user has replaced the history.
        self.unrecorded = int(model._counters[0]) - history.iterations

    def run(self) -> None:
        """Train until the planned number of updates, a callback, an error or Ctrl-C ends it."""
        planned = int(self.model._run[1])
        call = CallLength()
        stop = False
        with progress_bar(self.progress, (planned - self.model._done()) * self.window) as bar:
            try:
                if self.model._done():  # resumed, possibly after Ctrl-C during a validation
                    self._validate(planned)
                while not stop and (first := self.model._done()) < planned:
                    seconds = self._call(call, first, planned)
                    self.model.history.seconds += seconds
                    self._validate(planned)
                    stop = self._report(self.model._done() - first, seconds, bar)
                    if self.checkpoints.due:
                        self._publish()
                        self.checkpoints.save(self.model)
                self._check_end()
                if self.model._done() == planned:
                    self.model._end_run()
            finally:
                try:
                    self._leave()
                except BaseException:
                    self._leave()  # a signal came before `undisturbed` could postpone it
                    raise

    def _leave(self) -> None:
        """Leave the network and its history consistent; does nothing the second time."""
        with undisturbed():
            if not self.left:
                self.left = True
                if not self.noted:
                    self.good.rollback()  # Ctrl-C discards the call whose losses are not recorded
                self._publish(GrowableArray.last_array)
                self.checkpoints.save(self.model)

    def _call(self, call: CallLength, first: int, planned: int) -> float:
        """Make one compiled call, at most to the end of the epoch; return the seconds it took."""
        model = self.model
        n = min(call.updates, self.epoch_length - first % self.epoch_length, planned - first)
        steps = range(first, first + n)
        rates = step_sizes(model.optimizer.learning_rate, factors(model.schedule, steps, planned))
        losses = np.empty(n)
        before = int(model._counters[0])
        self.good.snapshot()
        self.noted = False
        call.start()
        done = model._train(self.train, rates, losses)
        seconds = call.stop(n)
        smooth = self._extend(losses[:done])
        self.noted = True
        if done and losses[0] <= DIVERGED * self.guess:
            self.good.commit()
        # After every update, not only the last, as calls end elsewhere when a run is resumed.
        high = np.flatnonzero(smooth > DIVERGED * self.guess)
        if len(high):
            self._diverged(before + int(high[0]) + 1, losses[high[0]])
        if done < n:
            self._diverged(before + done, losses[done])
        return seconds

    def _extend(self, losses: Array) -> Array:
        """Record these losses; return the running means after each."""
        smooth = smoothed(self.smooth_loss, losses, self.keep)
        self.losses.extend(losses)
        self.smooth.extend(smooth)
        if len(smooth):
            self.smooth_loss = float(smooth[-1])
        return smooth

    def _check_end(self) -> None:
        """Evaluate the parameters after the last update, of which no loss was computed yet."""
        model = self.model
        loss = model._evaluate(self.train[: model.seq_length + 1]).nats_per_char * model.seq_length
        if not loss <= RUINED * self.guess:
            self._diverged(int(model._counters[0]), loss)

    def _diverged(self, at: int, loss: float) -> None:
        """Restore the last good state and raise DivergenceError."""
        with undisturbed():
            self.good.restore()
        raise DivergenceError(
            f"training diverged at update {at}: the loss is {loss:.4g} nats per window, that of "
            f"uniform guessing {self.guess:.4g}. The parameters of update "
            f"{self.model._counters[0]} were restored. Try a smaller learning rate (it is "
            f"{self.model.optimizer.learning_rate:g}), a smaller clip or clip_norm, or a "
            f"schedule with warm-up"
        )

    def _validate(self, planned: int) -> None:
        """Evaluate the held-out text if an epoch or the run has ended."""
        model, history, done = self.model, self.model.history, self.model._done()
        due = len(self.held_out) and (done % self.epoch_length == 0 or done == planned)
        if not due or model._counters[0] in history.validation_iteration[-1:]:
            return
        bits = model._evaluate(self.held_out).bits_per_char
        iterations = np.append(history.validation_iteration, model._counters[0])
        all_bits = np.append(history.validation_bits_per_char, bits)
        history.validation_iteration = iterations
        history.validation_bits_per_char = all_bits

    def _report(self, done: int, seconds: float, bar: Any) -> bool:
        """Update the bar and call the callbacks; return whether one of them asked to stop."""
        bits = self.smooth_loss / (self.model.seq_length * math.log(2))
        bar(done * self.window, {"loss": f"{self.smooth_loss:.2f}", "bits/char": f"{bits:.3f}"})
        if not self.callbacks:
            return False
        self._publish()
        event = TrainingEvent(
            model=self.model,
            iteration=self.model._done(),
            iterations=int(self.model._run[1]),
            smooth_loss=self.smooth_loss,
            bits_per_char=bits,
            characters_per_second=done * self.window / max(seconds, 1e-9),
        )
        return asked_to_stop(self.callbacks, event)

    def _publish(self, array: Callable[[GrowableArray, int], Array] = GrowableArray.array) -> None:
        """Write the updates that the network has made, and no later ones, to its history."""
        history, updates = self.model.history, int(self.model._counters[0])
        loss, smooth = (array(a, updates - self.unrecorded) for a in (self.losses, self.smooth))
        history.loss, history.smooth_loss = loss, smooth
        seen = history.validation_iteration <= updates
        history.validation_iteration = history.validation_iteration[seen]
        history.validation_bits_per_char = history.validation_bits_per_char[seen]
