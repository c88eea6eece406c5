"""The arrays of a recurrent network, the base of prediction, training and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nncore.arguments.rnn_train_call import RNNTrainCall
from nncore.initializers import given_parameters
from nncore.model import Backend
from nncore.optimizers import Optimizer
from nncore.params import Array, recurrent_shapes, views
from nncore.rnn import initial_weights
from nncore.rnn.data import SequenceData
from nncore.rnn.history import RNNHistory
from nncore.rnn.sequences import Sequences, sequences, targets_of_steps
from nncore.rnn.settings import Returns, RNNSettings
from nncore.training.epochs.checks import sample_weights
from nncore.training.epochs.model import ROWS

if TYPE_CHECKING:
    from nncore.randomness import Seed


class RNNState(RNNSettings):
    """A recurrent network without the prediction, training and files that `RNN` adds."""

    history: RNNHistory

    def __init__(
        self,
        layer_sizes: Sequence[int],
        cell: str = "lstm",
        output_activation: str = "identity",
        loss: str = "squared_error",
        *,
        returns: Returns = "last",
        l2: float = 0.0,
        dropout: float = 0.0,
        weight_init: str | Mapping[str, Any] = "auto",
        dtype: npt.DTypeLike = "float32",
        backend: Backend = "compiled",
        rng: Seed = None,
    ) -> None:
        super().__init__(
            layer_sizes, cell, output_activation, loss, returns, l2, dropout, dtype, backend
        )
        if not isinstance(weight_init, Mapping) and weight_init != "auto":
            raise ValueError(
                f"weight_init must be 'auto' or a mapping of names to arrays, got {weight_init!r}"
            )
        shapes = recurrent_shapes(self._sizes[0], self._sizes[1:-1], self._sizes[-1], self._cell)
        init_rng = self._allocate(shapes, rng)
        self.history = RNNHistory()
        if isinstance(weight_init, Mapping):
            self._set_parameters(given_parameters(weight_init, shapes, self._dtype))
        else:
            self._set_parameters(initial_weights.draw(shapes, self._cell, init_rng))

    def __repr__(self) -> str:
        layers = "-".join(map(str, self._sizes))
        return (
            f"<RNN {layers}, {self._cell}, {self._output_activation}, {self._loss}, returns "
            f"{self._returns}, {self._dtype.name}, {self.history.epochs} epochs>"
        )

    @property
    def parameters(self) -> dict[str, Array]:
        """Writable views of the parameters, by name.

        For inputs I, hidden units H and outputs O: wxh (I, GH), whh (H, GH), why (H, O), bh (GH,)
        and by (O,), where the G blocks of H columns are the gates: i, f, g and o of an LSTM, r, z
        and n of a GRU. A GRU also has bn (H,), the bias of the recurrent part of n. The next
        recurrent layers have wxh2, whh2, bh2, bn2, and so on.

        Change the arrays in place. The dict is a new one each time; replacing an entry of it has
        no effect on the network.
        """
        return views(self._weights, self._shapes)

    def _data(
        self,
        X: Any,
        Y: Any,
        sample_weight: npt.ArrayLike | None = None,
        names: Sequence[str] = ROWS,
    ) -> SequenceData:
        """Return X, Y and the weights of the sequences, checked, as kernels read them."""
        given = self._finite_sequences(names[0], X)
        rows = self._rows_of_targets(names[1], Y, given, self._dtype)
        y = self._targets(names[1], *rows)
        weight = sample_weights(names[2], sample_weight, given.count, self.dtype)
        return SequenceData(given.packed(self._dtype), y, weight, given.starts, self._last)

    def _finite_sequences(self, name: str, X: Any) -> Sequences:
        """Return at least one sequence, all finite."""
        given = sequences(name, X, self._sizes[0])
        if not given.count:
            raise ValueError(f"{name} has no sequences, expected at least one")
        np.empty((given.steps, self._sizes[0]), self._dtype)  # MemoryError before years of reading
        given.check_finite(name, self._dtype)
        return given

    def _rows_of_targets(
        self, name: str, Y: Any, given: Sequences, dtype: np.dtype[Any] | None = None
    ) -> tuple[Any, int]:
        """Return the targets of all rows of outputs, finite in dtype, and the number of rows."""
        if self._last:
            return Y, given.count
        return targets_of_steps(name, Y, given, self._sizes[-1], dtype), given.steps

    def _evaluate(self, data: SequenceData) -> tuple[float, Array]:
        """Return the mean loss without the penalty, and the outputs from which it is computed."""
        loss, outputs = self._ops.rnn_evaluate(
            self._weights,
            data.x,
            data.starts,
            data.y,
            loss=self._kernel_loss,
            sample_weight=data.weight,
            **self._kernel_network(self._kernel_activation),
        )
        return loss, outputs

    def _penalise(self, gradients: dict[str, Array]) -> None:
        """Add the gradients of the penalty."""
        if not self._l2:  # 0 times an infinite weight would be NaN
            return
        for name, w in self.parameters.items():
            if w.ndim == 2:
                gradients[name] += self._dtype.type(self._l2) * w

    def _train_call(
        self, data: SequenceData, optimizer: Optimizer, rates: Array, losses: Array
    ) -> RNNTrainCall:
        """Return a call for len(losses) updates, each with all sequences; `RNNRun` completes it."""
        return RNNTrainCall(
            weights=self._weights,
            gradient=self._gradient,
            slots=self._slots,
            x=data.x,
            starts=data.starts,
            y=data.y,
            order=None,
            counters=self._counters,
            rates=rates,
            losses=losses,
            loss=self._kernel_loss,
            optimizer=optimizer.rule(),
            batch_size=data.rows,
            sample_weight=data.weight,
            dropout=self._dropout,
            seed=self._hash_seed,
            l2=self._l2,
            **self._kernel_network(self._kernel_activation),
        )
