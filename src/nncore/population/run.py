"""A run of `Population.fit`: compiled calls, validation, early stopping, and its interruption."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np

from nncore.arguments.population_train_call import PopulationTrainCall
from nncore.params import Array, aligned_zeros
from nncore.population import engine
from nncore.population.before_call import BeforeCall, MemberArrays
from nncore.population.event import PopulationEvent
from nncore.population.fingerprints import ARGUMENTS, fingerprints
from nncore.population.groups import groups_of
from nncore.population.record import Record
from nncore.population.rows import PopulationData
from nncore.population.run_state import Best, PopulationRunState, Progress
from nncore.population.state import PopulationState
from nncore.population.validation import validation_losses
from nncore.registry import OPTIMIZER_SLOTS
from nncore.schedules import Constant, factors
from nncore.training import (
    Bar,
    CallLength,
    GrowableArray,
    TrainingRun,
    asked_to_stop,
    different_data,
    progress_bar,
    unfinished,
)
from nncore.training.epochs.data import EpochData
from nncore.training.epochs.settings import EpochFitSettings

MOST_UPDATES = 1 << 20  # of each member, in one compiled call
FIRST_CALL = 64_000_000  # operations of each thread, roughly, in a group's first call
CALL_SECONDS = 0.1  # of a call; all members are copied and checked around it


class PopulationRun(TrainingRun):
    """A run of `Population.fit`, which trains one group of members after the other."""

    model: PopulationState
    settings: EpochFitSettings
    state: PopulationRunState
    good: BeforeCall

    def __init__(
        self,
        model: PopulationState,
        data: PopulationData,
        held_out: EpochData | None,
        settings: EpochFitSettings,
        learning_rates: Array,
        threads: int,
    ) -> None:
        super().__init__(model, settings)
        self.data, self.held_out = data, held_out
        self.learning_rates, self.threads = learning_rates, threads
        self.validated = held_out is not None or data.held_rows is not None
        self.every_epoch = self.validated or bool(settings.early_stopping or settings.callbacks)
        self.fingerprint = fingerprints(data, held_out, settings, learning_rates)
        before = unfinished(model._run) if settings.resume else None
        epochs = settings.epochs if before is None else before.epochs
        self.groups = groups_of(data.counts, settings.batch_size, epochs)
        self.state = self._planned() if before is None else self._resumed(before)
        most = self.state.epochs_before + epochs
        self.record = Record(model, most, self.validated, settings.resume)
        self.own_epochs = self.record.completed(self.state.epochs_before)
        kind, self.slots = settings.optimizer.rule().kind, model._slots
        if kind != model._slots_of:
            shape = (OPTIMIZER_SLOTS[kind], *model._weights.shape)
            self.slots = aligned_zeros(shape, model.dtype)
        self.good = BeforeCall(model, self.state)
        self._prepare()

    # --- the state of the run ---------------------------------------------------------

    def _planned(self) -> PopulationRunState:
        """Return the state of a new run."""
        epochs = self.model.history.epochs
        return PopulationRunState(
            planned=sum(group.planned for group in self.groups),
            fingerprint=self.fingerprint,
            epochs=self.settings.epochs,
            epochs_before=epochs,
            now=self._start_of(0, 0, epochs),
        )

    def _resumed(self, state: PopulationRunState) -> PopulationRunState:
        """Return the state in which the interrupted run was left, which has to be that of `fit`."""
        pairs = zip(ARGUMENTS, state.fingerprint, self.fingerprint, strict=True)
        if changed := [name for name, before, now in pairs if before != now]:
            raise different_data(", ".join(changed))
        if not state.fits(self.groups, self.model._counters):
            raise ValueError("resume=True: the interrupted run does not fit its members")
        return state

    def _start_of(self, number: int, before: int, columns: int) -> Progress:
        """Return the progress at the start of a group; after the last one, that of no members."""
        at_end = number == len(self.groups)
        members = np.zeros(0, np.intp) if at_end else self.groups[number].members
        best = None
        if self.settings.early_stopping:
            best = Best.none_yet(self.model._weights[members])  # copies
        return Progress.start(number, before, columns, members, best)

    def _prepare(self) -> None:
        """Set what follows from the group that is in training."""
        now = self.state.now
        if now.group == len(self.groups):
            return
        self.group = group = self.groups[now.group]
        self.epochs_at_start = self.model._counters[:, 3] - now.updates // group.per_epoch
        cost = group.batch * self.model.flat.shape[1] + 20
        members = len(now.in_training)
        first = FIRST_CALL * min(self.threads, members) // (cost * max(1, members))
        self.call = CallLength(MOST_UPDATES, max(1, min(MOST_UPDATES, first)), CALL_SECONDS)

    def _begin(self) -> None:
        model, state = self.model, self.state
        if self.slots is not model._slots:
            model._slots, model._slots_of = self.slots, self.settings.optimizer.rule().kind
            model._counters[:, 1] = 0
        if not self.settings.resume:
            model._counters[:, 2] = 0
        elif state.current is not None:
            model._weights[state.now.members], state.current = state.current, None

    def _progress_bar(self) -> AbstractContextManager[Bar]:
        now, epochs = self.state.now, self.state.epochs
        left = epochs * sum(len(group.members) for group in self.groups[now.group :])
        if left:
            done = now.updates // self.group.per_epoch
            stopped = len(now.members) - len(now.in_training)
            left -= epochs * stopped + done * len(now.in_training)
        return progress_bar(self.settings.progress, left, "epoch")

    def _recorded(self) -> bool:
        return self.good.counted

    def _resume(self) -> bool:
        # Ctrl-C may have come while an epoch was evaluated, or before the next group.
        stop = not self.state.now.measured and self._after_epoch(0.0)
        self._leave_group()
        return stop

    def _settle(self) -> None:
        now = self.state.now
        if len(now.members):  # forget the epochs of a call that is discarded
            epochs = now.updates // self.group.per_epoch
            self.record.clear(now.in_training, self.state.epochs_before + epochs)
        super()._settle()
        if now.best is not None and len(now.members):
            weights = self.model._weights[now.members]
            self.state.current = None if self.state.ended else weights
            self.model._weights[now.members] = now.best.restored(weights)

    def _publish(self, array: Callable[[GrowableArray, int], Array] = GrowableArray.array) -> None:
        """Write the epochs that members have completed, and no later ones, to the history.

        The history gets views, whatever `array` is: copies of the losses of thousands of members
        after every epoch would take longer than training them.
        """
        self.record.publish(self.model, self.state.now)

    # --- training ---------------------------------------------------------------------

    def _step(self, bar: Bar) -> bool:
        group, before = self.group, self.state.now
        n = min(self.call.updates, group.planned - before.updates)
        left = group.per_epoch - before.updates % group.per_epoch  # of the epoch
        if self.every_epoch:
            n = min(n, left)
        elif n > left:  # a call that begins within an epoch draws its order again
            n -= (n - left) % group.per_epoch
        seconds = self._call(n)
        now = self.state.now
        stop = False
        if not now.measured:
            stop = self._after_epoch(n * group.batch * len(before.in_training) / max(seconds, 1e-9))
        if ended := now.updates // group.per_epoch - before.updates // group.per_epoch:
            bar(ended * len(now.in_training), {})
        self._leave_group()
        return stop

    def _call(self, n: int) -> float:
        """Make one compiled call of n updates, and count them; return the seconds it took."""
        model, group, now = self.model, self.group, self.state.now
        members = now.in_training
        per_loss = self._updates_per_loss(n)
        epoch = self.state.epochs_before + now.updates // group.per_epoch
        in_place = epoch if per_loss == group.per_epoch else None
        losses = self.record.room(len(members), n // per_loss, in_place)
        done, seconds = self._timed(n, lambda: self._update(members, losses, per_loss))
        model.history.seconds += seconds
        for i in np.flatnonzero(done < n).tolist():
            losses[done[i] // per_loss :, i] = np.nan  # the epoch is not complete
        infinite = model._infinite(members)
        for i in np.flatnonzero(infinite).tolist():
            self._go_back(i, members[i], int(done[i]))
        if per_loss > 1:
            means, sums = group.of_sums(losses), np.zeros(len(members))
        else:
            means, sums = group.means(losses, now.updates, now.sums[now.active])
        self.record.put(members, epoch, means)
        ended = model._counters[members, 3] - self.epochs_at_start[members]
        for i in np.flatnonzero(infinite).tolist():
            self.record.clear(members[i], self.state.epochs_before + int(ended[i]))
        self.state.now = self._counted(now, n, (done < n) | infinite, sums, int(ended.max()))
        return seconds

    def _updates_per_loss(self, n: int) -> int:
        """Return the number of updates whose losses the next n updates add up: 1, or an epoch's."""
        length = self.group.per_epoch
        whole = not self.group.missing and not self.state.now.updates % length and not n % length
        return length if whole else 1

    def _counted(self, now: Progress, n: int, stopped: Array, sums: Array, ended: int) -> Progress:
        """Return the progress after n updates, in which some of the active members stopped."""
        at = np.flatnonzero(now.active)
        active, diverged, all_sums = now.active.copy(), now.diverged.copy(), now.sums.copy()
        active[at[stopped]], diverged[at[stopped]], all_sums[at] = False, True, sums
        epochs = now.updates // self.group.per_epoch
        due = self.every_epoch and (now.updates + n) // self.group.per_epoch > epochs
        return now._replace(
            updates=now.updates + n,
            columns=max(now.columns, self.state.epochs_before + ended),
            active=active,
            diverged=diverged,
            sums=all_sums,
            measured=not (due and active.any()),
        )

    def _update(self, members: Array, losses: Array, per_loss: int) -> Array:
        """Make updates of some members; return how many each has made."""
        if len(members) == self.model.size:
            arrays = MemberArrays.views(self.model)
        else:
            arrays = MemberArrays.copies(self.model, members)
        call = self._train_call(members, arrays, losses, per_loss)
        done = engine.train(call)
        if len(members) < self.model.size:
            arrays.write(self.model, members)
        return done

    def _train_call(
        self, members: Array, arrays: MemberArrays, losses: Array, per_loss: int
    ) -> PopulationTrainCall:
        """Return a call for the next updates of some members, which changes these arrays."""
        model, group, settings = self.model, self.group, self.settings
        data, first, none = self.data, self.state.now.updates, np.zeros(len(members))
        return PopulationTrainCall(
            **arrays._asdict(),
            layers=model._template._loss_layers,
            x=data.data.x,
            y=data.data.y,
            rows=None if data.rows is None else np.ascontiguousarray(data.rows[members]),
            epoch_rows=np.full(len(members), group.rows),
            rates=self._rates(members, range(first, first + len(losses) * per_loss)),
            losses=losses,
            updates_per_loss=per_loss,
            seeds=model._seeds[members],
            penalties=np.stack([model._l1[members], model._l2[members], none]),
            loss=model._template._kernel_loss,
            optimizer=settings.optimizer.rule(),
            batch_size=group.batch,
            shuffle=settings.shuffle and group.batch < group.rows,
            clip_value=settings.clip,
            clip_norm=settings.clip_norm,
            sample_weight=data.weights_of(members),
            dropout=model._dropout[members] if model._dropout.any() else None,
            threads=self.threads,
        )

    def _rates(self, members: Array, updates: range) -> Array:
        """Return the step sizes (A, updates), or (A, 1) if they are constant."""
        own: Array = self.learning_rates[members, None]
        schedule = self.settings.schedule
        if schedule is None or type(schedule) is Constant:
            return own
        with np.errstate(all="ignore"):
            return own * factors(schedule, updates, self.group.planned)

    def _go_back(self, i: int, k: int, done: int) -> None:
        """Bring a member that the last call made infinite back to its last finite parameters.

        It is trained again from the state before the call, in which it has index i. As a number
        that is not finite stays so, the last update with finite parameters is found by bisection,
        and does not depend on where the call began.
        """
        member = np.array([k])
        finite, low, high = self.good.member(i), 0, done
        n = done - 1  # most often the right one
        while low < n < high:
            arrays = self.good.member(i)
            engine.train(self._train_call(member, arrays, np.empty((1, 1)), n))
            if np.isfinite(arrays.weights).all():
                finite, low = arrays, n
            else:
                high = n
            n = (low + high) // 2
        finite.write(self.model, member)

    # --- the end of an epoch, and of a group ------------------------------------------

    def _after_epoch(self, rows_per_second: float) -> bool:
        """Evaluate an epoch and call the callbacks; return whether training should stop."""
        state, stopping, now = self.state, self.settings.early_stopping, self.state.now
        at, members = np.flatnonzero(now.active), now.in_training
        epoch = now.updates // self.group.per_epoch
        column = state.epochs_before + epoch - 1
        watched = loss = self.record.of_epoch(members, column)
        validation = None
        if self.validated:
            watched = validation = validation_losses(self.model, self.data, self.held_out, members)
            self.record.put_validation(members, column, validation)
        active, best = now.active, now.best
        if stopping and best is not None:
            epochs, weights = self.own_epochs[members] + epoch, self.model._weights[members]
            best = best.after(at, watched, stopping.min_delta, epochs, weights)
            active = active & (best.waited < stopping.patience)
        state.now = now._replace(measured=True, active=active, best=best)
        if not self.settings.callbacks:
            return False
        self._publish()
        event = PopulationEvent(
            self.model, epoch, state.epochs, members, loss, validation, rows_per_second
        )
        stop = asked_to_stop(self.settings.callbacks, event)
        self.model._check_parameters()
        return stop

    def _leave_group(self) -> None:
        """Go to the next group if all members of this one have stopped, or made all updates.

        Ctrl-C may come anywhere in it, as it can be repeated: the group is not trained any more.
        """
        now = self.state.now
        if (now.active.any() and now.updates < self.group.planned) or not len(now.members):
            return
        following = self._start_of(now.group + 1, now.before + self.group.planned, now.columns)
        self._publish()
        if now.best is not None:
            weights = self.model._weights[now.members]
            self.model._weights[now.members] = now.best.restored(weights)
        self.state.now = following
        self._prepare()
