"""A run of `Population.fit`: compiled calls, the record, validation and early stopping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nncore.arguments.population_train_call import PopulationTrainCall
from nncore.params import Array, aligned_zeros
from nncore.population import engine
from nncore.population.history import no_validation, own_epochs
from nncore.population.state import PopulationState
from nncore.registry import OPTIMIZER_SLOTS
from nncore.schedules import Constant, factors
from nncore.training import CallLength, progress_bar
from nncore.training.epochs.data import EpochData
from nncore.training.epochs.run_state import Patience
from nncore.training.epochs.settings import EpochFitSettings

TRIES = 8  # updates to go back, one after the other, before going back to the last call
MOST_UPDATES = 1 << 20  # of all members, in one compiled call


@dataclass
class PopulationData:
    """The rows of a run: x and y of all of them, and which ones each member reads."""

    data: EpochData
    rows: Array | None  # (M, R) indices, of which the first `counts` are read, or None for all
    counts: Array  # (M,)
    weights: Array | None = None  # (M, N), or (1, N) if they are the same for all


class Group:
    """Members whose epochs have as many rows: they are in step until one of them stops."""

    def __init__(self, run: PopulationRun, members: Array) -> None:
        self.run, self.active = run, members
        self.rows = int(run.rows.counts[members[0]])
        self.batch = min(run.settings.batch_size, self.rows)
        self.per_epoch = -(-self.rows // self.batch)
        self.planned = run.settings.epochs * self.per_epoch
        self.done = 0
        self.sums = np.zeros(run.model.size)  # of the objectives of the epoch so far
        self.epochs_at_start = run.model._counters[:, 3].copy()
        cost = self.batch * run.model.flat.shape[1] + 20
        first = max(1, min(MOST_UPDATES, 4_000_000 // cost) // max(1, len(members)))
        self.call = CallLength(MOST_UPDATES, first)

    def train(self, bar: Any) -> None:
        """Train until the planned number of updates, or until all members have stopped."""
        every_epoch = self.run.every_epoch
        while self.done < self.planned and len(self.active):
            n = min(self.call.updates, self.planned - self.done)
            if every_epoch:
                n = min(n, self.per_epoch - self.done % self.per_epoch)
            epochs = self.done // self.per_epoch
            self._step(n)
            ended = self.done // self.per_epoch - epochs
            if ended and every_epoch:
                self._after_epoch()
            if ended:
                bar(ended * len(self.active), {})

    def _step(self, n: int) -> None:
        """Make one compiled call of n updates."""
        run, members = self.run, self.active
        model = run.model
        whole = len(members) == model.size
        part = slice(None) if whole else members
        weights = model._weights[part]
        slots = model._slots[:, part]
        counters = model._counters[part]
        call = self._call(members, weights, slots, counters, n)
        losses = call.losses
        before = weights.copy(), call.slots.copy(), counters.copy()
        self.call.start()
        try:
            done = run.train(call)
        finally:  # also after Ctrl-C, where each member has made some of the updates
            if not whole:
                model._weights[members], model._counters[members] = weights, counters
            model._slots[:, part] = call.slots
            model.history.updates[...] = model._counters[:, 0]
        model.history.seconds += self.call.stop(n)
        for k in np.flatnonzero(done < n):
            losses[k, done[k] :] = np.nan  # the epoch is not complete
        self._record(losses)
        infinite = ~np.isfinite(weights).all(axis=1)
        if infinite.any():
            for i in np.flatnonzero(infinite):
                self._go_back(int(members[i]), [array[..., i, :] for array in before], int(done[i]))
        stopped = (done < n) | infinite
        if stopped.any():
            model.history.diverged[members[stopped]] = True
            self.active = members[~stopped]
        self.done += n

    def _call(
        self, members: Array, weights: Array, slots: Array, counters: Array, n: int
    ) -> PopulationTrainCall:
        """Return a call for the next n updates of some members, which changes these arrays."""
        run, model = self.run, self.run.model
        rows, weights_of_rows = run.rows.rows, run.rows.weights
        if weights_of_rows is not None and len(weights_of_rows) > 1:
            weights_of_rows = weights_of_rows[members]
        return PopulationTrainCall(
            weights=weights,
            slots=np.ascontiguousarray(slots),
            layers=model._template._loss_layers,
            x=run.x,
            y=run.rows.data.y,
            rows=None if rows is None else np.ascontiguousarray(rows[members]),
            epoch_rows=np.full(len(members), self.rows),
            counters=counters,
            rates=run.rates(members, range(self.done, self.done + n), self.planned),
            losses=np.empty((len(members), n)),
            seeds=model._seeds[members],
            penalties=np.stack([model._l1[members], model._l2[members], np.zeros(len(members))]),
            loss=model._template._kernel_loss,
            optimizer=run.settings.optimizer.rule(),
            batch_size=self.batch,
            shuffle=run.settings.shuffle and self.batch < self.rows,
            clip_value=run.settings.clip,
            clip_norm=run.settings.clip_norm,
            sample_weight=weights_of_rows,
            dropout=model._dropout[members] if model._dropout.any() else None,
        )

    def _go_back(self, k: int, before: list[Array], done: int) -> None:
        """Bring a member that an update made infinite back to the last finite parameters.

        before: its weights, state and counters before the call, from which fewer updates are made.
        """
        model, member = self.run.model, np.array([k])
        for n in range(done - 1, max(-1, done - TRIES - 1), -1):
            weights, slots, counters = (array[..., None, :].copy() for array in before)
            call = self._call(member, weights, slots, counters, n)
            if n:
                self.run.train(call)
            if np.isfinite(weights).all():
                break
        else:
            weights, slots, counters = (array[..., None, :] for array in before)
            call = self._call(member, weights, slots, counters, 0)
        model._weights[k], model._counters[k] = weights[0], counters[0]
        model._slots[:, k] = call.slots[:, 0]
        model.history.updates[k] = counters[0, 0]
        ended = int(counters[0, 3] - self.epochs_at_start[k])
        model.history.loss[k, self.run.epochs_before + ended :] = np.nan

    def _record(self, losses: Array) -> None:
        """Record the epochs that end with these objectives (members, n)."""
        length, at = self.per_epoch, self.done % self.per_epoch
        epoch = self.run.epochs_before + self.done // length
        if length == 1:
            self._put(epoch, losses)
            return
        head, rest = losses[:, : length - at], losses[:, length - at :]
        before = self.sums[self.active, None] if at else np.zeros((len(losses), 1))
        with np.errstate(all="ignore"):  # a sum of huge objectives is infinite
            sums = np.cumsum(np.concatenate([before, head], axis=1), axis=1)[:, -1:]
            if at + head.shape[1] < length:
                self.sums[self.active] = sums[:, 0]
                return
            epochs = rest.shape[1] // length
            whole = rest[:, : epochs * length].reshape(len(rest), epochs, length)
            tail = rest[:, epochs * length :]
            if tail.shape[1]:
                self.sums[self.active] = np.cumsum(tail, axis=1)[:, -1]
            sums = np.concatenate([sums, np.cumsum(whole, axis=2)[:, :, -1]], axis=1)
            last = np.concatenate([head[:, -1:], whole[:, :, -1]], axis=1)
            missing = self.batch * length - self.rows  # rows, in the last batch of an epoch
            self._put(epoch, (self.batch * sums - missing * last) / self.rows)

    def _put(self, epoch: int, losses: Array) -> None:
        """Store the losses of epochs from number `epoch` on."""
        self.run.model.history.loss[self.active, epoch : epoch + losses.shape[1]] = losses

    def _after_epoch(self) -> None:
        """Validate the members; stop those out of patience."""
        run = self.run
        epoch = run.epochs_before + self.done // self.per_epoch - 1
        watched = run.model.history.loss[self.active, epoch]
        if run.held_out is not None:
            watched = run.model._losses(run.held_out, self.active.tolist(), penalties=False)
            run.model.history.validation_loss[self.active, epoch] = watched
        stopping = run.settings.early_stopping
        if stopping is None:
            return
        out = np.zeros(len(self.active), bool)
        for i, (k, loss) in enumerate(zip(self.active.tolist(), watched.tolist(), strict=True)):
            run.patience[k] = run.patience[k].after(loss, stopping.min_delta)
            if run.patience[k].epochs == 0:
                run.best[k] = run.model._weights[k].copy()
                run.model.history.best_epoch[k] = len(own_epochs(run.model.history.loss[k]))
            out[i] = run.patience[k].epochs >= stopping.patience
        self.active = self.active[~out]


class PopulationRun:
    """A run of `Population.fit`."""

    def __init__(
        self,
        model: PopulationState,
        rows: PopulationData,
        held_out: EpochData | None,
        settings: EpochFitSettings,
        learning_rates: Array,
        threads: int,
    ) -> None:
        self.model, self.rows, self.held_out, self.settings = model, rows, held_out, settings
        self.learning_rates, self.threads = learning_rates, threads
        self.x = rows.data.x
        self.every_epoch = held_out is not None or settings.early_stopping is not None
        self.epochs_before = model.history.epochs
        self.patience = [Patience()] * model.size
        self.best: dict[int, Array] = {}

    def rates(self, members: Array, updates: range, planned: int) -> Array:
        """Return the step sizes (members, updates), or (members, 1) if they are constant."""
        own: Array = self.learning_rates[members, None]
        schedule = self.settings.schedule
        if schedule is None or type(schedule) is Constant:
            return own
        with np.errstate(all="ignore"):
            return own * factors(schedule, updates, planned)

    def train(self, call: PopulationTrainCall) -> Array:
        """Run a compiled call; return the number of updates that each member made."""
        return engine.train(call, self.threads)

    def run(self) -> None:
        """Train all members, those with epochs of the same length together."""
        model = self.model
        self._begin()
        total = self.settings.epochs * model.size
        with progress_bar(self.settings.progress, total, "epoch") as bar:
            try:
                for count in sorted(set(self.rows.counts.tolist())):
                    Group(self, np.flatnonzero(self.rows.counts == count)).train(bar)
            finally:
                for k, weights in self.best.items():
                    model._weights[k] = weights
                self._trim()

    def _begin(self) -> None:
        """Make room for the state of the optimizer and for the record."""
        model, history = self.model, self.model.history
        kind = self.settings.optimizer.rule().kind
        if kind != model._slots_of:
            shape = (OPTIMIZER_SLOTS[kind], *model._weights.shape)
            model._slots, model._slots_of = aligned_zeros(shape, model.dtype), kind
            model._counters[:, 1] = 0
        model._counters[:, 2] = 0
        history.diverged = np.zeros(model.size, bool)
        history.best_epoch = np.zeros(model.size, np.int64)
        history.loss = _longer(history.loss, self.settings.epochs)
        if self.held_out is not None or history.validation_loss.flags.writeable:
            history.validation_loss = _longer(history.validation_loss, self.settings.epochs)

    def _trim(self) -> None:
        """Leave out the epochs that no member has completed."""
        history = self.model.history
        recorded = np.flatnonzero(~np.isnan(history.loss).all(axis=0))
        epochs = max(self.epochs_before, int(recorded[-1]) + 1 if len(recorded) else 0)
        if epochs < history.loss.shape[1]:
            history.loss = history.loss[:, :epochs].copy()
        if history.validation_loss.flags.writeable:
            history.validation_loss = history.validation_loss[:, :epochs].copy()
        else:
            history.validation_loss = no_validation(self.model.size, epochs)


def _longer(losses: Array, epochs: int) -> Array:
    """Return the losses (M, epochs) with room for further epochs, which are NaN."""
    before = losses.shape[1]
    result = np.empty((len(losses), before + epochs))
    result[:, :before], result[:, before:] = losses, np.nan
    return result
