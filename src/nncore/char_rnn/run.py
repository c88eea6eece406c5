"""One run of `CharRNN.fit`: compiled calls of some 30 ms, and what stands between."""

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
    Growing,
    LastGood,
    TrainingEvent,
    asked_to_stop,
    progress_bar,
    smoothed,
    undisturbed,
)

DIVERGED = 4.0  # a smoothed loss this many times that of blind guessing has run away
RUINED = 100.0  # so has the loss of a single window: no spike of a few updates is as high


class CharRNNRun:
    """One run of `CharRNN.fit`: compiled calls of some 30 ms, and what stands between."""

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
        self.losses = Growing(history.loss)
        self.smooth = Growing(history.smooth_loss)
        self.smooth_loss = float(history.smooth_loss[-1]) if history.iterations else self.guess
        self.good = LastGood([model._weights, model._slots, model._state, model._counters])
        self.noted = True  # is there an entry in the history for all that training has done?
        self.left = False
        self.unrecorded = int(model._counters[0]) - history.iterations  # 0, if nobody replaced it

    def run(self) -> None:
        planned = int(self.model._run[1])
        call = CallLength()
        stop = False
        with progress_bar(self.progress, (planned - self.model._done()) * self.window) as bar:
            try:
                if self.model._done():  # resumed, perhaps from Ctrl-C during a validation
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
                    self._leave()  # a signal may have come just before it would have had to wait
                    raise

    def _leave(self) -> None:
        """Put in order what the run leaves, once."""
        with undisturbed():
            if not self.left:
                self.left = True
                if not self.noted:
                    self.good.unmark()  # Ctrl-C: the network and its history go back to one moment
                self._publish(Growing.last_array)
                self.checkpoints.save(self.model)

    def _call(self, call: CallLength, first: int, planned: int) -> float:
        """One compiled call, which ends where the epoch does; the seconds it took."""
        model = self.model
        n = min(call.updates, self.epoch_length - first % self.epoch_length, planned - first)
        steps = range(first, first + n)
        rates = step_sizes(model.optimizer.learning_rate, factors(model.schedule, steps, planned))
        losses = np.empty(n)
        before = int(model._counters[0])
        self.good.mark()
        self.noted = False
        call.start()
        done = model._train(self.train, rates, losses)
        seconds = call.stop(n)
        smooth = self._extend(losses[:done])
        self.noted = True
        if done and losses[0] <= DIVERGED * self.guess:
            self.good.confirm()
        # Of every update, not of the last: calls end elsewhere when a run is resumed.
        high = np.flatnonzero(smooth > DIVERGED * self.guess)
        if len(high):
            self._diverged(before + int(high[0]) + 1, losses[high[0]])
        if done < n:
            self._diverged(before + done, losses[done])
        return seconds

    def _extend(self, losses: Array) -> Array:
        """Note these losses; the running means after each."""
        smooth = smoothed(self.smooth_loss, losses, self.keep)
        self.losses.extend(losses)
        self.smooth.extend(smooth)
        if len(smooth):
            self.smooth_loss = float(smooth[-1])
        return smooth

    def _check_end(self) -> None:
        """The last update is followed by no loss of the run that would tell what it led to."""
        model = self.model
        loss = model._evaluate(self.train[: model.seq_length + 1]).nats_per_char * model.seq_length
        if not loss <= RUINED * self.guess:
            self._diverged(int(model._counters[0]), loss)

    def _diverged(self, at: int, loss: float) -> None:
        with undisturbed():
            self.good.restore()
        raise DivergenceError(
            f"training diverged at update {at}: the loss is {loss:.4g} nats a window, "
            f"{self.guess:.4g} by blind guessing. The parameters of update "
            f"{self.model._counters[0]} were put back. Try a smaller learning rate (it is "
            f"{self.model.optimizer.learning_rate:g}), a smaller clip or clip_norm, or a "
            f"schedule with warm-up"
        )

    def _validate(self, planned: int) -> None:
        """Measure the held-out text where an epoch or the run has ended."""
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
        """Draw the bar and call the callbacks; did one of them ask to stop?"""
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

    def _publish(self, array: Callable[[Growing, int], Array] = Growing.array) -> None:
        """The history of the updates that the network has made, and of no later ones."""
        history, updates = self.model.history, int(self.model._counters[0])
        loss, smooth = (array(a, updates - self.unrecorded) for a in (self.losses, self.smooth))
        history.loss, history.smooth_loss = loss, smooth
        seen = history.validation_iteration <= updates
        history.validation_iteration = history.validation_iteration[seen]
        history.validation_bits_per_char = history.validation_bits_per_char[seen]
