"""The settings of an `MLP`, checked when it is created, and read-only afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy.typing as npt

from nncore.arguments import mlp as mlp_arguments
from nncore.model import Backend
from nncore.training.epochs.network_settings import (
    activation_name,
    dropout_rate,
    loss_for,
    penalty_factor,
    sizes_of_layers,
)
from nncore.training.epochs.supervised import SupervisedModel


class MLPSettings(SupervisedModel):
    """The settings of an `MLP`."""

    def __init__(
        self,
        layer_sizes: Sequence[int],
        hidden_activation: str | Sequence[str],
        output_activation: str,
        loss: str,
        l1: float,
        l2: float,
        dropout: float | Sequence[float],
        dtype: npt.DTypeLike,
        backend: Backend,
    ) -> None:
        super().__init__(dtype, backend)
        most = mlp_arguments.MOST_LAYERS + 1
        self._sizes = sizes_of_layers(layer_sizes, "inputs, outputs", 2, most)
        hidden = len(self._sizes) - 2
        self._activations = (
            *_each("hidden_activation", hidden_activation, hidden, activation_name),
            activation_name("output_activation", output_activation),
        )
        self._loss = loss_for(loss, output_activation, self._sizes[-1])
        self._l1, self._l2 = penalty_factor("l1", l1), penalty_factor("l2", l2)
        self._dropout = _each("dropout", dropout, hidden, dropout_rate)

    @property
    def activations(self) -> tuple[str, ...]:
        """Activations of the hidden layers and of the output layer."""
        return self._activations

    @property
    def l1(self) -> float:
        """Factor of the penalty sum of |w|."""
        return self._l1

    @property
    def l2(self) -> float:
        """Factor of the penalty sum of w**2 / 2."""
        return self._l2

    @property
    def dropout(self) -> tuple[float, ...]:
        """Dropout rate of each hidden layer."""
        return self._dropout

    @property
    def _activation(self) -> str:
        last: str = self._activations[-1]
        return last


def _each(name: str, value: Any, count: int, check: Callable[[str, Any], Any]) -> tuple[Any, ...]:
    """Return a checked value for each hidden layer, from one for all or one for each."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return (check(name, value),) * count
    if len(value) != count:
        raise ValueError(
            f"{name} has {len(value)} entries, expected {count}, one for each hidden layer"
        )
    return tuple(check(f"{name}[{i}]", one) for i, one in enumerate(value))
