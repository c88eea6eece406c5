"""Climbing to larger values of a circuit of gates, as tutorials begin.

x, y = inputs("x y")
climb(x * y, {"x": 3, "y": -4}).values      # one step of 0.01: array([-12., -11.7512])
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
    """The way that `climb` took, one element for the start and one for each step."""

    values: NDArray[np.float64]
    """The circuit's values (steps + 1,)."""
    inputs: dict[str, NDArray[np.float64]]
    """The values of each input (steps + 1,), by name."""


def climb(
    circuit: Circuit,
    start: Mapping[str, float],
    step_size: float = 0.01,
    steps: int = 1,
    gradient: str = "analytic",
    h: float | None = 1e-4,
) -> Climb:
    """
    Move the inputs along their derivatives, so that the circuit's value grows.

    Parameters
    ----------
    circuit : Circuit
        To make it small instead, climb its negative.
    start : dict
        A number for each input, by name.
    step_size : float
        By what derivatives are multiplied, above 0. Too large a step may jump over the top.
    steps : int
        At least 1.
    gradient : {"analytic", "forward", "central"}
        `Circuit.gradient`, or `Circuit.numerical_gradient` by this scheme, with h.

    Raises
    ------
    TypeError, ValueError
        For wrong arguments, naming them.
    ZeroDivisionError, OverflowError
        As `Circuit.value`, if the way leads to where a gate has no value.
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
