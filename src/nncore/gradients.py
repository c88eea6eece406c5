"""Gradients by difference quotients: what every other gradient can be compared with."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore.checks import number, one_of, positive_int
from nncore.randomness import generator
from nncore.sparse import SparseLike, SparseRows

if TYPE_CHECKING:
    from nncore.mlp.network import MLP
    from nncore.randomness import Seed

# Where rounding, about eps / h, and the rest of the Taylor series, h or h squared, are alike.
EPS = float(np.finfo(np.float64).eps)
DEFAULT_STEPS = {"forward": EPS ** (1 / 2), "central": EPS ** (1 / 3)}
ERROR_BOUND = 1e-5  # of `GradientCheck.ok`
ROUNDING = 8.0  # of the objective, in units of its last place
MOST_CHECKED = 2000  # parameters, unless asked for more


def numerical_gradient(
    f: Callable[[NDArray[np.float64]], Any],
    x: ArrayLike,
    h: float | None = None,
    scheme: str = "central",
) -> NDArray[np.float64]:
    """
    The derivatives of f by each element of x, from values of f alone.

    Parameters
    ----------
    f : function
        Takes a float64 array of x's shape, which is its own to change, and returns a finite
        number. It should compute in float64: in float32 rounding drowns such small differences.
    x : array_like of numbers, any shape
        Where to take the derivatives; it is not changed.
    h : float, optional
        Distance of the points compared, above 0, for every element as it is. By default the
        square root ("forward") or the cube root ("central") of the machine's precision, times
        max(1, abs(x)) for each element.
    scheme : {"central", "forward"}
        (f(x + h) - f(x - h)) / 2h, or (f(x + h) - f(x)) / h, which calls f half as often and
        whose error falls with h instead of with its square.

    Returns
    -------
    ndarray of float64 and of x's shape

    Raises
    ------
    TypeError
        If f is no function or returns no number, or x or h hold no numbers.
    ValueError
        If the scheme is unknown, x or a value of f is not finite, or h is not above 0, or so
        small or large that x + h is x or infinity.
    """
    if not callable(f):
        raise TypeError(f"f must be a function, got {type(f).__name__}")
    central = one_of("scheme", scheme, tuple(DEFAULT_STEPS)) == "central"
    at, step = _point(x), _step(h)
    middle = None if central else _value(f, at.copy())
    gradient = np.empty(at.shape)
    for index in np.ndindex(at.shape):
        width = step or _exact_step(float(at[index]), DEFAULT_STEPS[scheme])
        above = _value(f, _moved(at, index, width))
        if middle is None:
            gradient[index] = (above - _value(f, _moved(at, index, -width))) / (2 * width)
        else:
            gradient[index] = (above - middle) / width
    return gradient


def _point(x: ArrayLike) -> NDArray[np.float64]:
    """x as an array of its own."""
    try:
        given = np.asarray(x)
    except ValueError as error:  # lists of different lengths
        raise ValueError(f"x must be an array of numbers: {error}") from None
    if given.dtype.kind not in "iuf":
        raise TypeError(f"x must hold real numbers, got {given.dtype}")
    with np.errstate(over="ignore"):  # of long doubles, told below
        at = np.array(given, dtype=np.float64, subok=False)
    if not np.isfinite(at).all():
        raise ValueError("x must be finite, got NaN or infinity")
    return at


def _step(h: float | None) -> float | None:
    if h is None:
        return None
    step = number("h", h, "a positive number or None")
    if not 0 < step < math.inf:
        raise ValueError(f"h must be a positive number or None, got {h}")
    return step


def _exact_step(x: float, share: float) -> float:
    """About share * max(1, abs(x)), and x + step is exact, so that it is the true distance."""
    return (x + share * max(1.0, abs(x))) - x


def _moved(at: NDArray[np.float64], index: tuple[int, ...], by: float) -> NDArray[np.float64]:
    """A copy of the point in which one element is moved."""
    moved = at.copy()
    moved[index] = float(at[index]) + by
    if moved[index] == at[index] or not math.isfinite(moved[index]):
        wrong = "small" if moved[index] == at[index] else "large"
        raise ValueError(f"h is too {wrong} for an element of x: {at[index]} and {abs(by)}")
    return moved


def _value(f: Callable[[NDArray[np.float64]], Any], at: NDArray[np.float64]) -> float:
    """f there, which must be a finite number; an array without dimensions is one, too."""
    value = f(at)
    if isinstance(value, np.ndarray):
        if value.shape:
            raise TypeError(f"f must return a number, got an array of shape {value.shape}")
        value = value[()]
    result = number("what f returns", value)
    if not math.isfinite(result):
        raise ValueError(f"f must return a finite number, got {result}")
    return result


@dataclass(frozen=True)
class GradientCheck:
    """How far the gradients of a network are from difference quotients, where they are furthest.

    parameter: which, as "w1[2, 0]"; analytic, numerical: its two derivatives; error: their
    difference, relative to the larger of both, or to 1e-4 of the largest derivative or of the
    objective where that is larger still. rounding: how much of that the objective's rounding may
    explain; the parameter is the one whose error goes furthest beyond. checked: how many
    parameters were compared, of `total`. kinks: how many were looked at and left out, as the
    objective has no derivative there (relu at 0): its slopes to the left and right differ.
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
        """Is the error at most 1e-5 beyond rounding? False where most was left out at kinks."""
        return self._enough and self.error - self.rounding <= ERROR_BOUND

    @property
    def _enough(self) -> bool:
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
        return text + (f", {self.kinks} at kinks left out>" if self.kinks else ">")


def check_gradients(
    net: MLP,
    X: ArrayLike | SparseLike,
    Y: ArrayLike,
    *,
    h: float | None = None,
    sample: int | None = None,
    rng: Seed = 0,
) -> GradientCheck:
    """
    Compare a network's gradients with central differences of its loss.

    Parameters
    ----------
    net : MLP
        It stays as it is: a copy in float64 is looked at, as differences in float32 are
        mostly rounding.
    X, Y : array_like
        The batch, as in `MLP.loss`. A few rows are enough.
    h : float, optional
        Distance of the points compared, above 0; by default 6e-6 times max(1, abs(parameter)).
        Where the two derivatives differ, a tenth and a hundredth of it are tried as well,
        for a kink of relu, the absolute error or Huber's may lie between the points; where h is
        so large that most are left out for kinks, the result is not `ok`.
    sample : int, optional
        How many parameters to check, drawn at random; by default 2000, or all if there are
        not more. The result tells how many.
    rng : seed of that draw.

    Raises TypeError for what is no MLP, and what `MLP.loss` raises for data that does not fit.
    """
    model = _in_float64(net)
    step, draw = _step(h), generator(rng)
    wanted = MOST_CHECKED if sample is None else positive_int("sample", sample)
    data = model._data(X, Y)
    x = data.x if isinstance(data.x, SparseRows) else np.asarray(data.x, np.float64)
    objective, gradients = model.loss_and_gradients(x, data.y)
    places = [(name, at) for name, array in gradients.items() for at in np.ndindex(array.shape)]
    total = len(places)
    if wanted < total:
        chosen = np.sort(draw.choice(total, wanted, replace=False))
        places = [places[i] for i in chosen]
    scale = max(abs(objective), *(float(np.abs(array).max()) for array in gradients.values()))
    # A trained network's loss is tiny, but computed from outputs that are not: these round.
    outputs = model._ops.mlp_predict(model._weights, model._loss_layers, x)
    size = 1 + abs(objective) + float(np.abs(outputs).max()) + float(np.abs(data.y).max())
    noise = ROUNDING * float(np.finfo(np.float64).eps) * size
    worst, checked = (-1.0, -1.0), 0
    found = ("", math.nan, math.nan, math.nan, math.nan)
    parameters = model.parameters
    for name, at in places:
        analytic = float(gradients[name][at])
        slopes = _Slopes(lambda: model.loss(x, data.y), parameters[name], at, objective)
        numerical, error, rounding = _compared(slopes, analytic, step, scale, noise)
        if math.isnan(error):
            continue
        checked += 1
        if (rank := (max(0.0, error - rounding), error)) > worst:
            where = f"{name}[{', '.join(map(str, at))}]"
            worst, found = rank, (where, analytic, numerical, error, rounding)
    return GradientCheck(*found, checked, total, len(places) - checked)


def _in_float64(net: MLP) -> MLP:
    """A copy of the network that computes in float64."""
    from nncore.mlp.network import MLP

    if not isinstance(net, MLP):
        raise TypeError(f"net must be an MLP, got {type(net).__name__}")
    return MLP(
        net.layer_sizes,
        net.activations[:-1],
        net.activations[-1],
        net.loss_name,
        l1=net.l1,
        l2=net.l2,
        weight_init=net.parameters,
        dtype="float64",
        backend=net.backend,
        rng=0,
    )


class _Slopes:
    """Difference quotients of a loss by one parameter, on either side of where it stands."""

    def __init__(
        self, loss: Callable[[], float], array: NDArray[Any], at: tuple[int, ...], here: float
    ) -> None:
        self._loss, self._array, self._at, self._here = loss, array, at, here

    def width(self, h: float | None, shrunk: float) -> float:
        """How far the points of a quotient are from where the parameter stands."""
        return (h or _exact_step(float(self._array[self._at]), DEFAULT_STEPS["central"])) * shrunk

    def left_and_right(self, h: float | None, shrunk: float) -> tuple[float, float]:
        value, width = float(self._array[self._at]), self.width(h, shrunk)
        above, below = value + width, value - width
        if value in (above, below) or not math.isfinite(width):
            raise ValueError(f"h is too small or too large for a parameter of {value}: {width}")
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
    """The quotient nearest to the derivative, its relative error and its rounding; NaN at a kink.

    noise: how far rounding may move the objective.
    """
    rounding = noise / slopes.width(h, 1)  # of the quotient

    def judged(numerical: float) -> list[float]:
        """Its relative error beyond rounding, that error, the rounding, and itself."""
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
        # On smooth ground the slopes differ by a tenth as much each time; not so near a kink.
        if any(after > max(before / 5, 1e-6 * scale) for before, after in pairwise(jumps)):
            return math.nan, math.nan, math.nan
        # Where only the second derivative jumps, the error falls with the step, not its square.
        away = [abs(analytic - numerical) for *_, numerical in found]
        if all(after <= before / 5 for before, after in pairwise(away)):
            wide, narrow = found[-2][-1], found[-1][-1]
            found.append(judged(narrow + (narrow - wide) / 9))  # their line, at a step of 0
    _, error, relative_rounding, numerical = min(found)
    return numerical, error, relative_rounding
