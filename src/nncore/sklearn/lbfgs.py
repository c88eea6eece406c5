"""Training by L-BFGS, with the minimiser of SciPy or, for many parameters, our own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import scipy.optimize
import scipy.sparse
from sklearn.exceptions import ConvergenceWarning

from nncore import kernels
from nncore.params import Array
from nncore.sklearn import minimiser
from nncore.sklearn.exceptions import DivergenceWarning, warn
from nncore.sklearn.flat import Flat, readable
from nncore.sklearn.long_vectors import add_scaled, dot
from nncore.sklearn.rows import HeldOut, Rows
from nncore.sparse import SparseRows
from nncore.training import asked_to_stop
from nncore.training.epochs.settings import EpochEvent

MOST_ROWS = 512  # in one compiled call, whose matrices then stay in the cache
LARGE = 1 << 16  # parameters from which our own minimiser is faster
MOST_NUMBERS = 1 << 20  # of all layers' outputs for sparse rows in one compiled call


def _rows_at_once(layers: Array, rows: Rows) -> int:
    """Return the rows in one compiled call, more if sparse, as each call visits all weights."""
    if not isinstance(rows.x, SparseRows):
        return MOST_ROWS
    return max(MOST_ROWS, MOST_NUMBERS // int(layers[:, 1].sum()))


def _counts(rows: Rows) -> float:
    """Return the number of rows, or the sum of their weights."""
    return len(rows) if rows.weight is None else float(rows.weight.sum())


def _sorted(rows: Rows) -> Rows:
    """Return sparse rows together with their columns, which every gradient of them needs."""
    if not isinstance(rows.x, SparseRows):
        return rows
    x = rows.x.copy()  # SciPy does not check indices, which other threads must not change
    by_columns = scipy.sparse.csr_array((x.data, x.indices, x.indptr), x.shape).tocsc()
    columns = SparseRows(by_columns.data, by_columns.indices, by_columns.indptr, x.shape[::-1])
    return Rows(replace(x, columns=columns), rows.y, rows.weight)


class Objective:
    """Mean loss plus penalty of all rows, and its gradient, as functions of the flat vector."""

    @np.errstate(all="ignore")
    def __init__(self, network: Flat, layers: Array, rows: Rows, loss: str, alpha: float) -> None:
        self.layers, self.loss = layers, loss
        total = len(rows) if rows.weight is None else float(rows.weight.sum())
        self.decay = alpha / total
        self.decaying = network.decaying()
        self.last: tuple[Array, float, float] | None = None  # weights, loss, penalty
        starts = range(0, len(rows), _rows_at_once(layers, rows))
        self.parts = [_sorted(rows.take(slice(at, at + starts.step))) for at in starts]
        self.shares = [_counts(part) / total for part in self.parts]

    @np.errstate(all="ignore")  # the line search steps back from non-finite values
    def loss_and_penalty(self, weights: Array, gradient: Array) -> tuple[float, float]:
        """Return both parts of the objective, and write its gradient into `gradient`."""
        loss, filled = 0.0, False
        for part, share in zip(self.parts, self.shares, strict=True):
            if share == 0:
                continue
            value, slope = kernels.mlp_gradients(
                weights,
                self.layers,
                readable(part.x, np.float64),
                part.y,
                loss=self.loss,
                sample_weight=part.weight,
                out=None if filled else gradient,
            )
            loss += share * value
            if share != 1:
                slope *= share
            if filled:
                gradient += slope
            filled = True
        penalty = self._add_penalty(weights, gradient)
        self.last = weights, loss, penalty
        return loss, penalty

    def _add_penalty(self, weights: Array, gradient: Array) -> float:
        """Return the penalty, and add its gradient to `gradient`."""
        squares = 0.0
        for at in self.decaying:
            w = weights[at]
            squares += dot(w, w)
            add_scaled(w, self.decay, gradient[at])
        return 0.5 * self.decay * squares

    def measured(self, weights: Array) -> tuple[float, float]:
        """Return both parts of the objective; those of the last evaluation are kept."""
        if self.last is None or not (
            self.last[0] is weights or np.array_equal(self.last[0], weights)
        ):
            self.loss_and_penalty(weights, np.empty_like(weights))
        assert self.last is not None
        return self.last[1:]

    def fill(self, weights: Array, gradient: Array) -> float:
        """Return the objective, and write its gradient into `gradient`."""
        return sum(self.loss_and_penalty(weights, gradient))

    def __call__(self, weights: Array) -> tuple[float, Array]:
        """Return the objective and its gradient, in a new array."""
        gradient = np.empty_like(weights)
        return self.fill(weights, gradient), gradient


class Iterations:
    """The work after each iteration: records, validation, and the user's callbacks."""

    def __init__(
        self,
        estimator: Any,
        network: Flat,
        layers: Array,
        objective: Objective,
        held_out: HeldOut | None,
    ) -> None:
        self.estimator, self.network, self.objective = estimator, network, objective
        self.layers, self.held_out = layers, held_out
        self.functions = estimator._callbacks()
        self.weights = network.weights.astype(np.float64)  # of the last iteration
        self.spare = np.empty_like(self.weights)  # half written if Ctrl-C interrupts
        self.stopped = False  # by a callback, for which SciPy's status depends on its version

    def reported(self, loss: float, penalty: float) -> float:
        """Return the objective as all solvers report it, a mean over outputs."""
        return float(self.estimator._loss_scale() * loss + penalty)

    def __call__(self, intermediate_result: Any) -> None:
        """Record an iteration; SciPy passes the result by the name of this argument."""
        estimator = self.estimator
        self.spare[...] = intermediate_result.x  # a copy, as minimisers reuse the array
        self.weights, self.spare = self.spare, self.weights
        estimator.n_iter_ += 1
        estimator.loss_ = self.reported(*self.objective.measured(intermediate_result.x))
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
        loss = score = None
        if self.held_out is not None or self.functions:
            self.leave(self.weights)  # for callbacks and scorers
        if self.held_out is not None:
            loss, score = self.held_out.measure(self.weights, self.layers)
            estimator.validation_loss_curve_.append(loss)
        if self.functions:
            event = EpochEvent(
                estimator, estimator.n_iter_, estimator.max_iter, estimator.loss_, loss, score, 0.0
            )
            self.stopped = asked_to_stop(self.functions, event)
            if self.stopped:
                raise StopIteration

    @np.errstate(all="ignore")  # overflow in float32 is refused by `fit`
    def leave(self, weights: Array) -> None:
        """Write weights into the network."""
        self.network.weights[...] = weights

    def finish(self, weights: Array) -> None:
        """Write the final weights into the network, and their loss into the estimator."""
        self.leave(weights)
        self.estimator.loss_ = self.reported(*self.objective.measured(weights))


def _run(objective: Objective, notes: Iterations, **options: Any) -> Any:
    """Run SciPy's minimiser, or ours where SciPy's vector operations would dominate."""
    if notes.weights.size >= LARGE:
        return minimiser.minimise(objective.fill, notes.weights, notes, **options)
    return scipy.optimize.minimize(
        objective, notes.weights, method="L-BFGS-B", jac=True, callback=notes, options=options
    )


def minimise(
    estimator: Any, network: Flat, layers: Array, rows: Rows, held_out: HeldOut | None
) -> None:
    """Train a network, computing in float64 regardless of its dtype."""
    y = rows.y if rows.y.dtype.kind == "i" else rows.y.astype(np.float64)
    weight = None if rows.weight is None else rows.weight.astype(np.float64)
    objective = Objective(
        network, layers, Rows(rows.x, y, weight), estimator._kernel_loss(), float(estimator.alpha)
    )
    estimator.n_iter_ = 0
    notes = Iterations(estimator, network, layers, objective, held_out)
    try:
        result = _run(
            objective,
            notes,
            maxfun=estimator.max_fun,
            maxiter=estimator.max_iter,
            gtol=estimator.tol,
        )
    except KeyboardInterrupt:
        warn("Training interrupted by user.")
        notes.finish(notes.weights)
        return
    estimator.n_iter_ = min(int(result.nit), estimator.max_iter)
    notes.finish(result.x)
    if not notes.stopped:
        _warn_unless_converged(estimator, result)


def _warn_unless_converged(estimator: Any, result: Any) -> None:
    """Warn if the minimiser ended without success."""
    what = f"after {estimator.n_iter_} iteration(s): {str(result.message).rstrip(': ')}."
    kept = "the weights of the last iteration were kept" if result.nit else "nothing was learned"
    kind: type[Warning] = ConvergenceWarning
    if not np.isfinite(estimator.loss_):
        kind = DivergenceWarning
        message = f"lbfgs diverged {what} The loss is {estimator.loss_}; {kept}. Scale the data."
    elif result.status == 1:  # the limit of iterations or evaluations
        message = (
            f"lbfgs failed to converge {what} "
            f"Increase the number of iterations (max_iter) or scale the data."
        )
    elif result.status != 0:
        message = (
            f"lbfgs failed to converge {what} No step reduced the loss; {kept}. Scale the "
            f"data, or use solver='adam'."
        )
    else:
        return
    warn(message, kind)
