"""Comparison of a network's gradients with numerical ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nncore.checks import positive_int
from nncore.gradients.numerical import DEFAULT_STEPS, exact_step, positive_step
from nncore.gradients.problems import problem_of
from nncore.randomness import generator

if TYPE_CHECKING:
    from nncore.gradients.problems import Inputs, Network, Targets
    from nncore.randomness import Seed

ERROR_BOUND = 1e-5  # of `GradientCheck.ok`
MOST_CHECKED = 2000  # parameters, unless asked for more


@dataclass(frozen=True)
class GradientCheck:
    """Result of `check_gradients`: the parameter whose gradient is furthest from the numerical one.

    Attributes
    ----------
    parameter : str
        Name of the parameter whose error exceeds its rounding the most, such as "w1[2, 0]".
    analytic, numerical : float
        Its derivative, as the network computes it and by finite differences.
    error : float
        Their difference, divided by the largest of: the two derivatives, 1e-4 times the largest
        derivative of all parameters, and 1e-4 times the loss.
    rounding : float
        The part of the error that the rounding of the loss can explain.
    checked : int
        Number of parameters that were compared.
    total : int
        Number of parameters of the network.
    kinks : int
        Number of parameters that were skipped because the loss has no derivative there (relu at
        0): its slopes to the left and to the right differ.
    """

    parameter: str
    analytic: float
    numerical: float
    error: float
    rounding: float
    checked: int
    total: int
    kinks: int

    @property
    def ok(self) -> bool:
        """Whether the error exceeds the rounding by at most 1e-5; False if most are at kinks."""
        return self._enough and self.error - self.rounding <= ERROR_BOUND

    @property
    def _enough(self) -> bool:
        """Whether at least as many parameters were compared as were skipped."""
        return self.checked > 0 and self.checked >= self.kinks

    def __repr__(self) -> str:
        if not self.checked:
            what = f"nothing compared, {self.kinks} of {self.total} parameters at kinks"
            return f"<GradientCheck: {what}>"
        verdict = "ok" if self.ok else "WRONG" if self._enough else "too little compared"
        text = (
            f"<GradientCheck: {verdict}, largest error {self.error:.2g} "
            f"(rounding: {self.rounding:.1g}) in {self.parameter}, analytic {self.analytic:.8g}, "
            f"numerical {self.numerical:.8g}; {self.checked} of {self.total} parameters"
        )
        return text + (f", {self.kinks} at kinks skipped>" if self.kinks else ">")


def check_gradients(
    net: Network,
    X: Inputs,
    Y: Targets | None = None,
    *,
    h: float | None = None,
    sample: int | None = None,
    rng: Seed = 0,
) -> GradientCheck:
    """
    Compare the gradients of a network with central differences of its loss.

    Parameters
    ----------
    net : MLP, RNN or CharRNN
        The network. A copy in float64 is checked, as differences in float32 are mostly rounding.
    X, Y : array-like, sparse matrix or list of arrays
        The batch, as in the `loss` of the network. A few rows or sequences are enough. For a
        `CharRNN`, X is a text, as in `CharRNN.loss_and_gradients`, and Y is left out; a few
        characters are enough.
    h : float, optional
        Step of the differences, above 0; by default 6e-6 times max(1, abs(parameter)). Where the
        two derivatives differ, a tenth and a hundredth of it are tried as well, as a kink of
        relu, of the absolute error or of Huber's may be within the step. If h is so large that
        most parameters are skipped because of kinks, the result is not `ok`.
    sample : int, optional
        Number of parameters to check, drawn at random; by default 2000, or all if there are
        fewer.
    rng : int, SeedSequence, Generator or None
        Seed of that draw.

    Returns
    -------
    GradientCheck

    Raises
    ------
    TypeError
        If net is not an `MLP`, `RNN` or `CharRNN`.
    TypeError, ValueError, IndexError
        If X or Y does not fit the network, as in its `loss` or `loss_and_gradients`.

    Examples
    --------
    >>> import nncore
    >>> net = nncore.MLP([2, 3, 1], rng=0)
    >>> nncore.check_gradients(net, [[0.5, -1.0]], [[1.0]]).ok
    True
    """
    step, draw = positive_step(h), generator(rng)
    most = MOST_CHECKED if sample is None else positive_int("sample", sample)
    problem = problem_of(net, X, Y)
    objective, gradients = problem.objective, problem.gradients
    total, places = _chosen(gradients, most, draw)
    scale = max(abs(objective), *(float(np.abs(array).max()) for array in gradients.values()))
    worst, checked = (-1.0, -1.0), 0
    found = ("", math.nan, math.nan, math.nan, math.nan)
    for name, at in places:
        analytic = float(gradients[name][at])
        slopes = _Slopes(problem.loss, problem.parameters[name], at, objective)
        numerical, error, rounding = _compared(slopes, analytic, step, scale, problem.noise)
        if math.isnan(error):
            continue
        checked += 1
        if (rank := (max(0.0, error - rounding), error)) > worst:
            where = f"{name}[{', '.join(map(str, at))}]"
            worst, found = rank, (where, analytic, numerical, error, rounding)
    return GradientCheck(*found, checked, total, len(places) - checked)


def _chosen(
    gradients: dict[str, NDArray[Any]], most: int, draw: np.random.Generator
) -> tuple[int, list[tuple[str, tuple[int, ...]]]]:
    """Return the number of parameters, and the name and index of those to check."""
    places = [(name, at) for name, array in gradients.items() for at in np.ndindex(array.shape)]
    total = len(places)
    if most < total:
        places = [places[i] for i in np.sort(draw.choice(total, most, replace=False))]
    return total, places


class _Slopes:
    """Difference quotients of a loss with respect to one parameter, on either side of its value."""

    def __init__(
        self, loss: Callable[[], float], array: NDArray[Any], at: tuple[int, ...], here: float
    ) -> None:
        self._loss, self._array, self._at, self._here = loss, array, at, here

    def width(self, h: float | None, shrunk: float) -> float:
        """Return the step of a quotient: h, or the default, times `shrunk`."""
        return (h or exact_step(float(self._array[self._at]), DEFAULT_STEPS["central"])) * shrunk

    def left_and_right(self, h: float | None, shrunk: float) -> tuple[float, float]:
        """Return the quotients to the left and to the right of the parameter's value."""
        value, width = float(self._array[self._at]), self.width(h, shrunk)
        above, below = value + width, value - width
        if value in (above, below) or not math.isfinite(width):
            raise ValueError(f"h is too small or too large: {width} for a parameter of {value}")
        try:
            self._array[self._at] = above
            right = (self._loss() - self._here) / (above - value)
            self._array[self._at] = below
            left = (self._here - self._loss()) / (value - below)
        finally:
            self._array[self._at] = value
        return left, right


def _compared(
    slopes: _Slopes, analytic: float, h: float | None, scale: float, noise: float
) -> tuple[float, float, float]:
    """Return the best quotient, its relative error and its relative rounding; NaN at a kink.

    `noise` bounds the rounding error of the objective.
    """
    rounding = noise / slopes.width(h, 1)  # of the quotient

    def judged(numerical: float) -> list[float]:
        """Return a quotient's error beyond rounding, error and rounding, relative, and itself."""
        size = max(abs(analytic), abs(numerical), 1e-4 * scale)
        error = abs(analytic - numerical)
        beyond = max(0.0, error - rounding)
        return [a / size if size else 0.0 for a in (beyond, error, rounding)] + [numerical]

    found, jumps = [], []
    for shrunk in (1, 0.1, 0.01):
        left, right = slopes.left_and_right(h, shrunk)
        found.append(judged((left + right) / 2))
        jumps.append(max(0.0, abs(right - left) - 4 * rounding / shrunk))
        if found[-1][0] <= ERROR_BOUND:
            break
    else:
        # Where the loss is smooth, the slopes differ by a tenth as much each time; not at a kink.
        if any(after > max(before / 5, 1e-6 * scale) for before, after in pairwise(jumps)):
            return math.nan, math.nan, math.nan
        # If only the second derivative jumps, the error falls with the step, not its square.
        away = [abs(analytic - numerical) for *_, numerical in found]
        if all(after <= before / 5 for before, after in pairwise(away)):
            wide, narrow = found[-2][-1], found[-1][-1]
            found.append(judged(narrow + (narrow - wide) / 9))  # extrapolated to a step of 0
    _, error, relative_rounding, numerical = min(found)
    return numerical, error, relative_rounding
