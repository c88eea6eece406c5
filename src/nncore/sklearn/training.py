"""Training by mini-batches: an epoch is one compiled call, without the GIL."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from nncore import kernels
from nncore.arguments.train_call import TrainCall
from nncore.params import Array, aligned_zeros
from nncore.sklearn.exceptions import warn
from nncore.sklearn.flat import Flat, readable
from nncore.sklearn.orders import Orders
from nncore.sklearn.recording import Record
from nncore.sklearn.rows import HeldOut, Rows, Subset
from nncore.sklearn.steps import Steps
from nncore.training import CallLength, progress_bar

SHORT = 10_000_000  # multiply-adds of a call whose length needs no measurement


def batch_rows(estimator: Any, rows: int) -> int:
    """Return the number of rows in a batch."""
    if estimator.batch_size == "auto":
        return min(200, rows)
    if estimator.batch_size > rows:
        warn(
            f"batch_size={estimator.batch_size} is larger than the {rows} rows to train on. It is "
            f"going to be clipped"
        )
    return min(int(estimator.batch_size), rows)


class Epochs(Record):
    """The epochs of one call of `fit` or `partial_fit`, and the criteria by which they stop.

    The fitted attributes of the estimator are updated after each compiled call.
    """

    def __init__(
        self,
        estimator: Any,
        network: Flat,
        steps: Steps,
        rows: Rows | Subset,
        held_out: HeldOut | None,
        rng: np.random.RandomState,
    ) -> None:
        self.estimator, self.network, self.steps = estimator, network, steps
        self.held_out, self.hooks = held_out, None
        self.functions = estimator._callbacks()
        self.count = len(rows)
        self.batch = batch_rows(estimator, self.count)
        self.rows, self.mean_weight = rows, self._mean_weight(rows.weight)
        self.updates = -(-self.count // self.batch)
        sizes = np.full(self.updates, self.batch)
        sizes[-1] = self.count - self.batch * (self.updates - 1)
        self.shares = sizes / self.count
        self.layers = network.layers(estimator.activation, "identity")
        self.gradient = aligned_zeros(network.weights.size, network.weights.dtype)
        hidden = len(self.layers) - 1
        rates = np.broadcast_to(np.asarray(estimator.dropout, float), hidden)
        self.dropout = tuple(map(float, rates)) if rates.any() else ()
        # Drawn only if needed, as all other numbers are drawn in scikit-learn's order.
        self.seed = int(rng.randint(2**31 - 1)) if self.dropout else 0
        self.call = CallLength(first=max(1, SHORT // (self.count * network.weights.size)))
        self.orders = self._orders_from(rng)
        self.start = network.weights.copy() if estimator.early_stopping else network.weights
        self.diverged = False

    @cached_property
    def x(self) -> Any:
        """The inputs as the kernels read them."""
        return readable(self.rows.x, self.network.weights.dtype)

    def _orders_from(self, rng: np.random.RandomState) -> Orders | None:
        """Return the orders of the rows, or None if they are read in sequence.

        A batch of all rows needs no order; one is drawn only for a generator that the user may
        continue to use.
        """
        estimator = self.estimator
        needless = self.batch == self.count and isinstance(estimator.random_state, int)
        return Orders(rng, self.count) if estimator.shuffle and not needless else None

    def _mean_weight(self, weight: Array | None) -> float:
        """Return the divisor of a batch's weights; 0 for their mean, as in scikit-learn."""
        if weight is None:
            return 0.0
        if getattr(self.estimator, "class_weight", None) is not None:
            return 1.0 if self.estimator._incremental else float(weight.mean(dtype=np.float64))
        if self.batch == 1 and (weight != weight[0]).any():
            warn(
                "sample_weight has no effect on batches of a single row, as weights are divided by "
                "their sum in each batch, as in scikit-learn. Use a larger batch_size, or "
                "class_weight, with which weights have an effect for every batch_size."
            )
        return 0.0

    def run(self, epochs: int) -> None:
        """Train for at most this number of epochs."""
        estimator = self.estimator
        estimator.n_iter_ = 0
        with progress_bar(estimator.progress, epochs, "epoch") as bar:
            try:
                stopped = self.train(epochs, bar)
            except KeyboardInterrupt:
                warn("Training interrupted by user.")
                return
        self.end(stopped)

    def train(self, until: int, bar: Any = None) -> bool:
        """Train until an epoch, or until training should stop; return whether it should."""
        estimator, stop = self.estimator, False
        while not stop and estimator.n_iter_ < until:
            if self.hooks:
                self.hooks.begin_epoch()
            losses = self.epochs(self._epochs_ahead(until))
            stop = self.after_epochs(losses)
            if estimator.progress and bar is not None:
                bar(len(losses), {"loss": f"{estimator.loss_:.4g}"})
            if self.hooks:
                stop = self.hooks.end_epoch() or stop
        return stop

    def _epochs_ahead(self, until: int) -> int:
        """Return the number of epochs for one compiled call, none of which can be the last.

        Training stops after more than n_iter_no_change epochs without an improvement, so the
        epochs before that can run without a check between them.
        """
        if self.checked:
            return 1
        estimator = self.estimator
        left = estimator.n_iter_no_change + 1 - estimator._no_improvement_count
        return int(min(max(1, left), until - estimator.n_iter_, max(1, self.call.updates)))

    def epochs(self, epochs: int) -> Array:
        """Run epochs, and return the loss of each; it is NaN from a non-finite one on."""
        self.call.start()
        orders = self._orders(epochs)
        rates = self.rates(epochs)
        self.losses = np.full(epochs * self.updates, np.nan)
        self.penalties = np.zeros(epochs * self.updates)
        self._call(orders, rates)
        if not np.isfinite(self.network.weights).all():
            self.losses[-1] = np.nan
        self.seconds = self.call.stop(epochs) / epochs
        return self.losses_of_epochs(self.losses, self.penalties)

    def losses_of_epochs(self, objectives: Array, penalties: Array | float) -> Array:
        """Return the losses (..., epochs) of epochs from the objectives (..., U) of their batches.

        penalties: those in the objectives; they do not matter if `_loss_scale` is 1.
        """
        scale = self.estimator._loss_scale()
        with np.errstate(all="ignore"):  # `_diverged` handles non-finite ones
            if scale != 1:
                objectives = scale * (objectives - penalties) + penalties
            epochs = objectives.reshape(*objectives.shape[:-1], -1, self.updates)
            return np.asarray((epochs * self.shares).sum(axis=-1))

    def rates(self, epochs: int) -> Array:
        """Return the learning rates of all updates of the next epochs."""
        estimator = self.estimator
        planned = estimator.max_iter * self.updates
        return self.steps.rates(epochs * self.updates, estimator.schedule, planned)

    def _orders(self, epochs: int) -> Array | None:
        """Return the concatenated orders of the rows in the next epochs, or None."""
        if self.orders is None:
            return None
        orders = self.orders.of(self.estimator.n_iter_, epochs)
        if self.batch == self.count:
            return None
        return orders[0] if epochs == 1 else np.concatenate(orders)

    def _call(self, orders: Array | None, rates: Array) -> None:
        """Make one compiled call, with an update for each rate."""
        estimator, steps = self.estimator, self.steps
        TrainCall(
            weights=self.network.weights,
            gradient=self.gradient,
            slots=steps.slots,
            layers=self.layers,
            x=self.x,
            y=self.rows.y,
            order=orders,
            counters=steps.counters,
            rates=rates,
            losses=self.losses,
            loss=estimator._kernel_loss(),
            optimizer=steps.rule,
            epoch_rows=self.count,
            batch_size=self.batch,
            l1=float(estimator.l1),
            sample_weight=self.rows.weight,
            dropout=self.dropout,
            seed=self.seed,
            clip_norm=float(estimator.clip_norm or 0.0),
            alpha=float(estimator.alpha),
            penalties=self.penalties,
            shuffle=False,
            mean_weight=self.mean_weight,
        ).run(kernels)
