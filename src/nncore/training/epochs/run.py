"""A run of `fit` by epochs: batches, validation, early stopping, and the record of epochs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from nncore.arguments.kernel_call import KernelCall
from nncore.errors import DivergenceError
from nncore.params import Array
from nncore.reference.hashing import shuffled
from nncore.schedules import factors, step_sizes
from nncore.training import (
    Bar,
    GrowableArray,
    LastGood,
    NetworkRun,
    asked_to_stop,
    different_data,
    progress_bar,
    unfinished,
)
from nncore.training.epochs.data import EpochData
from nncore.training.epochs.divergence import advice_on_divergence
from nncore.training.epochs.means import Batches
from nncore.training.epochs.model import EpochModel
from nncore.training.epochs.run_state import EpochRunState, Progress
from nncore.training.epochs.settings import EpochEvent, EpochFitSettings


class EpochRun(NetworkRun):
    """A run of `fit` by epochs.

    A subclass sets `call` in its constructor, and implements `_train_call`.
    """

    model: EpochModel
    settings: EpochFitSettings
    state: EpochRunState
    data: EpochData

    def __init__(
        self,
        model: EpochModel,
        data: EpochData,
        held_out: EpochData | None,
        settings: EpochFitSettings,
    ) -> None:
        super().__init__(model, settings)
        self.data, self.held_out = data, held_out
        self.rows = data.rows
        self.batch = min(settings.batch_size, self.rows)
        self.batches = Batches(self.rows, self.batch)
        self.per_epoch = self.batches.per_epoch
        self.shuffle = settings.shuffle and self.batch < self.rows
        self.every_epoch = held_out is not None or bool(
            settings.early_stopping or settings.plateau or settings.callbacks
        )
        self.across_epochs = not self.every_epoch  # whether a compiled call may run over many
        self.state = self._resumed() if settings.resume else self._planned()
        history = model.history
        self.updates_before = int(model._counters[0]) - self.state.done
        self.epochs_before = history.epochs - self.state.done // self.per_epoch
        self.losses = GrowableArray(history.loss)
        self.validation_losses = GrowableArray(history.validation_loss)
        self.accuracies = GrowableArray(history.validation_accuracy)
        self.order = self._order()
        self.slots = model._slots_for(settings.optimizer)
        self.good = LastGood([model._weights, self.slots, model._counters])

    def _fingerprint(self) -> list[int]:
        """Return the fingerprint of the data, and of validation data that the user passed."""
        result = self.data.fingerprint()
        if self.held_out is not None and self.settings.split is None:
            result += self.held_out.fingerprint()
        return result

    def _planned(self) -> EpochRunState:
        """Return the state of a new run."""
        return EpochRunState(
            planned=self.settings.epochs * self.per_epoch,
            fingerprint=self._fingerprint(),
            per_epoch=self.per_epoch,
            split=self.settings.split,
        )

    def _resumed(self) -> EpochRunState:
        """Return the state in which the interrupted run was left."""
        model, state = self.model, unfinished(self.model._run)
        if state.fingerprint != self._fingerprint() or state.per_epoch != self.per_epoch:
            raise different_data("X, Y, sample_weight, validation_data and batch_size")
        if self.settings.optimizer.rule().kind != model._slots_of:
            raise ValueError(
                f"resume=True needs the optimizer that the run was started with, "
                f"{model._slots_of}, got {type(self.settings.optimizer).__name__}"
            )
        return state

    def _order(self) -> Any:
        """Return the order of the rows, that of an unfinished epoch if there is one.

        None if the rows are not shuffled. At the start of each epoch a new order is drawn, by the
        compiled call or before it.
        """
        if not self.shuffle:
            return None
        visited, epoch = map(int, self.model._counters[2:])
        if self.settings.resume and visited:
            return shuffled(self.rows, self.model._hash_seed, epoch)
        return np.zeros(self.rows, np.intp)

    def _begin(self) -> None:
        model, state = self.model, self.state
        model._split_rng = self.settings.split_rng
        model._use_optimizer(self.settings.optimizer, self.slots)
        if not self.settings.resume:
            model._counters[2] = 0
        elif state.current is not None:
            model._weights[...], state.current = state.current, None

    def _progress_bar(self) -> AbstractContextManager[Bar]:
        return progress_bar(self.settings.progress, self._updates_left() // self.per_epoch, "epoch")

    def _resume(self) -> bool:
        if not self.state.now.measured:  # Ctrl-C came while the epoch was being evaluated
            return self._after_epoch(0.0)
        return self._out_of_patience()  # Ctrl-C came before the run could stop

    def _step(self, bar: Bar) -> bool:
        state = self.state
        epochs = state.done // self.per_epoch
        seconds, rows = self._call()
        self.model.history.seconds += seconds
        ended = state.done // self.per_epoch - epochs
        stop = not state.now.measured and self._after_epoch(rows / max(seconds, 1e-9))
        if ended:
            self._draw(bar, ended)
        return stop

    def _end(self) -> None:
        super()._end()
        self.state.ended |= self._out_of_patience()

    def _settle(self) -> None:
        super()._settle()
        self._restore_best()

    def _call(self) -> tuple[float, int]:
        """Make one compiled call; return the seconds it took and the rows it read."""
        model, settings, state = self.model, self.settings, self.state
        n = min(self.call.updates, state.planned - state.done)
        if not self.across_epochs:
            n = min(n, self.per_epoch - state.done % self.per_epoch)
        rates = step_sizes(settings.optimizer.learning_rate, self._factors(n))
        losses = np.empty(n)
        train_call = self._train_call(n, rates, losses)
        done, seconds = self._timed(n, lambda: train_call.run(model._ops))
        if done < n or not np.isfinite(model._weights).all():
            self._diverged(done, losses)
        self.good.commit()
        ended = (state.done + n) // self.per_epoch > state.done // self.per_epoch
        state.now = state.now._replace(
            updates=state.done + n,
            loss_sum=self._extend(losses),
            measured=not (ended and self.every_epoch),
        )
        if self.held_out is None:  # now, as padding by millions at the end would delay Ctrl-C
            self.validation_losses.pad(self.losses.size)
            self.accuracies.pad(self.losses.size)
        return seconds, n * self.batch

    def _factors(self, n: int) -> Array:
        """Return the factors on the learning rate for the next n updates."""
        state = self.state
        if self.settings.schedule is None:
            return np.full(n, state.now.factor)
        return factors(self.settings.schedule, range(state.done, state.done + n), state.planned)

    def _extend(self, losses: Array) -> float:
        """Record the epochs that end with these objectives; return the sum of the one that began.

        Sums run from an epoch's first update to its last, so that the history does not depend on
        where compiled calls have ended.
        """
        state = self.state
        means, loss_sum = self.batches.means(losses, state.done, state.now.loss_sum)
        self.losses.extend(means)
        return float(loss_sum)

    def _diverged(self, done: int, losses: Array) -> None:
        """Restore the last good parameters and raise DivergenceError."""
        model = self.model
        loss = float(losses[done]) if done < len(losses) else float("nan")
        at = int(model._counters[0])
        rate = self.settings.optimizer.learning_rate if at > self.updates_before else None
        advice = advice_on_divergence(self.data, model._weights, rate)
        # If there is no update, the parameters were bad before the call.
        self._go_back(self.good.rollback if done else self.good.restore)
        self.state.ended = True  # resumed, it would diverge again
        kept = f"update {model._counters[0]}"
        if self.state.now.best is not None:  # which `_settle` restores
            kept = f"the best epoch, {self.state.now.best_epoch},"
        raise DivergenceError(
            f"training diverged after update {at}: the objective is {loss:.4g}. The parameters of "
            f"{kept} were restored. {advice}"
        )

    def _after_epoch(self, rows_per_second: float) -> bool:
        """Evaluate an epoch and call the callbacks; return whether training should stop."""
        epoch = self.state.done // self.per_epoch
        loss = self.losses.last()
        validation_loss, accuracy = self._validate()
        watched = loss if validation_loss is None else validation_loss
        self.state.now = self._watch(watched)._replace(measured=True)
        stop = self._out_of_patience()
        if not self.settings.callbacks:
            return stop
        self._publish()
        event = EpochEvent(
            model=self.model,
            epoch=epoch,
            epochs=self.state.planned // self.per_epoch,
            loss=loss,
            validation_loss=validation_loss,
            validation_accuracy=accuracy,
            rows_per_second=rows_per_second,
        )
        return asked_to_stop(self.settings.callbacks, event) or stop

    def _watch(self, loss: float) -> Progress:
        """Return the progress of early stopping and OnPlateau after an epoch of this loss."""
        now, stopping, plateau = self.state.now, self.settings.early_stopping, self.settings.plateau
        if stopping:
            now = now._replace(early=now.early.after(loss, stopping.min_delta))
            if now.early.epochs == 0:
                now = now._replace(best=self.model._weights.copy(), best_epoch=self.losses.size)
        if plateau:
            now = now._replace(flat=now.flat.after(loss, plateau.threshold))
            if now.flat.epochs > plateau.patience:
                factor = max(plateau.minimum, now.factor * plateau.factor)
                now = now._replace(factor=factor, flat=now.flat._replace(epochs=0))
        return now

    def _out_of_patience(self) -> bool:
        """Whether early stopping ends the run."""
        stopping = self.settings.early_stopping
        return stopping is not None and self.state.now.early.epochs >= stopping.patience

    def _restore_best(self) -> None:
        """Restore the best parameters of early stopping; keep those to continue with."""
        state, weights = self.state, self.model._weights
        if state.now.best is not None:
            state.current = None if state.ended else weights.copy()
            weights[...] = state.now.best

    def _validate(self) -> tuple[float | None, float | None]:
        """Return the loss and, if targets are classes, the accuracy on the held-out rows."""
        if self.held_out is None:
            return None, None
        loss, outputs = self.model._evaluate(self.held_out)
        accuracy = self.model._held_out_accuracy(outputs, self.held_out)
        last = self.losses.size - 1
        self.validation_losses.put(last, loss)
        self.accuracies.put(last, np.nan if accuracy is None else accuracy)
        return loss, accuracy

    def _draw(self, bar: Bar, epochs: int) -> None:
        """Advance the progress bar."""
        if self.settings.progress:
            figures = {"loss": f"{self.losses.last():.4g}"}
            if self.held_out is not None:
                figures["validation"] = f"{self.validation_losses.last():.4g}"
            bar(epochs, figures)

    def _publish(self, array: Callable[[GrowableArray, int], Array] = GrowableArray.array) -> None:
        """Write the epochs that the network has completed, and no later ones, to its history."""
        history, updates = self.model.history, int(self.model._counters[0])
        epochs = self.epochs_before + (updates - self.updates_before) // self.per_epoch
        epochs = min(epochs, self.losses.size)
        history.updates = updates
        history.best_epoch = min(self.state.now.best_epoch, epochs)
        self.validation_losses.pad(epochs)
        self.accuracies.pad(epochs)
        history.loss = array(self.losses, epochs)
        history.validation_loss = array(self.validation_losses, epochs)
        history.validation_accuracy = array(self.accuracies, epochs)

    @abstractmethod
    def _train_call(self, n: int, rates: Array, losses: Array) -> KernelCall:
        """Return the call for the next n updates, with these step sizes.

        It must use `order`, `rows`, `batch`, `slots` and the limits of gradients in `settings`,
        advance the model's counters, and write the objective of each batch to `losses`.
        """
