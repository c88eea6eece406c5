"""What a multi-layer perceptron is, and what it answers; training and files stand on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nncore.arguments import mlp as mlp_arguments
from nncore.arguments.mlp import layer_table
from nncore.arguments.train_call import TrainCall
from nncore.checks import number, one_of, positive_int
from nncore.initializers import INITIALIZERS, initial_parameters
from nncore.mlp import data as mlp_data
from nncore.mlp.history import MLPHistory, RunState
from nncore.model import BACKENDS, Backend, Model
from nncore.optimizers import Optimizer
from nncore.params import Array, aligned_zeros, flat_size, mlp_shapes, views
from nncore.randomness import streams
from nncore.registry import ACTIVATIONS, LOSS_ROW, MLP_LOSSES, OPTIMIZER_SLOTS, SIGNS, outputs_for
from nncore.sparse import SparseLike, SparseRows

if TYPE_CHECKING:
    from nncore.initializers import WeightInit
    from nncore.randomness import Seed

# One dictionary away: a row's prediction takes no longer than finding the function by its name.
PREDICT: dict[str, Callable[..., Array]] = {name: ops.mlp_predict for name, ops in BACKENDS.items()}
ROWS = ("X", "Y", "sample_weight")  # the names of data in errors


class MLPState(Model):
    """A multi-layer perceptron without training, trace and files, which `MLP` adds."""

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
        if isinstance(weight_init, str):
            one_of("weight_init", weight_init, ("auto", *INITIALIZERS))
        init_rng, self._split_rng, seed_rng = streams(rng, 3)
        self._hash_seed = int(seed_rng.integers(2**63))  # of the rows' order and of dropout
        self._prepare_kernel_calls()
        self._shapes = mlp_shapes(self._sizes)
        self._weights = aligned_zeros(flat_size(self._shapes), self._dtype)
        self._gradient = aligned_zeros(self._weights.size, self._dtype)
        self._slots = aligned_zeros((0, self._weights.size), self._dtype)
        self._slots_of = ""  # the rule whose state the slots are
        # Updates, those of this optimizer, rows visited of this epoch, epochs.
        self._counters = np.zeros(4, np.int64)
        self._run: RunState | None = None  # the last run of fit
        self.history = MLPHistory()
        start = initial_parameters(
            weight_init, self._shapes, self._activations, init_rng, self._dtype
        )
        with np.errstate(all="ignore"):  # what float32 cannot hold becomes 0
            for name, array in self.parameters.items():
                array[...] = start[name]

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._prepare_kernel_calls()

    def _prepare_kernel_calls(self) -> None:
        """Set the layers and the loss as the kernels take them, from the names."""
        self._layers = self._loss_layers = layer_table(self._sizes, self._activations)
        # Some losses are computed from the logits: the last activation is part of them.
        by_logits = LOSS_ROW[self._loss].by_logits
        from_logits = by_logits and LOSS_ROW[by_logits].takes_logits == self._activations[-1]
        self._kernel_loss = by_logits if from_logits else self._loss
        if LOSS_ROW[self._kernel_loss].takes_logits:
            self._loss_layers = layer_table(self._sizes, (*self._activations[:-1], "identity"))

    def __repr__(self) -> str:
        layers = "-".join(map(str, self._sizes))
        return (
            f"<MLP {layers}, {', '.join(self._activations)}, {self._loss}, "
            f"{self._dtype.name}, {self.history.epochs} epochs>"
        )

    # --- what it is ---------------------------------------------------------------

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Numbers of inputs, hidden units and outputs."""
        return self._sizes

    @property
    def activations(self) -> tuple[str, ...]:
        """Of the hidden layers and the output layer."""
        return self._activations

    @property
    def loss_name(self) -> str:
        """Which loss."""
        return self._loss

    @property
    def l1(self) -> float:
        """Factor of the sum of |w|."""
        return self._l1

    @property
    def l2(self) -> float:
        """Factor of half the sum of w**2."""
        return self._l2

    @property
    def dropout(self) -> tuple[float, ...]:
        """Share of each hidden layer's outputs dropped in training."""
        return self._dropout

    @property
    def parameters(self) -> dict[str, Array]:
        """Writable views: w1 (inputs, units), b1 (units,), w2, b2, and so on.

        Write into them; a dict of its own is returned every time, and replacing an entry of it
        does nothing to the network.
        """
        return views(self._weights, self._shapes)

    # --- use ----------------------------------------------------------------------

    def predict(self, X: npt.ArrayLike | SparseLike) -> Array:
        """Outputs (N, O) for inputs X (N, I), of the network's dtype.

        X may be anything that NumPy makes an array of numbers of, or a SciPy sparse matrix or
        array. A row gives the same bits alone and in any batch; one with NaN gives NaN, as numbers
        too large for the network's type may. Raises ValueError for another shape, TypeError if X is
        not numeric.
        """
        try:
            result: Array = PREDICT[self._backend](self._weights, self._layers, X)
        except (TypeError, ValueError):  # not an array as it has to be: make it one, or say so
            array = mlp_data.inputs("X", X, self._sizes[0])
            return self._in_chunks(array, self._layers)
        return result

    def _in_chunks(self, array: Array | SparseRows, layers: Array) -> Array:
        """Outputs of data that has to be converted, a piece at a time."""
        if isinstance(array, SparseRows):
            outputs: Array = self._ops.mlp_predict(self._weights, layers, array)
            return outputs
        result = np.empty((len(array), self._sizes[-1]), self._dtype)
        rows = max(1, mlp_data.CHUNK // self._sizes[0])
        for start in range(0, len(array), rows):
            part = mlp_data.converted(array[start : start + rows], self._dtype)
            result[start : start + rows] = self._ops.mlp_predict(self._weights, layers, part)
        return result

    def _evaluate(self, data: mlp_data.Data) -> tuple[float, Array]:
        """Mean loss of the rows, without penalties, and the outputs that it is computed from."""
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

    def predict_class(self, X: npt.ArrayLike | SparseLike) -> Array:
        """Classes (N,): of the largest output, or whether a single one is above its middle.

        The middle is 0.5, and 0 for a single output by tanh or with a hinge loss. Raises
        ValueError for rows whose outputs are NaN, as X has NaN or numbers too large for the
        network's type.
        """
        return self._classes(self.predict(X))

    def _classes(self, outputs: Array) -> Array:
        """Classes (N,) by outputs (N, O)."""
        lost = np.isnan(outputs).any(axis=1)
        if lost.any():
            raise ValueError(
                f"X leads to NaN in row {int(lost.argmax())}, which has no class: X or the "
                f"parameters hold NaN, or numbers that are too large for {self._dtype}"
            )
        if self._sizes[-1] > 1:
            return np.asarray(outputs.argmax(axis=1))
        return np.asarray(outputs[:, 0] > self._middle, np.intp)

    @property
    def _middle(self) -> float:
        """Between the two classes of a single output."""
        signs = LOSS_ROW[self._loss].targets == SIGNS
        return 0.0 if signs or self._activations[-1] == "tanh" else 0.5

    def accuracy(self, X: npt.ArrayLike | SparseLike, Y: npt.ArrayLike) -> float:
        """Share of rows whose class `predict_class` tells.

        Y: labels (N,), or (N, O) with the class's output largest; for a single output 0 and 1,
        by tanh -1 and 1. Raises ValueError for what does not fit, IndexError for labels that are
        no class.
        """
        array = self._finite_rows("X", X)
        wanted = self._classes_of(mlp_data.numeric("Y", Y), len(array))
        return float(np.mean(self.predict_class(array) == wanted))

    def _classes_of(self, y: Array, rows: int) -> Array:
        """The classes that targets stand for."""
        if self._sizes[-1] > 1 and (y.ndim == 1 or y.shape[1:] == (1,)):
            return mlp_data.labels("Y", y, rows, self._sizes[-1])
        y = mlp_data.targets("Y", y, rows, self._sizes[-1], np.dtype(np.float64))
        if self._sizes[-1] > 1:
            return np.asarray(y.argmax(axis=1))
        low = 2 * self._middle - 1  # 0, or -1 by tanh
        strange = (y != low) & (y != 1)
        if strange.any():
            raise ValueError(f"Y has {y[strange][0]:g}; expected {low:g} and 1, the two classes")
        return np.asarray(y[:, 0] > self._middle, np.intp)

    def loss(
        self,
        X: npt.ArrayLike | SparseLike,
        Y: npt.ArrayLike,
        *,
        sample_weight: npt.ArrayLike | None = None,
    ) -> float:
        """The objective: mean loss of the rows plus penalties, without dropout.

        X, Y and sample_weight, and errors, as in `loss_and_gradients`.
        """
        if self._l1 or self._l2:
            return self.loss_and_gradients(X, Y, sample_weight=sample_weight)[0]
        data = self._data(X, Y, sample_weight)
        value: float = self._ops.mlp_evaluate(
            self._weights,
            self._loss_layers,
            mlp_data.converted(data.x, self._dtype),
            data.y,
            loss=self._kernel_loss,
            sample_weight=data.weight,
        )[0]
        return value

    def loss_and_gradients(
        self,
        X: npt.ArrayLike | SparseLike,
        Y: npt.ArrayLike,
        *,
        sample_weight: npt.ArrayLike | None = None,
    ) -> tuple[float, dict[str, Array]]:
        """The objective and its gradient by every parameter, without dropout.

        X (N, I), which may be a SciPy sparse matrix or array; Y: targets (N, O), or labels (N,)
        for softmax cross-entropy; sample_weight (N,): what each row counts in the mean. Raises
        ValueError or TypeError for what does not fit, IndexError for labels that are no class.
        """
        data = self._data(X, Y, sample_weight)
        objective, gradient = self._ops.mlp_gradients(
            self._weights,
            self._loss_layers,
            mlp_data.converted(data.x, self._dtype),
            data.y,
            loss=self._kernel_loss,
            l1=self._l1,
            l2=self._l2,
            sample_weight=data.weight,
        )
        return objective, views(gradient, self._shapes)

    def _data(
        self,
        X: npt.ArrayLike | SparseLike,
        Y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        names: Sequence[str] = ROWS,
    ) -> mlp_data.Data:
        """X, Y and the rows' weights, checked."""
        x = self._finite_rows(names[0], X)
        row = LOSS_ROW[self._loss]
        if row.takes_labels:
            y = mlp_data.labels(names[1], Y, len(x), self._sizes[-1])
        else:
            y = mlp_data.targets(names[1], Y, len(x), self._sizes[-1], self._dtype, row)
        weight = mlp_data.sample_weights(names[2], sample_weight, len(x), self._dtype)
        return mlp_data.Data(x, y, weight)

    def _finite_rows(self, name: str, X: npt.ArrayLike | SparseLike) -> Array | SparseRows:
        """Inputs (N, I) of at least one row, without NaN and infinity."""
        x = mlp_data.inputs(name, X, self._sizes[0])
        if not len(x):
            raise ValueError(f"{name} has no rows; expected at least one")
        np.empty(len(x), np.intp)  # MemoryError now for what would be looked at for years
        mlp_data.check_finite(name, x, self._dtype)
        return x

    def _train_call(
        self, data: mlp_data.Data, optimizer: Optimizer, rates: Array, losses: Array
    ) -> TrainCall:
        """Return a call for len(losses) updates, each by all rows, for `MLPRun` to refine."""
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

    def _check_classes(self, y: Array) -> None:
        """A classifier that has only ever seen one class is a mistake in the data."""
        if "cross_entropy" in self._loss and len(y) > 1 and (y == y[0]).all():
            one = y[0] if y.ndim == 1 else y[0].tolist()
            raise ValueError(f"Y has one class only ({one}) to train on: nothing to tell apart")

    def _use_optimizer(self, optimizer: Optimizer) -> None:
        """Make room for the state of an optimizer, or go on with it if it is of the same kind."""
        kind = optimizer.rule().kind
        if kind != self._slots_of:
            slots = aligned_zeros((OPTIMIZER_SLOTS[kind], self._weights.size), self._dtype)
            self._slots, self._slots_of = slots, kind
            self._counters[1] = 0


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
    """One checked value for each hidden layer, from one for all or one each."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return (check(name, value),) * count
    if len(value) != count:
        raise ValueError(f"{name} has {len(value)} entries, expected {count}: one a hidden layer")
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
    if outputs == 1 and (output_activation == "softmax" or LOSS_ROW[name].takes_labels):
        raise ValueError("softmax over a single output is always 1: take 2 outputs, or sigmoid")
    return name
