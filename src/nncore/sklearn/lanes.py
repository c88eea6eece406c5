"""Estimators that are trained side by side, one network in each lane of the vectors.

Their bits are those of `fit`: `nncore.kernels.population_train` trains each network as
`mlp_train` does alone. Records, stopping and all that is special remain with each estimator's
`Epochs`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nncore import kernels
from nncore.arguments import population as population_arguments
from nncore.arguments.population_train_call import PopulationTrainCall
from nncore.params import Array, compact
from nncore.population.engine import LANES
from nncore.reference.population import shapes_of
from nncore.sklearn import alone
from nncore.sklearn.flat import readable
from nncore.sklearn.recording import improvement
from nncore.sklearn.rows import Subset
from nncore.sklearn.training import Epochs

MOST_ROWS = 1 << 22  # in the orders of one compiled call

# Measured with relu and Adam: parameters up to which networks side by side are faster than one
# after the other, and up to which 64 are faster than 4 times 16, by the size of a number.
MOST_PARAMETERS = {4: 350, 8: 130}
WHOLE = 3  # times as many, if each batch has all rows: they are gathered once
MOST_OF_64 = {4: 200, 8: 100}
MOST_CHECKED = 1000  # parameters, if training alone needs a call for each epoch
MOST = max(MOST_CHECKED, WHOLE * max(MOST_PARAMETERS.values()))  # the largest of these bounds
LEAST_MICROSECONDS = 1000  # of an epoch of all networks alone, if lanes need a call for each epoch


def suit(first: Epochs, members: int) -> bool:
    """Whether so many networks like the first one are faster side by side.

    A block takes as long for a few members as for all its lanes.
    """
    if population_arguments.over_rows(first.layers):
        return False
    parameters = population_arguments.size(first.layers)
    most = MOST_PARAMETERS[first.network.weights.itemsize]
    if first.batch == first.count:
        most *= WHOLE
    if first.checked:
        most = max(most, MOST_CHECKED)
    elif first.count % first.batch:
        update = 1.5 + 6e-4 * first.batch * parameters  # microseconds, roughly
        if members * first.updates * update < LEAST_MICROSECONDS:
            return False
    return parameters <= most and members >= LANES * (0.25 + 0.6 * parameters / most)


def rows_of(member: Epochs) -> Subset:
    """Return the rows of a member, which are some of those that all members share."""
    assert isinstance(member.rows, Subset)
    return member.rows


class Lanes:
    """Members whose compiled calls differ only in weights, rows, learning rates and penalties.

    Parameters
    ----------
    members : sequence of Epochs
        They have the same `key`, and the same number of epochs so far.

    Attributes
    ----------
    errors : dict of int to Exception
        Those of members whose training failed, by their number.
    stopped : ndarray of bool of shape (M,)
        Whether each member's training should stop.
    """

    def __init__(self, members: Sequence[Epochs]) -> None:
        self.members = list(members)
        first = self.members[0]
        self.layers, self.dtype = first.layers, first.network.weights.dtype
        shapes = shapes_of(self.layers)
        self.at = compact(np.arange(first.network.weights.size), shapes)  # without padding
        self.whole = rows_of(first).whole
        with np.errstate(all="ignore"):  # of numbers too large for the dtype, as in `fit`
            self.x = np.asarray(readable(self.whole.x, self.dtype), self.dtype)
        rows = [rows_of(member).at for member in self.members]
        self.rows = np.stack(rows).astype(np.intp, copy=False)
        self.weights = np.stack([member.network.weights[self.at] for member in self.members])
        slots = [member.steps.slots[:, self.at] for member in self.members]
        self.slots = np.stack(slots, axis=1)
        self.counters = np.stack([member.steps.counters for member in self.members])
        self.errors: dict[int, Exception] = {}
        self.stopped = np.zeros(len(self.members), bool)
        estimators = [member.estimator for member in self.members]
        self.tol = np.array([estimator.tol for estimator in estimators], float)
        self.patience = np.array([estimator.n_iter_no_change for estimator in estimators], float)
        self.until = np.array([estimator.max_iter for estimator in estimators])
        self.penalties = np.array(
            [[e.l1 for e in estimators], np.zeros(len(estimators)), [e.alpha for e in estimators]],
            float,
        )
        self.checked = any(member.checked for member in self.members)
        self.wide = self.weights.shape[1] <= MOST_OF_64[self.dtype.itemsize]

    def run(self) -> None:
        """Train all members until each one should stop or has made `max_iter` epochs."""
        for member in self.members:
            member.estimator.n_iter_ = 0
        active, done = np.arange(len(self.members)), 0
        while len(active) and suit(self.members[0], len(active)):
            n = int(min(self._window(active), self.until[active].min() - done))
            after = self._epochs(active, n, done)
            if self.checked:
                self._look(active, *after)
            else:
                self._record(active, *after)
            done += n
            self.stopped[list(self.errors)] = True
            ended = self.stopped[active] | (self.until[active] <= done)
            for k in active[ended].tolist():
                self._store(k)
            active = active[~ended]
        for k in active.tolist():  # too few for lanes
            self._store(k)
            self._let(k, alone.train)

    def _window(self, active: Array) -> int:
        """Return the number of epochs after which losses are looked at."""
        if self.checked:
            return 1
        steep = all(alone.is_steep(self.members[k]) for k in active.tolist())
        n = alone.FAR if steep else alone.WINDOW
        return max(1, min(n, MOST_ROWS // self.rows.size))

    # --- compiled calls -------------------------------------------------------------

    def _epochs(self, active: Array, n: int, done: int) -> tuple[Array, list[Array]]:
        """Train members for n epochs; return losses (members, n), and the changed arrays.

        The arrays are weights, slots and counters. Those of this object are not changed yet.
        """
        member = self.members[0]
        arrays = [self.weights[active], self.slots[:, active], self.counters[active]]
        losses = np.full((len(active), n * member.updates), np.nan)
        rates = self._rates(active, n)
        whole = member.batch == member.count
        together = n if whole or member.count % member.batch == 0 else 1
        for epoch in range(0, n, together):
            part = slice(epoch * member.updates, (epoch + together) * member.updates)
            rows = self._orders(active, done + epoch, 1 if whole else together)
            for some in self._blocks(len(active)):
                losses[some, part] = self._call(active[some], arrays, some, rows, rates, part)
        infinite = ~np.isfinite(arrays[0]).all(axis=1)
        losses[infinite, -1] = np.nan
        return member.losses_of_epochs(losses, 0.0), arrays

    def _blocks(self, count: int) -> Iterator[slice]:
        """Return parts of so many members that fill 64 lanes, or 16."""
        start = 0
        while start < count:
            many = self.wide and count - start > 3 * LANES
            some = slice(start, start + (4 if many else 1) * LANES)
            yield some
            start = some.stop

    def _call(
        self, block: Array, arrays: list[Array], some: slice, rows: Array, rates: Array, part: slice
    ) -> Array:
        """Make one compiled call for a block of members; return the objectives (members, U).

        arrays, rows and rates are those of all active members, of which the block is `some`. The
        updates are a part of all those of the window.
        """
        member, estimator = self.members[0], self.members[0].estimator
        weights, slots, counters = arrays
        state = np.ascontiguousarray(slots[:, some])
        constant = rates.shape[1] == 1
        losses = np.full((part.stop - part.start, len(block)), np.nan)
        PopulationTrainCall(
            weights=weights[some],
            slots=state,
            layers=self.layers,
            x=self.x,
            y=self.whole.y,
            rows=rows[some],
            epoch_rows=np.full(len(block), rows.shape[1]),
            counters=counters[some],
            rates=rates[some] if constant else np.ascontiguousarray(rates[some, part]),
            losses=losses,
            seeds=np.zeros(len(block), np.uint64),
            penalties=np.ascontiguousarray(self.penalties[:, block]),
            loss=estimator._kernel_loss(),
            optimizer=member.steps.rule,
            batch_size=member.batch,
            shuffle=False,
            clip_norm=float(estimator.clip_norm or 0.0),
        ).run(kernels)
        slots[:, some] = state
        return losses.T

    def _rates(self, active: Array, n: int) -> Array:
        """Return the learning rates (members, U), or (members, 1) if they are constant."""
        members = [self.members[k] for k in active.tolist()]
        if members[0].estimator.schedule is None:
            return np.array([[member.steps.learning_rate] for member in members])
        for k in active.tolist():
            self.members[k].steps.counters[...] = self.counters[k]  # which schedules depend on
        return np.stack([member.rates(n) for member in members])

    def _orders(self, active: Array, first: int, epochs: int) -> Array:
        """Return the rows (members, R) of epochs from number `first` on, one after the other."""
        rows = self.rows[active]
        member = self.members[0]
        if member.orders is None or member.batch == member.count:
            return np.ascontiguousarray(np.tile(rows, epochs))
        drawn: dict[Any, Array] = {}
        for k in active.tolist():
            orders = self.members[k].orders
            if orders not in drawn:
                drawn[orders] = np.concatenate(orders.of(first, epochs))
        orders = [drawn[self.members[k].orders] for k in active.tolist()]
        return np.take_along_axis(rows, np.stack(orders), axis=1)

    # --- after epochs ---------------------------------------------------------------

    def _look(self, active: Array, losses: Array, arrays: list[Array]) -> None:
        """Let members record one epoch and decide whether to stop, with all that they check."""
        self._change(active, np.arange(len(active)), arrays)
        for k, loss in zip(active.tolist(), losses, strict=True):
            self._store(k)
            self._let(k, lambda member, loss=loss: member.after_epochs(loss))

    def _record(self, active: Array, losses: Array, arrays: list[Array]) -> None:
        """Record epochs of members that go on after them; the others repeat them alone.

        Those are members that stop, diverge or change their learning rate before the end.
        """
        members = [self.members[k] for k in active.tolist()]
        best = np.array([member.estimator.best_loss_ for member in members])
        count = np.array([member.estimator._no_improvement_count for member in members])
        finite = np.isfinite(losses).all(axis=1)
        with np.errstate(all="ignore"):
            best, counts = improvement(losses, best, count, self.tol[active])
        going = np.asarray(finite & (counts <= self.patience[active, None]).all(axis=1))
        self._change(active, np.flatnonzero(going), arrays)
        ended = zip(members, losses.tolist(), best.tolist(), counts[:, -1].tolist(), strict=True)
        for i, (member, *record) in enumerate(ended):
            if going[i]:
                member.record(*record)
        n = losses.shape[1]
        for k in active[~going].tolist():
            self._store(k)
            self._let(k, lambda member: member.train(member.estimator.n_iter_ + n))

    def _let(self, k: int, go_on: Any) -> None:
        """Let a member train or record alone, and note whether it should stop or has failed."""
        member = self.members[k]
        try:
            self.stopped[k] = go_on(member)
        except Exception as error:
            self.errors[k] = error
        self.weights[k] = member.network.weights[self.at]
        self.slots[:, k] = member.steps.slots[:, self.at]
        self.counters[k] = member.steps.counters

    def _change(self, active: Array, some: Array, arrays: list[Array]) -> None:
        """Take over the arrays of some of the active members from a compiled call."""
        weights, slots, counters = arrays
        self.weights[active[some]] = weights[some]
        self.slots[:, active[some]] = slots[:, some]
        self.counters[active[some]] = counters[some]

    def _store(self, k: int) -> None:
        """Write the weights and the state of the optimizer into a member's own arrays."""
        member = self.members[k]
        member.network.weights[self.at] = self.weights[k]
        member.steps.slots[:, self.at] = self.slots[:, k]
        member.steps.counters[...] = self.counters[k]
