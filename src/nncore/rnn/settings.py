"""The settings of an `RNN`, checked when it is created, and read-only afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy.typing as npt

from nncore.arguments.recurrent import MOST_LAYERS, cell_name
from nncore.checks import one_of
from nncore.model import Backend
from nncore.registry import CELL_ROW
from nncore.training.epochs.network_settings import (
    activation_name,
    dropout_rate,
    loss_for,
    penalty_factor,
    sizes_of_layers,
)
from nncore.training.epochs.supervised import SupervisedModel

Returns = Literal["last", "sequence"]


class RNNSettings(SupervisedModel):
    """The settings of an `RNN`."""

    def __init__(
        self,
        layer_sizes: Sequence[int],
        cell: str,
        output_activation: str,
        loss: str,
        returns: Returns,
        l2: float,
        dropout: float,
        dtype: npt.DTypeLike,
        backend: Backend,
    ) -> None:
        super().__init__(dtype, backend)
        meaning = "inputs, units of a recurrent layer, outputs"
        self._sizes = sizes_of_layers(layer_sizes, meaning, 3, MOST_LAYERS + 2)
        self._cell = cell_name(cell)
        self._output_activation = activation_name("output_activation", output_activation)
        self._loss = loss_for(loss, output_activation, self._sizes[-1])
        self._returns: Returns = one_of("returns", returns, ("last", "sequence"))
        self._l2 = penalty_factor("l2", l2)
        self._dropout = dropout_rate("dropout", dropout)
        if self._dropout and len(self._sizes) == 3:
            raise ValueError(
                f"dropout must be 0 for a single recurrent layer, as it acts between recurrent "
                f"layers, got {dropout}"
            )
        self._choose_kernel_loss()

    @property
    def cell(self) -> str:
        """The cell of the recurrent layers, "tanh", "lstm" or "gru"."""
        return self._cell

    @property
    def output_activation(self) -> str:
        """The activation of the outputs."""
        return self._output_activation

    @property
    def returns(self) -> Returns:
        """Which outputs a sequence has: "last" (those of its last step) or "sequence" (all)."""
        return self._returns

    @property
    def l2(self) -> float:
        """Factor of the penalty sum of w**2 / 2."""
        return self._l2

    @property
    def dropout(self) -> float:
        """Dropout rate of the outputs of each recurrent layer but the last."""
        return self._dropout

    @property
    def _activation(self) -> str:
        return self._output_activation

    @property
    def _last(self) -> bool:
        """Whether there is one row of outputs for each sequence, or one for each step."""
        return self._returns == "last"

    @property
    def _state_size(self) -> int:
        """Number of columns of the states of all recurrent layers (S)."""
        return CELL_ROW[self._cell].states * sum(self._sizes[1:-1])

    def _kernel_network(self, activation: str) -> dict[str, Any]:
        """Return the arguments of kernels that describe the network."""
        return {
            "sizes": self._sizes,
            "cell": self._cell,
            "activation": activation,
            "last": self._last,
        }

    def _layers_described(self) -> str:
        return f"{self._sizes} with cell {self._cell!r}"
