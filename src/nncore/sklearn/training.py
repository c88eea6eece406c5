"""Training by mini-batches: an epoch is one compiled call, without the GIL."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from nncore import kernels
from nncore.arguments.train_call import TrainCall
from nncore.params import Array, aligned_zeros
from nncore.sklearn.callback_protocol import Hooks
from nncore.sklearn.exceptions import DivergenceWarning, warn
from nncore.sklearn.flat import Flat, readable
from nncore.sklearn.rows import HeldOut, Rows
from nncore.sklearn.steps import Steps
from nncore.training import CallLength, asked_to_stop, progress_bar
from nncore.training.epochs.settings import EpochEvent

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)


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


class Epochs:
    """The epochs of one call of `fit` or `partial_fit`, and the criteria by which they stop.

    The fitted attributes of the estimator are updated after each compiled call.
    """

    def __init__(
        self,
        estimator: Any,
        network: Flat,
        steps: Steps,
        rows: Rows,
        held_out: HeldOut | None,
        rng: np.random.RandomState,
    ) -> None:
        self.estimator, self.network, self.steps = estimator, network, steps
        self.held_out, self.rng = held_out, rng
        self.functions = estimator._callbacks()
        self.count = len(rows)
        self.batch = batch_rows(estimator, self.count)
        self.rows, self.mean_weight = rows, self._mean_weight(rows.weight)
        self.updates = -(-self.count // self.batch)
        sizes = np.full(self.updates, self.batch)
        sizes[-1] = self.count - self.batch * (self.updates - 1)
        self.shares = sizes / self.count
        self.layers = network.layers(estimator.activation, "identity")
        self.x = readable(rows.x, network.weights.dtype)
        self.order = np.arange(self.count)
        self.gradient = aligned_zeros(network.weights.size, network.weights.dtype)
        hidden = len(self.layers) - 1
        rates = np.broadcast_to(np.asarray(estimator.dropout, float), hidden)
        self.dropout = tuple(map(float, rates)) if rates.any() else ()
        # Drawn only if needed, as all other numbers are drawn in scikit-learn's order.
        self.seed = int(rng.randint(2**31 - 1)) if self.dropout else 0
        self.call = CallLength(first=1)
        self.start = network.weights.copy() if estimator.early_stopping else network.weights
        self.diverged = False

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

    def run(self, epochs: int, hooks: Hooks) -> None:
        """Train for at most this number of epochs."""
        estimator = self.estimator
        estimator.n_iter_ = 0
        stop = False
        with progress_bar(estimator.progress, epochs, "epoch") as bar:
            try:
                while not stop and estimator.n_iter_ < epochs:
                    hooks.begin_epoch()
                    for losses in self._train(self._epochs_ahead(epochs, hooks)):
                        stop = self._after_epoch(losses, epochs)
                        if estimator.progress:
                            bar(1, {"loss": f"{estimator.loss_:.4g}"})
                    stop = hooks.end_epoch() or stop
            except KeyboardInterrupt:
                warn("Training interrupted by user.")
                return
        if estimator.early_stopping:
            self._warn_of_what_is_kept()
        if not stop and not estimator._incremental:
            warn(
                f"Stochastic Optimizer: Maximum iterations ({epochs}) reached and the "
                f"optimization hasn't converged yet.",
                ConvergenceWarning,
            )

    def _epochs_ahead(self, epochs: int, hooks: Hooks) -> int:
        """Return the number of epochs for one compiled call, none of which can be the last.

        Training stops after more than n_iter_no_change epochs without an improvement, so the
        epochs before that can run without a check between them.
        """
        estimator = self.estimator
        if self.held_out or self.functions or hooks or self.steps.decays:
            return 1
        left = estimator.n_iter_no_change + 1 - estimator._no_improvement_count
        return int(min(max(1, left), epochs - estimator.n_iter_, max(1, self.call.updates)))

    def _train(self, epochs: int) -> list[Array]:
        """Run epochs, and return the objectives of each; NaN after a non-finite one."""
        self.call.start()
        orders = self._orders(epochs)
        rates = self.steps.rates(epochs * self.updates, *self._schedule())
        self.losses = np.full(epochs * self.updates, np.nan)
        self.penalties = np.zeros(epochs * self.updates)
        self._call(orders, rates)
        if not np.isfinite(self.network.weights).all():
            self.losses[-1] = np.nan
        self.seconds = self.call.stop(epochs) / epochs
        scale = self.estimator._loss_scale()
        with np.errstate(all="ignore"):  # `_diverged` handles non-finite ones
            objectives = scale * (self.losses - self.penalties) + self.penalties
        return list(objectives.reshape(epochs, self.updates))

    def _schedule(self) -> tuple[Any, int]:
        """Return the schedule, and the number of updates for which it is planned."""
        return self.estimator.schedule, self.estimator.max_iter * self.updates

    def _orders(self, epochs: int) -> Array | None:
        """Return the concatenated orders of the rows in each epoch, or None for the given order.

        They are drawn as in scikit-learn. A batch of all rows needs no order; one is drawn only
        for a generator that the user may continue to use.
        """
        whole = self.batch == self.count
        if not self.estimator.shuffle or (whole and isinstance(self.estimator.random_state, int)):
            return None
        orders = []
        for _ in range(epochs):
            visits = np.arange(self.count)
            self.rng.shuffle(visits)
            self.order = self.order[visits]
            orders.append(self.order)
        if whole:
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

    # --- after an epoch -----------------------------------------------------------

    def _after_epoch(self, losses: Array, epochs: int) -> bool:
        """Record the loss, validate, call the callbacks; return whether training should stop."""
        estimator = self.estimator
        with np.errstate(all="ignore"):
            estimator.loss_ = float(np.dot(self.shares, losses))
        finite = math.isfinite(estimator.loss_)
        estimator.n_iter_ += 1
        estimator.t_ += self.count
        estimator.loss_curve_.append(estimator.loss_)
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
        self.validation = (math.nan, math.nan)
        if self.held_out is not None:
            if finite:
                self.validation = self.held_out.measure(self.network.weights, self.layers)
            estimator.validation_loss_curve_.append(self.validation[0])
        if not finite:
            return self._diverged()
        stop = self._converged()
        return self._asked_to_stop(epochs) or stop

    def _diverged(self) -> bool:
        """Restore the best weights with early stopping; otherwise raise ValueError."""
        if not self.estimator.early_stopping:
            raise ValueError(NOT_FINITE)
        self.estimator.validation_scores_.append(math.nan)
        self.diverged = True
        self._keep_the_best()
        return True

    def _keep_the_best(self) -> None:
        """Set `_best` to the best weights of all epochs and the initial ones, and their loss.

        The epoch before training diverges is often far worse than no training.
        """
        estimator, held_out = self.estimator, self.held_out
        assert held_out is not None
        self.network.weights[...] = self.start  # for the user's scorer
        _, score = held_out.measure(self.start, self.layers)
        if estimator._best is None or score > estimator.best_validation_score_:
            loss = self._objective_at_the_start()
            if not math.isfinite(loss):
                raise ValueError(NOT_FINITE)
            estimator._best, estimator._loss_of_best = self.start, loss
            if math.isfinite(score):
                estimator.best_validation_score_ = score
        estimator.loss_ = estimator._loss_of_best

    def _objective_at_the_start(self) -> float:
        """Return the mean loss of the training rows, with the penalties of a full batch."""
        estimator, rows, start = self.estimator, self.rows, self.start
        loss, _ = HeldOut(
            rows, estimator._kernel_loss(), estimator._loss_scale(), estimator._score_of
        ).measure(start, self.layers)
        total = self.count if rows.weight is None else float(rows.weight.sum(dtype=np.float64))
        weights = np.concatenate([start[at] for at in self.network.decaying()]).astype(np.float64)
        with np.errstate(all="ignore"):
            penalty = 0.5 * estimator.alpha * self.updates / total * np.dot(weights, weights)
            return float(loss + penalty + estimator.l1 * np.abs(weights).sum())

    def _warn_of_what_is_kept(self) -> None:
        """Warn if training diverged, or there was no finite validation score."""
        estimator = self.estimator
        if self.diverged:
            iteration = estimator.n_iter_
            message = (
                f"Training diverged: non-finite loss or weights in iteration {iteration}. The "
                f"best weights before it were restored, with a validation score of "
                f"{estimator.best_validation_score_:.6g} and a loss of {estimator.loss_:.6g}. Try "
                f"a smaller learning rate, or scale the data."
            )
        elif estimator._best is None:
            message = (
                "The validation score was not finite after any iteration; the weights of the last "
                "one were kept. Scale the data, or check the validation data."
            )
        else:
            return
        warn(message, DivergenceWarning)

    def _converged(self) -> bool:
        """Return whether too many epochs in a row have brought no improvement."""
        estimator = self.estimator
        self._note_progress()
        self.steps.end_epoch(estimator.t_)
        if estimator._no_improvement_count <= estimator.n_iter_no_change:
            return False
        lowered = self.steps.lower()
        if lowered:
            estimator._no_improvement_count = 0
        if estimator.verbose:
            what = "Validation score" if estimator.early_stopping else "Training loss"
            then = f"Setting learning rate to {self.steps.learning_rate:f}"
            if not lowered:
                adaptive = self.steps.policy == "adaptive"
                then = "Learning rate too small. Stopping." if adaptive else "Stopping."
            print(
                f"{what} did not improve more than tol={estimator.tol:f} for "
                f"{estimator.n_iter_no_change} consecutive epochs. {then}"
            )
        return not lowered

    def _note_progress(self) -> None:
        """Count the epochs without an improvement by tol, and keep the best weights."""
        estimator = self.estimator
        if estimator.early_stopping:
            score, best = self.validation[1], estimator.best_validation_score_
            estimator.validation_scores_.append(score)
            if estimator.verbose:
                print(f"Validation score: {score:f}")
            worse = not math.isfinite(score) or score < best + estimator.tol
            if score > best:
                estimator.best_validation_score_ = score
                estimator._best = self.network.weights.copy()
                estimator._loss_of_best = estimator.loss_
        else:
            loss, best = estimator.loss_, estimator.best_loss_
            worse = loss > best - estimator.tol
            estimator.best_loss_ = min(loss, best)
        estimator._no_improvement_count = estimator._no_improvement_count + 1 if worse else 0

    def _asked_to_stop(self, epochs: int) -> bool:
        """Call the callbacks; return whether one of them returned True."""
        estimator = self.estimator
        if not self.functions:
            return False
        loss, score = self.validation
        measured = self.held_out is not None
        event = EpochEvent(
            model=estimator,
            epoch=estimator.n_iter_,
            epochs=epochs,
            loss=estimator.loss_,
            validation_loss=loss if measured else None,
            validation_accuracy=score if measured else None,
            rows_per_second=self.count / max(self.seconds, 1e-9),
        )
        return asked_to_stop(self.functions, event)
