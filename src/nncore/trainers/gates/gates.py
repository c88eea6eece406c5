"""Gradient ascent on the value of a circuit.

Examples
--------
>>> from nncore.trainers.gates.gates import climb, inputs
>>> x, y = inputs("x y")
>>> climb(x * y, {"x": 3, "y": -4}).values
array([-12.    , -11.7512])
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nncore.checks import one_of, positive_int
from nncore.trainers.gates.circuits import Circuit, exp, inputs

__all__ = ["Circuit", "Climb", "climb", "exp", "inputs"]


@dataclass(frozen=True, eq=False)
class Climb:
    """Result of `climb`.

    Attributes
    ----------
    values : ndarray of shape (steps + 1,)
        The value of the circuit at the start and after each step.
    inputs : dict of str to ndarray of shape (steps + 1,)
        The values of each input at the start and after each step.
    """

    values: NDArray[np.float64]
    inputs: dict[str, NDArray[np.float64]]


def climb(
    circuit: Circuit,
    start: Mapping[str, float],
    step_size: float = 0.01,
    steps: int = 1,
    gradient: str = "analytic",
    h: float | None = 1e-4,
) -> Climb:
    """
    Increase the value of a circuit by gradient ascent.

    Parameters
    ----------
    circuit : Circuit
        The circuit; negate it to decrease its value.
    start : dict of str to float
        The initial value of each input.
    step_size : float
        Factor on the derivatives, above 0. Too large a step can overshoot a maximum.
    steps : int
        Number of steps, at least 1.
    gradient : {"analytic", "forward", "central"}
        "analytic" uses `Circuit.gradient`, the others `Circuit.numerical_gradient` with this
        scheme.
    h : float or None
        Step of the numerical gradient.

    Returns
    -------
    Climb

    Raises
    ------
    TypeError, ValueError
        If an argument is not numeric, out of range or unknown.
    ZeroDivisionError, OverflowError
        As for `Circuit.value`, if a gate has no finite value at one of the steps.
    """
    if not isinstance(circuit, Circuit):
        raise TypeError(f"circuit must be a Circuit, got {type(circuit).__name__}")
    kind = one_of("gradient", gradient, ("analytic", "forward", "central"))
    length = positive_int("steps", steps) + 1
    here = circuit.numbers_by_name("start", start)
    way = Climb(np.empty(length), {name: np.empty(length) for name in here})
    for step in range(length):
        if step:
            slopes = None
            if kind != "analytic":
                slopes = circuit.numerical_gradient(here, h=h, scheme=kind)
            here = circuit.step(here, step_size=step_size, derivatives=slopes)
        way.values[step] = circuit.value(here)
        for name, value in here.items():
            way.inputs[name][step] = value
    return way
