"""Circuits of gates over real values.

Values are computed forward from the inputs to the last gate, derivatives backward from there.
Nothing here recurses, so a circuit can be as deep as memory allows.

Examples
--------
>>> from nncore.trainers.gates.circuits import inputs
>>> x, y = inputs("x y")
>>> f = x * y
>>> f.value(x=3, y=-4)
-12.0
>>> f.gradient(x=3, y=-4)
{'x': -4.0, 'y': 3.0}
"""

from __future__ import annotations

import keyword
import math
from collections.abc import Mapping
from typing import Any

from nncore.checks import number
from nncore.gradients.numerical import numerical_gradient
from nncore.trainers.gates.expressions import Expression, Gate, finite

__all__ = ["Circuit", "Gate", "constant", "exp", "inputs"]


class Circuit(Expression):
    """
    An input, a constant, or a gate with the circuits that feed it.

    Create circuits with `inputs`, `exp`, a minus sign, and + - * / between circuits and numbers. A
    circuit is immutable; it can feed several others, and its derivatives then add up.

    Methods take the values of the inputs as keyword arguments, as a dictionary, or both:
    f.value(x=3, y=-4) is f.value({"x": 3, "y": -4}).
    """

    def value(self, at: Mapping[str, float] | None = None, /, **inputs: float) -> float:
        """
        Compute the value of the circuit.

        Parameters
        ----------
        at : mapping, optional
            Values of the inputs by name.
        **inputs : float
            Values of the inputs by name.

        Returns
        -------
        float

        Raises
        ------
        TypeError, ValueError
            If an input has no value, a name is unknown, or a value is not a finite number.
        ZeroDivisionError, OverflowError
            If a gate divides by zero, or its value is too large for a float. The error names the
            gate.
        """
        return self._values(self._given(at, inputs))[self]

    def gradient(
        self, at: Mapping[str, float] | None = None, /, **inputs: float
    ) -> dict[str, float]:
        """
        Compute the derivative with respect to each input in one backward pass, up to rounding.

        Parameters
        ----------
        at, **inputs
            Values of the inputs, as for `value`.

        Returns
        -------
        dict of str to float

        Raises
        ------
        TypeError, ValueError, ZeroDivisionError, OverflowError
            As for `value`; OverflowError also if a derivative is too large for a float.
        """
        values = self._values(self._given(at, inputs))
        derivatives: dict[Expression, float] = dict.fromkeys(self._order, 0.0)
        derivatives[self] = 1.0
        for part in reversed(self._order):
            if part.gate is not None and derivatives[part]:
                operands = [values[source] for source in part.sources]
                slopes = part.gate.slopes(*operands, values[part])
                for source, slope in zip(part.sources, slopes, strict=True):
                    derivatives[source] += slope * derivatives[part]
        by_name = dict.fromkeys(self.input_names, 0.0)
        for part in self._order:
            if part.name:
                by_name[part.name] += derivatives[part]
        _refuse_overflow(by_name)
        return by_name

    def numerical_gradient(
        self,
        at: Mapping[str, float] | None = None,
        /,
        *,
        h: float | None = 1e-4,
        scheme: str = "forward",
        **inputs: float,
    ) -> dict[str, float]:
        """
        Compute the derivative with respect to each input by finite differences.

        Parameters
        ----------
        at, **inputs
            Values of the inputs, as for `value`. Inputs named h or scheme must be in `at`.
        h, scheme
            As for `nncore.numerical_gradient`.

        Returns
        -------
        dict of str to float

        Raises
        ------
        TypeError, ValueError, ZeroDivisionError, OverflowError
            As for `value` and `nncore.numerical_gradient`.

        """
        given = self._given(at, inputs)

        def f(point: Any) -> float:
            return self._values(dict(zip(given, point.tolist(), strict=True)))[self]

        gradient = numerical_gradient(f, list(given.values()), h, scheme)
        return dict(zip(given, gradient.tolist(), strict=True))

    def step(
        self,
        at: Mapping[str, float] | None = None,
        /,
        *,
        step_size: float = 0.01,
        derivatives: Mapping[str, float] | None = None,
        **inputs: float,
    ) -> dict[str, float]:
        """
        Return the inputs after one step of gradient ascent.

        Parameters
        ----------
        at, **inputs
            Values of the inputs, as for `value`.
        step_size : float
            Each input is increased by step_size times its derivative; above 0.
        derivatives : mapping, optional
            Derivatives by name; by default those of `gradient`.

        Returns
        -------
        dict of str to float

        Raises
        ------
        TypeError, ValueError, ZeroDivisionError, OverflowError
            As for `gradient`; also if step_size or derivatives are invalid.

        """
        given, size = self._given(at, inputs), _step_size(step_size)
        slopes = (
            self.gradient(given)
            if derivatives is None
            else self.numbers_by_name("derivatives", derivatives)
        )
        moved = {name: value + size * slopes[name] for name, value in given.items()}
        _refuse_overflow(moved, "input {} after the step")
        return moved

    def numbers_by_name(self, what: str, given: Mapping[str, float]) -> dict[str, float]:
        """Return a finite number for each input, in the order of input_names.

        `what` names the mapping in errors.
        """
        if not isinstance(given, Mapping):
            raise TypeError(f"{what} must be a dict of numbers, got {type(given).__name__}")
        names = ", ".join(self.input_names) or "none"
        for wrong, found in (
            ("missing", set(self.input_names) - set(given)),
            ("unknown", set(given) - set(self.input_names)),
        ):
            if found:
                listed = ", ".join(sorted(map(str, found)))
                raise ValueError(f"{what}: {listed} {wrong}; the circuit's inputs are: {names}")
        return {name: finite(f"{what}: {name}", given[name]) for name in self.input_names}

    def _given(
        self, at: Mapping[str, float] | None, inputs: Mapping[str, float]
    ) -> dict[str, float]:
        """Return the values of the dictionary and of the keyword arguments."""
        if at is None:
            return self.numbers_by_name("inputs", inputs)
        return self.numbers_by_name("inputs", {**at, **inputs} if inputs else at)

    def _values(self, given: Mapping[str, float]) -> dict[Expression, float]:
        """Compute the value of every part."""
        values: dict[Expression, float] = {}
        for part in self._order:
            if part.gate is None:
                values[part] = given[part.name] if part.name else part.constant
            else:
                values[part] = part._gate_value(
                    part.gate, [values[source] for source in part.sources]
                )
        return values

    def _gate_value(self, gate: Gate, operands: list[float]) -> float:
        """Compute the value of a gate, naming it in errors."""
        try:
            value = gate.value(*operands)
        except ZeroDivisionError:
            raise ZeroDivisionError(f"{self} divides by zero") from None
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            of = " and ".join(map(repr, operands))
            raise OverflowError(f"{self} is too large for a float, with operands {of}")
        return value


def inputs(names: str) -> tuple[Circuit, ...]:
    """
    Create inputs of circuits.

    Parameters
    ----------
    names : str
        Names, separated by spaces or commas.

    Returns
    -------
    tuple of Circuit

    Raises
    ------
    TypeError, ValueError
        If names is not a string, is empty or has duplicates, or a name is not an identifier.
    """
    if not isinstance(names, str):
        raise TypeError(f"names must be a string, got {type(names).__name__}")
    words = names.replace(",", " ").split()
    for name in words:
        if not name.isidentifier() or keyword.iskeyword(name) or name == "exp":
            raise ValueError(f"names must be identifiers other than exp, got {name!r}")
    if not words or len(set(words)) < len(words):
        raise ValueError(f"names must be at least one name, without duplicates, got {names!r}")
    return tuple(Circuit(None, name=name) for name in words)


def exp(source: Circuit | float) -> Circuit:
    """Return the circuit e to the power of a circuit or number.

    Parameters
    ----------
    source : Circuit or float
        The exponent.

    Returns
    -------
    Circuit
    """
    return Circuit._joined("exp", source)


def constant(number: float) -> Circuit:
    """Return a circuit with a constant value, as operators do for numbers.

    Parameters
    ----------
    number : float
        The value.

    Returns
    -------
    Circuit
    """
    return Circuit._of_number(number)


def _step_size(value: Any) -> float:
    """Return a step size, which must be finite and above 0."""
    size = number("step_size", value, "a positive number")
    if not 0 < size < math.inf:
        raise ValueError(f"step_size must be a positive number, got {value}")
    return size


def _refuse_overflow(
    numbers: Mapping[str, float], what: str = "the derivative with respect to {}"
) -> None:
    """Raise OverflowError, naming the number, unless all are finite."""
    for name, value in numbers.items():
        if not math.isfinite(value):
            raise OverflowError(f"{what.format(name)} is too large for a float")
