"""The results of a forward and a backward pass of a network, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


class Trace(Mapping[str, Any]):
    """Arrays by name, in the order in which they are computed; `loss` is a float.

    `str` shows all of them, with their shapes and formulas.

    Of an `MLP`, the names are x, z1, a1, z2, a2, ... in the forward pass; loss, the objective with
    penalties; and da2, dz2, dw2, db2, da1, dz1, ... in the backward pass, where da2 is the gradient
    of the objective with respect to a2.

    Of a `CharRNN`, the arrays have a row for each step. They are x and y, the ids of a character
    and of the next one; for each layer s, the sums that enter its gates, the gates (i, f, g, o of
    an LSTM; r, z, n of a GRU, and u, a product), and the states h (and c of an LSTM); logits and
    loss; and the gradients dwxh, dwhh, ... of the parameters. The names of the second layer end
    with 2, as those of its parameters, and so on.

    Of an `RNN`, the names are those that `RNN.trace` lists.
    """

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._formulas: dict[str, str] = {}

    def note(self, name: str, value: Any, formula: str) -> None:
        """Add a value and the formula by which it was computed."""
        self._values[name], self._formulas[name] = value, formula

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        lines = []
        for name, value in self.items():
            head = f"{name} = {self._formulas[name]}" if self._formulas[name] else name
            if isinstance(value, float):
                lines.append(f"{head} = {value:.8g}")
                continue
            shape = " x ".join(map(str, value.shape))
            rows = np.array2string(value, precision=8, suppress_small=True, threshold=200)
            lines.append(f"{head}   ({shape})")
            lines += [f"    {row}" for row in rows.splitlines()]
        return "\n".join(lines)
