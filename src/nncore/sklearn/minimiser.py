"""L-BFGS for many parameters (Liu and Nocedal 1989): SciPy's L-BFGS-B without bounds.

With a million parameters, SciPy spends more time on bounds than on everything else. Constants,
stopping criteria and messages are those of SciPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import OptimizeResult

from nncore.params import Array
from nncore.sklearn.line_search import LONGEST, Point, search
from nncore.sklearn.long_vectors import Vectors, add_scaled, add_scaled_and_dot, dot

CORRECTIONS = 10  # number of pairs of steps and gradient changes that are kept
LEAST_REDUCTION = 2.2204460492503131e-09  # relative, of the function
EPS = float(np.finfo(np.float64).eps)

Objective = Callable[[Array, Array], float]  # of x; fills its second argument with the gradient

STOPS = {
    "gradient": (0, "CONVERGENCE: NORM OF PROJECTED GRADIENT <= PGTOL"),
    "function": (0, "CONVERGENCE: RELATIVE REDUCTION OF F <= FACTR*EPSMCH"),
    "iterations": (1, "STOP: TOTAL NO. OF ITERATIONS REACHED LIMIT"),
    "evaluations": (1, "STOP: TOTAL NO. OF F,G EVALUATIONS EXCEEDS LIMIT"),
    "callback": (2, "STOP: CALLBACK REQUESTED HALT"),
    "abnormal": (2, "ABNORMAL: "),
}


class Curvature:
    """The approximation of the inverse Hessian from steps and gradient changes."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors
        self.pairs: list[tuple[Array, Array, float]] = []  # s, y and 1 / s.y, the oldest first
        self.scale = 1.0

    def clear(self) -> None:
        """Forget all pairs."""
        while self.pairs:
            self._forget()
        self.scale = 1.0

    def _forget(self) -> None:
        """Forget the oldest pair."""
        step, change, _ = self.pairs.pop(0)
        self.vectors.give(step)
        self.vectors.give(change)

    def add(self, step: Array, change: Array, product: float) -> None:
        """Add a pair and its dot product, which is positive; both vectors are kept."""
        if len(self.pairs) == CORRECTIONS:
            self._forget()
        self.pairs.append((step, change, 1 / product))
        self.scale = product / dot(change, change)

    def direction(self, gradient: Array) -> Array:
        """Return minus the inverse Hessian times the gradient, by the two-loop recursion."""
        d = np.negative(gradient, out=self.vectors.take())
        if not self.pairs:
            return d
        backward, factors = self.pairs[::-1], []
        product = dot(backward[0][0], d)
        for i, (_, change, factor) in enumerate(backward):
            factors.append(factor * product)
            after = backward[i + 1][0] if i + 1 < len(backward) else change
            product = add_scaled_and_dot(change, -factors[-1], d, after)
        d *= self.scale
        product *= self.scale  # of the oldest gradient change with d
        for i, (step, _, factor) in enumerate(self.pairs):
            size = factors.pop() - factor * product
            if i + 1 < len(self.pairs):
                product = add_scaled_and_dot(step, size, d, self.pairs[i + 1][1])
            else:
                add_scaled(step, size, d)
        return d


class Minimiser:
    """A minimisation; x, value and gradient are those of the last iteration."""

    def __init__(self, objective: Objective, x: Array, most_evaluations: int) -> None:
        self.objective, self.most_evaluations = objective, most_evaluations
        self.evaluations = self.iterations = 0
        self.vectors = Vectors(x.size)
        self.curvature = Curvature(self.vectors)
        self.x, self.gradient = self.vectors.take(), self.vectors.take()
        self.x[...] = x
        self.value = self._evaluate(self.x, self.gradient)

    def _evaluate(self, x: Array, gradient: Array) -> float:
        """Evaluate the objective and count the evaluation."""
        self.evaluations += 1
        return self.objective(x, gradient)

    def run(
        self, callback: Callable[..., object], most_iterations: int, gradient_limit: float
    ) -> str:
        """Iterate until a criterion is met, and return its key in STOPS."""
        why = "gradient" if self._largest() <= gradient_limit else ""
        while not why:
            before = self.value
            if not self._iterate():
                return "abnormal"
            try:
                callback(intermediate_result=OptimizeResult(x=self.x, fun=self.value))
            except StopIteration:
                return "callback"
            if self.iterations >= most_iterations:
                why = "iterations"
            elif self.evaluations > self.most_evaluations:
                why = "evaluations"
            elif self._largest() <= gradient_limit:
                why = "gradient"
            elif before - self.value <= LEAST_REDUCTION * max(abs(before), abs(self.value), 1):
                why = "function"
        return why

    def _largest(self) -> float:
        """Return the largest absolute value of the gradient; NaN if it has one."""
        return float(max(self.gradient.max(), -self.gradient.min()))

    def _iterate(self) -> bool:
        """Take a step; if there is none, forget the curvature and try again."""
        while True:
            if self._step():
                self.iterations += 1
                return True
            if not self.curvature.pairs:
                return False
            self.curvature.clear()

    def _step(self) -> bool:
        """Move to a better point in the search direction; return False if there is none."""
        d = self.curvature.direction(self.gradient)
        slope = dot(self.gradient, d)
        if not slope < 0:
            self.vectors.give(d)
            return False
        first = 1.0
        if self.iterations == 0:
            first = min(1 / math.sqrt(dot(d, d)), LONGEST)
        x, gradient = self.vectors.take(), self.vectors.take()

        def evaluate(step: float) -> Point:
            """Return the point at a step."""
            np.multiply(d, step, out=x)
            np.add(x, self.x, out=x)
            value = self._evaluate(x, gradient)
            return Point(step, value, dot(gradient, d))

        point = search(Point(0.0, self.value, slope), first, evaluate)
        if point is None:
            for vector in (d, x, gradient):
                self.vectors.give(vector)
            return False
        self._move(point, slope, d, x, gradient)
        return True

    def _move(self, point: Point, slope: float, d: Array, x: Array, gradient: Array) -> None:
        """Move to the new point, and update the curvature."""
        product = (point.slope - slope) * point.step
        if product > EPS * -slope * point.step:
            change = np.subtract(gradient, self.gradient, out=self.gradient)
            if point.step != 1:
                d *= point.step
            self.curvature.add(d, change, product)
        else:
            self.vectors.give(d)
            self.vectors.give(self.gradient)
        self.vectors.give(self.x)
        self.x, self.value, self.gradient = x, point.value, gradient


def minimise(
    objective: Objective,
    x: Array,
    callback: Callable[..., object],
    *,
    maxiter: int,
    maxfun: int,
    gtol: float,
) -> OptimizeResult:
    """Minimise a function from x (P,), and return the result as `scipy.optimize.minimize` does.

    objective: returns the value, and writes the gradient into its second argument. The array that
    a callback receives is reused after the next iteration.
    """
    run = Minimiser(objective, x, maxfun)
    status, message = STOPS[run.run(callback, maxiter, gtol)]
    if status == 2 and (run.evaluations > maxfun or run.iterations >= maxiter):
        status = 1
    return OptimizeResult(
        x=run.x,
        fun=run.value,
        jac=run.gradient,
        nit=run.iterations,
        nfev=run.evaluations,
        status=status,
        success=status == 0,
        message=message,
    )
