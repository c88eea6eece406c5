"""The arrays of a multi-layer perceptron, the base of prediction, training, trace and files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nncore.arguments.mlp import layer_table
from nncore.arguments.train_call import TrainCall
from nncore.checks import one_of
from nncore.initializers import INITIALIZERS, initial_parameters
from nncore.mlp import data as mlp_data
from nncore.mlp.history import MLPHistory
from nncore.mlp.settings import MLPSettings
from nncore.model import Backend
from nncore.optimizers import Optimizer
from nncore.params import Array, mlp_shapes, views
from nncore.sparse import SparseLike, SparseRows
from nncore.training.epochs.checks import check_finite, sample_weights
from nncore.training.epochs.data import EpochData
from nncore.training.epochs.model import ROWS

if TYPE_CHECKING:
    from nncore.initializers import WeightInit
    from nncore.randomness import Seed


class MLPState(MLPSettings):
    """A multi-layer perceptron without the prediction, training and files that `MLP` adds."""

    history: MLPHistory

    def __init__(
        self,
        layer_sizes: Sequence[int],
        hidden_activation: str | Sequence[str] = "relu",
        output_activation: str = "identity",
        loss: str = "squared_error",
        l1: float = 0.0,
        l2: float = 0.0,
        dropout: float | Sequence[float] = 0.0,
        weight_init: WeightInit = "auto",
        dtype: npt.DTypeLike = "float32",
        backend: Backend = "compiled",
        rng: Seed = None,
    ) -> None:
        super().__init__(
            layer_sizes,
            hidden_activation,
            output_activation,
            loss,
            l1,
            l2,
            dropout,
            dtype,
            backend,
        )
        if isinstance(weight_init, str):
            one_of("weight_init", weight_init, ("auto", *INITIALIZERS))
        init_rng = self._allocate(mlp_shapes(self._sizes), rng)
        self._prepare_kernel_calls()
        self.history = MLPHistory()
        self._set_parameters(
            initial_parameters(weight_init, self._shapes, self._activations, init_rng, self._dtype)
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "_weights" in state:
            self._prepare_kernel_calls()

    def _prepare_kernel_calls(self) -> None:
        """Set the layers and the loss as the kernels read them, from their names."""
        self._choose_kernel_loss()
        activations = (*self._activations[:-1], self._kernel_activation)
        self._layers = layer_table(self._sizes, self._activations)
        self._loss_layers = layer_table(self._sizes, activations)

    def __repr__(self) -> str:
        layers = "-".join(map(str, self._sizes))
        return (
            f"<MLP {layers}, {', '.join(self._activations)}, {self._loss}, "
            f"{self._dtype.name}, {self.history.epochs} epochs>"
        )

    @property
    def parameters(self) -> dict[str, Array]:
        """Writable views of the parameters: w1 (inputs, units), b1 (units,), w2, b2, and so on.

        Change the arrays in place. The dict is a new one each time; replacing an entry of it has
        no effect on the network.
        """
        return views(self._weights, self._shapes)

    def _data(
        self,
        X: npt.ArrayLike | SparseLike,
        Y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        names: Sequence[str] = ROWS,
    ) -> EpochData:
        """Return X, Y and the weights of the rows, checked."""
        x = self._finite_rows(names[0], X)
        y = self._targets(names[1], Y, len(x))
        weight = sample_weights(names[2], sample_weight, len(x), self._dtype)
        return EpochData(x, y, weight)

    def _finite_rows(self, name: str, X: npt.ArrayLike | SparseLike) -> Array | SparseRows:
        """Return inputs (N, I) of at least one row, all finite."""
        x = mlp_data.inputs(name, X, self._sizes[0])
        if not len(x):
            raise ValueError(f"{name} has no rows; expected at least one")
        np.empty(len(x), np.intp)  # MemoryError now, before years of reading
        check_finite(name, x, self._dtype)
        return x

    def _evaluate(self, data: EpochData) -> tuple[float, Array]:
        """Return the mean loss without penalties, and the outputs from which it is computed."""
        results, counts = [], []
        for part in data.pieces(self._dtype):
            results.append(
                self._ops.mlp_evaluate(
                    self._weights,
                    self._loss_layers,
                    part.x,
                    part.y,
                    loss=self._kernel_loss,
                    sample_weight=part.weight,
                )
            )
            counts.append(len(part.x) if part.weight is None else part.weight.sum(dtype=np.float64))
        losses, outputs = zip(*results, strict=True)
        if len(losses) == 1:
            return losses[0], outputs[0]
        return float(np.average(losses, weights=counts)), np.concatenate(outputs)

    def _train_call(
        self, data: EpochData, optimizer: Optimizer, rates: Array, losses: Array
    ) -> TrainCall:
        """Return a call for len(losses) updates, each with all rows, which `MLPRun` completes."""
        return TrainCall(
            weights=self._weights,
            gradient=self._gradient,
            slots=self._slots,
            layers=self._loss_layers,
            x=data.x,
            y=data.y,
            order=None,
            counters=self._counters,
            rates=rates,
            losses=losses,
            loss=self._kernel_loss,
            optimizer=optimizer.rule(),
            epoch_rows=len(data.x),
            batch_size=len(data.x),
            l1=self._l1,
            l2=self._l2,
            sample_weight=data.weight,
            dropout=self._dropout if any(self._dropout) else (),
            seed=self._hash_seed,
        )
