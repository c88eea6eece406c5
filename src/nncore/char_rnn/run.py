"""A run of `CharRNN.fit`: compiled calls of about 30 ms, and the bookkeeping between them."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np

from nncore.char_rnn.data import Data, epoch_length
from nncore.char_rnn.fit_settings import CharRNNFitSettings, TrainingEvent
from nncore.char_rnn.history import CharRNNRunState, smoothed
from nncore.char_rnn.state import CharRNNState
from nncore.errors import DivergenceError
from nncore.params import Array
from nncore.schedules import factors, step_sizes
from nncore.training import (
    Bar,
    CallLength,
    GrowableArray,
    LastGood,
    NetworkRun,
    asked_to_stop,
    different_data,
    progress_bar,
    unfinished,
)

# Training has diverged if the loss is this many times that of uniform guessing: smoothed, and of
# a single window, where spikes of a few updates are lower.
DIVERGED = 4.0
RUINED = 100.0


class CharRNNRun(NetworkRun):
    """A run of `CharRNN.fit`."""

    model: CharRNNState
    settings: CharRNNFitSettings
    state: CharRNNRunState

    def __init__(self, model: CharRNNState, data: Data, settings: CharRNNFitSettings) -> None:
        super().__init__(model, settings)
        self.train, self.held_out = data.train, data.held_out
        self.epoch_length = epoch_length(model, len(data.train))
        self.fingerprint = data.fingerprint()
        known = (self.fingerprint, data.old_fingerprint())
        self.same_text = model._run is not None and model._run.fingerprint in known
        self.state = self._resumed() if settings.resume else self._planned()
        self.updates_before = int(model._counters[0]) - self.state.done
        self.window = model.batch_size * model.seq_length  # characters of one update
        self.guess = math.log(model.vocabulary.size) * model.seq_length
        self.keep = 0.999 ** (self.window / 25)  # min-char-rnn's 0.999 for its 25 characters
        history = model.history
        self.losses = GrowableArray(history.loss)
        self.smooth = GrowableArray(history.smooth_loss)
        self.smooth_loss = float(history.smooth_loss[-1]) if history.iterations else self.guess
        # 0, unless the user has replaced the history.
        self.unrecorded = int(model._counters[0]) - history.iterations
        self.good = LastGood([model._weights, model._slots, model._state, model._counters])
        self.call = CallLength()

    def _planned(self) -> CharRNNRunState:
        """Return the state of a new run."""
        planned = self.settings.planned(self.epoch_length)
        return CharRNNRunState(planned=planned, fingerprint=self.fingerprint)

    def _resumed(self) -> CharRNNRunState:
        """Return the state in which the interrupted run was left."""
        state = unfinished(self.model._run)
        if not self.same_text:
            raise different_data("text and validation_fraction")
        return state

    def _begin(self) -> None:
        self.state.fingerprint = self.fingerprint  # that of an old file may be of another form
        if not self.same_text:  # go to the start of a text that is new
            self.model._counters[1] = 0
            self.model._state[...] = 0

    def _progress_bar(self) -> AbstractContextManager[Bar]:
        return progress_bar(self.settings.progress, self._updates_left() * self.window)

    def _resume(self) -> bool:
        if self.state.done:  # resumed, possibly after Ctrl-C during a validation
            self._validate()
        return False

    def _step(self, bar: Bar) -> bool:
        first = self.state.done
        seconds = self._call(first)
        self.model.history.seconds += seconds
        self._validate()
        return self._report(self.state.done - first, seconds, bar)

    def _end(self) -> None:
        self._check_end()
        super()._end()

    def _call(self, first: int) -> float:
        """Make one compiled call, at most to the end of the epoch; return the seconds it took."""
        model, planned = self.model, self.state.planned
        n = min(self.call.updates, self.epoch_length - first % self.epoch_length, planned - first)
        steps = range(first, first + n)
        rates = step_sizes(model.optimizer.learning_rate, factors(model.schedule, steps, planned))
        losses = np.empty(n)
        before = int(model._counters[0])
        done, seconds = self._timed(n, lambda: model._train(self.train, rates, losses))
        smooth = self._extend(losses[:done])
        self.state.updates = first + done
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
        """Evaluate the parameters after the last update, whose loss was not computed yet."""
        model = self.model
        loss = model._evaluate(self.train[: model.seq_length + 1]).nats_per_char * model.seq_length
        if not loss <= RUINED * self.guess:
            self._diverged(int(model._counters[0]), loss)

    def _diverged(self, at: int, loss: float) -> None:
        """Restore the last good state and raise DivergenceError."""
        self._go_back(self.good.restore)
        raise DivergenceError(
            f"training diverged at update {at}: the loss is {loss:.4g} nats per window, compared "
            f"with {self.guess:.4g} for uniform guessing. The parameters of update "
            f"{self.model._counters[0]} were restored. Try a smaller learning rate (it is "
            f"{self.model.optimizer.learning_rate:g}), a smaller clip or clip_norm, or a "
            f"schedule with warm-up"
        )

    def _validate(self) -> None:
        """Evaluate the held-out text if an epoch or the run has ended."""
        model, history, done = self.model, self.model.history, self.state.done
        due = len(self.held_out) and (done % self.epoch_length == 0 or done == self.state.planned)
        if not due or model._counters[0] in history.validation_iteration[-1:]:
            return
        bits = model._evaluate(self.held_out).bits_per_char
        iterations = np.append(history.validation_iteration, model._counters[0])
        all_bits = np.append(history.validation_bits_per_char, bits)
        history.validation_iteration = iterations
        history.validation_bits_per_char = all_bits

    def _report(self, done: int, seconds: float, bar: Bar) -> bool:
        """Update the bar and call the callbacks; return whether one of them asked to stop."""
        bits = self.smooth_loss / (self.model.seq_length * math.log(2))
        bar(done * self.window, {"loss": f"{self.smooth_loss:.2f}", "bits/char": f"{bits:.3f}"})
        if not self.settings.callbacks:
            return False
        self._publish()
        event = TrainingEvent(
            model=self.model,
            iteration=self.state.done,
            iterations=self.state.planned,
            smooth_loss=self.smooth_loss,
            bits_per_char=bits,
            characters_per_second=done * self.window / max(seconds, 1e-9),
        )
        return asked_to_stop(self.settings.callbacks, event)

    def _publish(self, array: Callable[[GrowableArray, int], Array] = GrowableArray.array) -> None:
        """Write the updates that the network has made, and no later ones, to its history."""
        history, updates = self.model.history, int(self.model._counters[0])
        loss, smooth = (array(a, updates - self.unrecorded) for a in (self.losses, self.smooth))
        history.loss, history.smooth_loss = loss, smooth
        seen = history.validation_iteration <= updates
        history.validation_iteration = history.validation_iteration[seen]
        history.validation_bits_per_char = history.validation_bits_per_char[seen]
