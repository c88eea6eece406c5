"""The line search of Moré and Thuente (1994), for a step that satisfies Wolfe's conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

# The constants of L-BFGS-B (Zhu, Byrd, Lu and Nocedal 1997).
DECREASE = 1e-3  # fraction of the initial slope by which the function must decrease
CURVATURE = 0.9  # fraction of the initial slope that may remain
NARROWEST = 0.1  # width of the interval, relative to its end
LONGEST = 1e10
MOST_STEPS = 20


@dataclass(frozen=True)
class Point:
    """A step length, and the function's value and slope there."""

    step: float
    value: float
    slope: float

    def tilted(self, by: float) -> Point:
        """Return the point of the function minus a line with this slope."""
        return Point(self.step, self.value - by * self.step, self.slope - by)


def search(
    start: Point, step: float, evaluate: Callable[[float], Point], most: int = MOST_STEPS
) -> Point | None:
    """Return a point that satisfies Wolfe's conditions, or None if `most` trials find none.

    start: the point at step 0, with a negative slope. step: the first trial.
    """
    test = DECREASE * start.slope
    best = other = start
    bracketed, tilt = False, True
    widths = (LONGEST, 2 * LONGEST)  # of the interval, and twice that of the one before
    low, high = 0.0, 5 * step
    for _ in range(most):
        point = evaluate(step)
        enough = start.value + step * test
        if not (math.isfinite(point.value) and math.isfinite(point.slope)):
            step = 0.5 * (best.step + step)
            continue
        if tilt and point.value <= enough and point.slope >= 0:
            tilt = False
        if _is_good(point, start, enough) or _is_stuck(point, enough, test, bracketed, low, high):
            return point
        # Until the function has decreased enough, a minimum of the tilted one is bracketed.
        by = test if tilt and enough < point.value <= best.value else 0.0
        tilted = best.tilted(by), other.tilted(by), point.tilted(by)
        try:
            best, other, step, bracketed = _next_step(*tilted, bracketed, low, high)
        except (ArithmeticError, ValueError):  # no cubic passes through the points
            return None
        best, other = best.tilted(-by), other.tilted(-by)
        if bracketed:
            width = abs(other.step - best.step)
            if width >= 0.66 * widths[1]:
                step = best.step + 0.5 * (other.step - best.step)
            widths = width, widths[0]
            low, high = sorted((best.step, other.step))
        else:
            low, high = (step + factor * (step - best.step) for factor in (1.1, 4.0))
        step = min(max(step, 0.0), LONGEST)
        if bracketed and (not low < step < high or high - low <= NARROWEST * high):
            step = best.step
    return None


def _is_good(point: Point, start: Point, enough: float) -> bool:
    """Whether both of Wolfe's conditions hold."""
    return point.value <= enough and abs(point.slope) <= CURVATURE * -start.slope


def _is_stuck(
    point: Point, enough: float, test: float, bracketed: bool, low: float, high: float
) -> bool:
    """Whether no better point can be found: the interval is too narrow, or at its limit."""
    if bracketed and (not low < point.step < high or high - low <= NARROWEST * high):
        return True
    if point.step == LONGEST:
        return point.value <= enough and point.slope <= test
    return point.step == 0 and (point.value > enough or point.slope >= test)


def _next_step(
    best: Point, other: Point, new: Point, bracketed: bool, low: float, high: float
) -> tuple[Point, Point, float, bool]:
    """Return the updated interval and the next trial.

    They are the best point, the other end, the step, and whether the interval has a minimum.
    """
    opposite = new.slope * best.slope < 0
    if new.value > best.value:
        cubic, quadratic = _cubic(best, new), _quadratic(best, new)
        nearer = abs(cubic - best.step) < abs(quadratic - best.step)
        return best, new, cubic if nearer else cubic + (quadratic - cubic) / 2, True
    if opposite:
        cubic, secant = _cubic(new, best), _secant(new, best)
        step = cubic if abs(cubic - new.step) > abs(secant - new.step) else secant
        return new, best, step, True
    if abs(new.slope) < abs(best.slope):
        step = _flatter_step(best, other, new, bracketed, low, high)
    elif bracketed:
        step = _cubic(new, other)
    else:
        step = high if new.step > best.step else low
    return new, other, step, bracketed


def _flatter_step(
    best: Point, other: Point, new: Point, bracketed: bool, low: float, high: float
) -> float:
    """Return the next trial beyond a lower, flatter point; the cubic may have no minimum there."""
    cubic, secant = _cubic_beyond(best, new, low, high), _secant(new, best)
    cubic_is_nearer = abs(cubic - new.step) < abs(secant - new.step)
    if not bracketed:
        return min(max(secant if cubic_is_nearer else cubic, low), high)
    step = cubic if cubic_is_nearer else secant
    limit = new.step + 0.66 * (other.step - new.step)
    return min(limit, step) if new.step > best.step else max(limit, step)


def _cubic_terms(a: Point, b: Point) -> tuple[float, float]:
    """Return theta and gamma of the cubic through two points."""
    theta = 3 * (a.value - b.value) / (b.step - a.step) + a.slope + b.slope
    scale = max(abs(theta), abs(a.slope), abs(b.slope))
    square = (theta / scale) ** 2 - (a.slope / scale) * (b.slope / scale)
    return theta, scale * math.sqrt(max(0.0, square))


def _cubic(a: Point, b: Point) -> float:
    """Return the minimum of the cubic with the values and slopes of both points."""
    theta, gamma = _cubic_terms(a, b)
    gamma = -gamma if b.step < a.step else gamma
    p, q = gamma - a.slope + theta, gamma - a.slope + gamma + b.slope
    return a.step + p / q * (b.step - a.step)


def _cubic_beyond(best: Point, new: Point, low: float, high: float) -> float:
    """Return the cubic's minimum beyond the new point, or an end of the interval without one."""
    theta, gamma = _cubic_terms(best, new)
    gamma = -gamma if new.step > best.step else gamma
    p, q = gamma - new.slope + theta, gamma + (best.slope - new.slope) + gamma
    if gamma != 0 and p / q < 0:
        return new.step + p / q * (best.step - new.step)
    return high if new.step > best.step else low


def _quadratic(a: Point, b: Point) -> float:
    """Return the minimum of the parabola with both values and the first slope."""
    fall = (a.value - b.value) / (b.step - a.step) + a.slope
    return a.step + a.slope / fall / 2 * (b.step - a.step)


def _secant(a: Point, b: Point) -> float:
    """Return the step at which the linearly interpolated slope is 0."""
    return a.step + a.slope / (a.slope - b.slope) * (b.step - a.step)
