"""Arithmetic expressions of gates: how they are built, their parts, and their text."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any, Self

from nncore.checks import number

LONGEST_TEXT = 500  # characters of a part of a circuit; longer ones are shown as ...


@dataclass(frozen=True)
class Gate:
    """A kind of gate: its value and its derivatives as functions of the sources' values."""

    text: str  # format string, for the texts of the sources
    binding: int  # precedence: sum 1, product 2, sign 3, call 4
    value: Callable[..., float]
    slopes: Callable[..., tuple[float, ...]]  # from the sources' values and the gate's value


GATES = {
    "+": Gate("{} + {}", 1, lambda a, b: a + b, lambda a, b, out: (1.0, 1.0)),
    "-": Gate("{} - {}", 1, lambda a, b: a - b, lambda a, b, out: (1.0, -1.0)),
    "*": Gate("{} * {}", 2, lambda a, b: a * b, lambda a, b, out: (b, a)),
    "/": Gate("{} / {}", 2, lambda a, b: a / b, lambda a, b, out: (1 / b, -out / b)),
    "negative": Gate("-{}", 3, lambda a: -a, lambda a, out: (-1.0,)),
    "exp": Gate("exp({})", 4, math.exp, lambda a, out: (out,)),
}


@dataclass(frozen=True, eq=False, repr=False)
class Expression:
    """An input, a constant, or a gate with the expressions that feed it.

    Operators build a gate of the class of their operands.
    """

    gate: Gate | None
    sources: tuple[Self, ...] = ()
    name: str = ""
    constant: float = 0.0

    __array_ufunc__ = None  # a NumPy number leaves `number * circuit` to the circuit

    @classmethod
    def _joined(cls, gate: str, *sources: Self | float) -> Self:
        """Return a gate of this kind with these sources."""
        for source in sources:
            if not isinstance(source, cls | Real):
                raise TypeError(f"{gate} takes circuits and numbers, got {type(source).__name__}")
        return cls(
            GATES[gate],
            tuple(each if isinstance(each, cls) else cls._of_number(each) for each in sources),
        )

    @classmethod
    def _of_number(cls, number: Any) -> Self:
        """Return an expression with a constant value."""
        return cls(None, constant=finite("a constant", number))

    # --- operators --------------------------------------------------------------------------------

    def __add__(self, other: Self | float) -> Self:
        return self._joined("+", self, other)

    def __radd__(self, other: float) -> Self:
        return self._joined("+", other, self)

    def __sub__(self, other: Self | float) -> Self:
        return self._joined("-", self, other)

    def __rsub__(self, other: float) -> Self:
        return self._joined("-", other, self)

    def __mul__(self, other: Self | float) -> Self:
        return self._joined("*", self, other)

    def __rmul__(self, other: float) -> Self:
        return self._joined("*", other, self)

    def __truediv__(self, other: Self | float) -> Self:
        return self._joined("/", self, other)

    def __rtruediv__(self, other: float) -> Self:
        return self._joined("/", other, self)

    def __neg__(self) -> Self:
        return self._joined("negative", self)

    # --- parts and text ---------------------------------------------------------------------------

    @cached_property
    def _order(self) -> list[Self]:
        """Return every part once, sources before their gates, this circuit last."""
        done: dict[Self, None] = {}
        waiting = [self]
        while waiting:
            part = waiting[-1]
            missing = [source for source in part.sources if source not in done]
            if missing:
                waiting += reversed(missing)
            else:
                done[waiting.pop()] = None
        return list(done)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The names of the inputs, in the order in which the circuit reads them."""
        return tuple(dict.fromkeys(part.name for part in self._order if part.name))

    def __str__(self) -> str:
        texts: dict[Expression, str] = {}
        for part in self._order:
            text = part._text(texts)
            texts[part] = text if len(text) <= LONGEST_TEXT or part is self else "..."
        return texts[self]

    def __repr__(self) -> str:
        return f"<Circuit: {self}>"

    @property
    def _binding(self) -> int:
        """Precedence, as in `Gate`."""
        if self.gate is None:  # a negative constant has a sign
            return 4 if self.name or math.copysign(1, self.constant) > 0 else 3
        return self.gate.binding

    def _text(self, texts: Mapping[Expression, str]) -> str:
        """Return the circuit's text from those of its sources, with the necessary brackets."""
        if self.gate is None:
            return self.name or repr(self.constant).removesuffix(".0")
        shown = []
        for place, source in enumerate(self.sources):
            loose = source._binding < self.gate.binding + place  # a - (b - c) is not a - b - c
            bare = self.gate.binding == 4 or not loose
            shown.append(texts[source] if bare else f"({texts[source]})")
        return self.gate.text.format(*shown)


def finite(name: str, value: Any) -> float:
    """Return a finite number as a float."""
    result = number(name, value)
    if not math.isfinite(result):
        raise ValueError(f"{name} must be a finite number, got {result}")
    return result
