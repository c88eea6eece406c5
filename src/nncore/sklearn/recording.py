"""What is recorded after each epoch, and the criteria by which training stops."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from nncore.params import Array
from nncore.sklearn.callback_protocol import Hooks
from nncore.sklearn.exceptions import DivergenceWarning, warn
from nncore.sklearn.flat import Flat
from nncore.sklearn.rows import HeldOut, Rows, Subset
from nncore.sklearn.steps import Steps
from nncore.training import asked_to_stop
from nncore.training.epochs.settings import EpochEvent

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)


def improvement(losses: Array, best: Any, count: Any, tol: Any) -> tuple[Array, Array]:
    """Return the least loss (...), and the epochs without an improvement after each epoch.

    Parameters
    ----------
    losses : ndarray of shape (..., n)
        The finite losses of n epochs.
    best, count, tol : ndarray of shape (...)
        The least loss before them, the epochs since the last improvement, and by how much a loss
        has to be below the least one.

    Returns
    -------
    best : ndarray of shape (...)
    counts : ndarray of shape (..., n)
    """
    least = np.empty((*losses.shape[:-1], losses.shape[-1] + 1))
    least[..., 0], least[..., 1:] = best, losses
    np.minimum.accumulate(least, axis=-1, out=least)
    epochs = np.arange(losses.shape[-1])
    worse = losses > least[..., :-1] - np.asarray(tol)[..., None]
    last = np.where(worse, -1 - np.asarray(count)[..., None], epochs)  # improvement so far
    return least[..., -1], epochs - np.maximum.accumulate(last, axis=-1)


class Record:
    """The records of one call of `fit` or `partial_fit`, which are the estimator's attributes."""

    estimator: Any
    network: Flat
    steps: Steps
    rows: Rows | Subset
    layers: Array
    held_out: HeldOut | None
    hooks: Hooks | None
    functions: tuple[Callable[[Any], object], ...]
    count: int  # rows of an epoch
    updates: int  # of an epoch
    start: Array  # the initial weights
    seconds: float  # of the last epoch
    diverged: bool

    def end(self, stopped: bool) -> None:
        """Warn if training diverged, or ended before it converged."""
        estimator = self.estimator
        if estimator.early_stopping:
            self._warn_of_what_is_kept()
        if not stopped and not estimator._incremental:
            warn(
                f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the "
                f"optimization hasn't converged yet.",
                ConvergenceWarning,
            )

    @property
    def checked(self) -> bool:
        """Whether more than the loss has to be looked at after every epoch."""
        return bool(self.held_out or self.functions or self.hooks or self.steps.decays)

    def after_epochs(self, losses: Array) -> bool:
        """Record the losses of epochs, after the last of which training may stop."""
        estimator = self.estimator
        if self.checked or estimator.verbose or not np.isfinite(losses).all():
            stop = [self._after_epoch(loss) for loss in losses.tolist()]
            return stop[-1]
        best, counts = self.improvement(losses)
        self.record(losses.tolist(), float(best), int(counts[-1]))
        return self._out_of_patience()

    def improvement(self, losses: Array) -> tuple[Array, Array]:
        """Return the `improvement` by the losses of the next epochs."""
        estimator = self.estimator
        before = estimator.best_loss_, estimator._no_improvement_count
        return improvement(losses, *before, estimator.tol)

    def record(self, losses: list[float], best: float, count: int) -> None:
        """Record finite losses, the least one so far, and the last epochs without improvement."""
        estimator = self.estimator
        estimator.loss_ = losses[-1]
        estimator.n_iter_ += len(losses)
        estimator.t_ += self.count * len(losses)
        estimator.loss_curve_ += losses
        estimator.best_loss_, estimator._no_improvement_count = best, count

    def _after_epoch(self, loss: float) -> bool:
        """Record the loss, validate, call the callbacks; return whether training should stop."""
        estimator = self.estimator
        estimator.loss_ = loss
        finite = math.isfinite(loss)
        estimator.n_iter_ += 1
        estimator.t_ += self.count
        estimator.loss_curve_.append(loss)
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {loss:.8f}")
        self.validation = (math.nan, math.nan)
        if self.held_out is not None:
            if finite:
                self.validation = self.held_out.measure(self.network.weights, self.layers)
            estimator.validation_loss_curve_.append(self.validation[0])
        if not finite:
            return self._diverged()
        self._note_progress()
        self.steps.end_epoch(estimator.t_)
        stop = self._out_of_patience()
        return self._asked_to_stop() or stop

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

    def restore_the_best(self) -> None:
        """With early stopping, set the weights to those with the best score."""
        estimator = self.estimator
        if estimator.early_stopping and estimator._best is not None:
            self.network.weights[...] = estimator._best

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

    def _out_of_patience(self) -> bool:
        """Return whether too many epochs in a row have brought no improvement."""
        estimator = self.estimator
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

    def _asked_to_stop(self) -> bool:
        """Call the callbacks; return whether one of them returned True."""
        estimator = self.estimator
        if not self.functions:
            return False
        loss, score = self.validation
        measured = self.held_out is not None
        event = EpochEvent(
            model=estimator,
            epoch=estimator.n_iter_,
            epochs=1 if estimator._incremental else estimator.max_iter,
            loss=estimator.loss_,
            validation_loss=loss if measured else None,
            validation_accuracy=score if measured else None,
            rows_per_second=self.count / max(self.seconds, 1e-9),
        )
        return asked_to_stop(self.functions, event)
