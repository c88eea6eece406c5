"""Training by L-BFGS: SciPy's minimiser, our objective and gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.optimize
from sklearn.exceptions import ConvergenceWarning

from nncore import kernels
from nncore.mlp_run_settings import EpochEvent
from nncore.params import Array
from nncore.sklearn.exceptions import DivergenceWarning, warn
from nncore.sklearn.flat import CHUNK, Flat, dense
from nncore.sklearn.rows import HeldOut, Rows
from nncore.training import asked_to_stop

MOST_ROWS = 512  # in one compiled call, whose matrices then stay in the cache


class Objective:
    """Mean loss plus penalty of all rows, and its gradient, as functions of the flat vector."""

    def __init__(self, network: Flat, layers: Array, rows: Rows, loss: str, alpha: float) -> None:
        self.layers, self.rows, self.loss = layers, rows, loss
        total = len(rows) if rows.weight is None else float(rows.weight.sum())
        self.decay = alpha / total * network.decay()
        most = max(1, CHUNK // max(1, rows.x.shape[1])) if rows.sparse else MOST_ROWS
        starts = range(0, len(rows), min(most, MOST_ROWS))
        self.parts = [slice(start, start + starts.step) for start in starts]
        self.shares = [self._counts(part) / total for part in self.parts]

    def _counts(self, part: slice) -> float:
        """What these rows count."""
        if self.rows.weight is not None:
            return float(self.rows.weight[part].sum())
        return len(self.rows.y[part])

    @np.errstate(all="ignore")  # SciPy's search steps back from non-finite values
    def penalty(self, weights: Array) -> float:
        return 0.5 * float(np.dot(self.decay * weights, weights))

    @np.errstate(all="ignore")
    def loss_and_penalty(self, weights: Array) -> tuple[float, float, Array]:
        """Both parts of the objective, and the gradient of their sum."""
        loss, gradient = 0.0, self.decay * weights
        penalty = self.penalty(weights)
        for at, share in zip(self.parts, self.shares, strict=True):
            if share == 0:
                continue
            part = self.rows.take(at)
            value, slope = kernels.mlp_gradients(
                weights,
                self.layers,
                dense(part.x, np.float64),
                part.y,
                loss=self.loss,
                sample_weight=part.weight,
            )
            loss += share * value
            gradient += share * slope
        return loss, penalty, gradient

    def __call__(self, weights: Array) -> tuple[float, Array]:
        loss, penalty, gradient = self.loss_and_penalty(weights)
        return loss + penalty, gradient


class Iterations:
    """What comes after each iteration: notes, and the user's callbacks."""

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
        self.stopped = False  # by a callback; SciPy's status for it depends on its version

    def reported(self, loss: float, penalty: float) -> float:
        """The objective as all solvers report it: of several outputs, the mean loss."""
        return float(self.estimator._loss_scale() * loss + penalty)

    def __call__(self, intermediate_result: Any) -> None:
        """SciPy knows this form of a callback by the argument's name."""
        estimator = self.estimator
        self.weights = intermediate_result.x.copy()  # SciPy goes on writing into it
        estimator.n_iter_ += 1
        penalty = self.objective.penalty(self.weights)
        estimator.loss_ = self.reported(float(intermediate_result.fun) - penalty, penalty)
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
        loss = score = None
        if self.held_out is not None or self.functions:
            self.leave(self.weights)  # where callbacks and scorers find them
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

    @np.errstate(all="ignore")  # those that overflow in float32 are refused in the end
    def leave(self, weights: Array) -> None:
        """Have the network's weights be these."""
        self.network.weights[...] = weights

    def finish(self, weights: Array) -> None:
        """Leave the network with these weights, and the estimator with their loss."""
        self.leave(weights)
        loss, penalty, _ = self.objective.loss_and_penalty(weights)
        self.estimator.loss_ = self.reported(loss, penalty)


def minimise(
    estimator: Any, network: Flat, layers: Array, rows: Rows, held_out: HeldOut | None
) -> None:
    """Train the network; computed in float64 whatever its dtype."""
    y = rows.y if rows.y.dtype.kind == "i" else rows.y.astype(np.float64)
    weight = None if rows.weight is None else rows.weight.astype(np.float64)
    objective = Objective(
        network, layers, Rows(rows.x, y, weight), estimator._kernel_loss(), float(estimator.alpha)
    )
    estimator.n_iter_ = 0
    notes = Iterations(estimator, network, layers, objective, held_out)
    try:
        result = scipy.optimize.minimize(
            objective,
            notes.weights,
            method="L-BFGS-B",
            jac=True,
            callback=notes,
            options={
                "maxfun": estimator.max_fun,
                "maxiter": estimator.max_iter,
                "gtol": estimator.tol,
            },
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
    """Tell in which way the minimiser ended without success."""
    what = f"after {estimator.n_iter_} iteration(s): {str(result.message).rstrip(': ')}."
    kept = "the weights of the last iteration were kept" if result.nit else "nothing was learned"
    kind: type[Warning] = ConvergenceWarning
    if not np.isfinite(estimator.loss_):
        kind = DivergenceWarning
        message = f"lbfgs diverged {what} The loss is {estimator.loss_}; {kept}. Scale the data."
    elif result.status == 1:  # what there is in iterations or evaluations is used up
        message = (
            f"lbfgs failed to converge {what} "
            f"Increase the number of iterations (max_iter) or scale the data."
        )
    elif result.status != 0:
        message = (
            f"lbfgs failed to converge {what} No step made the loss smaller; {kept}. Scale the "
            f"data, or use solver='adam'."
        )
    else:
        return
    warn(message, kind)
