"""The settings of an `MLP`, checked when it is created, and read-only afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

import numpy.typing as npt

from nncore.arguments import mlp as mlp_arguments
from nncore.checks import number, one_of, positive_int
from nncore.model import Backend
from nncore.registry import ACTIVATION_ROW, ACTIVATIONS, LOSS_ROW, MLP_LOSSES, SIGNS, outputs_for
from nncore.training.epochs.model import EpochModel


class MLPSettings(EpochModel):
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
        self._sizes = _sizes(layer_sizes)
        hidden = len(self._sizes) - 2
        self._activations = (
            *_each("hidden_activation", hidden_activation, hidden, _activation),
            _activation("output_activation", output_activation),
        )
        self._loss = _loss(loss, output_activation, self._sizes[-1])
        self._l1, self._l2 = _penalty("l1", l1), _penalty("l2", l2)
        self._dropout = _each("dropout", dropout, hidden, _rate)

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Numbers of inputs, hidden units and outputs."""
        return self._sizes

    @property
    def activations(self) -> tuple[str, ...]:
        """Activations of the hidden layers and of the output layer."""
        return self._activations

    @property
    def loss_name(self) -> str:
        """Name of the loss."""
        return self._loss

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
    def _middle(self) -> float:
        """The threshold between the two classes of a single output."""
        signed = ACTIVATION_ROW[self._activations[-1]].signed
        return 0.0 if signed or LOSS_ROW[self._loss].targets == SIGNS else 0.5


def _sizes(layer_sizes: Sequence[int]) -> tuple[int, ...]:
    try:
        if isinstance(layer_sizes, Set | Mapping):  # which have no order
            raise TypeError
        sizes = tuple(layer_sizes)
    except TypeError:
        raise TypeError(
            f"layer_sizes must be a sequence of integers, got {type(layer_sizes).__name__}"
        ) from None
    sizes = tuple(positive_int(f"layer_sizes[{i}]", size) for i, size in enumerate(sizes))
    if not 2 <= len(sizes) <= mlp_arguments.MOST_LAYERS + 1:
        raise ValueError(
            f"layer_sizes has {len(sizes)} entries, expected 2 (inputs, outputs) to "
            f"{mlp_arguments.MOST_LAYERS + 1}"
        )
    return sizes


def _each(name: str, value: Any, count: int, check: Callable[[str, Any], Any]) -> tuple[Any, ...]:
    """Return a checked value for each hidden layer, from one for all or one for each."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return (check(name, value),) * count
    if len(value) != count:
        raise ValueError(
            f"{name} has {len(value)} entries, expected {count}, one for each hidden layer"
        )
    return tuple(check(f"{name}[{i}]", one) for i, one in enumerate(value))


def _activation(name: str, value: Any) -> str:
    activation: str = one_of(name, value, ACTIVATIONS)
    return activation


def _rate(name: str, value: Any) -> float:
    rate = number(name, value)
    if not 0 <= rate < 1:
        raise ValueError(f"{name} must be in [0, 1), got {value}")
    return rate


def _penalty(name: str, value: Any) -> float:
    factor = number(name, value)
    if not 0 <= factor < float("inf"):
        raise ValueError(f"{name} must be 0 or a positive number, got {value}")
    return factor


def _loss(loss: str, output_activation: str, outputs: int) -> str:
    name: str = one_of("loss", loss, MLP_LOSSES)
    fitting = outputs_for(name)
    if output_activation not in fitting:
        raise ValueError(
            f"loss {name!r} needs output_activation {' or '.join(map(repr, fitting))}, "
            f"got {output_activation!r}"
        )
    if outputs == 1 and (
        ACTIVATION_ROW[output_activation].over_rows or LOSS_ROW[name].takes_labels
    ):
        raise ValueError("softmax over a single output is always 1: use 2 outputs, or sigmoid")
    return name
