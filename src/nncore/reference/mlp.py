"""The multi-layer perceptron: prediction, gradients, and a training loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nncore.arguments import mlp as mlp_arguments
from nncore.arguments.mlp import ACTIVATION, INPUTS, OUTPUTS
from nncore.arguments.train_call import TrainCall
from nncore.params import Array, mlp_shapes, views
from nncore.reference import elementwise, losses
from nncore.reference.hashing import dropout_scale, shuffled
from nncore.reference.layers import linear_backward, linear_forward
from nncore.reference.output import deliver
from nncore.reference.steps import update_by
from nncore.registry import ACTIVATION_ROWS, ACTIVATIONS, UpdateRule
from nncore.sparse import SparseRows

__all__ = [
    "mlp_evaluate",
    "mlp_gradients",
    "mlp_predict",
    "mlp_train",
]

Rows = Any  # an array (N, I), or sparse rows
Scales = Callable[[int, tuple[int, int]], "Array | float"]  # what dropout multiplies a layer by


def _parameters(vector: Array, layers: Array) -> list[tuple[Array, Array]]:
    """Weights and biases of each layer, views into a flat vector."""
    sizes = [int(layers[0, INPUTS]), *map(int, layers[:, OUTPUTS])]
    arrays = list(views(vector, mlp_shapes(sizes)).values())
    return list(zip(arrays[::2], arrays[1::2], strict=True))


def _activation(layer: Array, direction: str) -> Callable[..., Array]:
    name = ACTIVATIONS[int(layer[ACTIVATION])]
    function: Callable[..., Array] = getattr(elementwise, f"{name}_{direction}")
    return function


def _slope_from(layer: Array, z: Array, a: Array) -> Array:
    """What the activation's slope is taken from: its input or its output."""
    return z if ACTIVATION_ROWS[int(layer[ACTIVATION])].slope_from_input else a


def _no_dropout(layer: int, shape: tuple[int, int]) -> float:
    return 1.0


def _forward(
    weights: Array, layers: Array, x: Array, scales: Scales = _no_dropout
) -> tuple[list[Array], list[Array], list[Array], list[Array | float]]:
    """The inputs of every layer, its z, its outputs, and what dropout multiplied those by."""
    inputs, sums, outputs, kept = [x], [], [], []
    for i, (w, b) in enumerate(_parameters(weights, layers)):
        sums.append(linear_forward(inputs[-1], w, b))
        outputs.append(_activation(layers[i], "forward")(sums[-1]))
        if i < len(layers) - 1:
            kept.append(scales(i, outputs[-1].shape))
            inputs.append(outputs[-1] * kept[-1])
    return inputs, sums, outputs, kept


def _dense(x: Array | SparseRows) -> Array:
    return x.toarray() if isinstance(x, SparseRows) else x


def mlp_predict(weights: Array, layers: Array, x: Rows, *, out: Array | None = None) -> Array:
    """Outputs (N, O) of a multi-layer perceptron for inputs x (N, I).

    weights (P,): flat vector with the layout of `nncore.params.mlp_shapes`; layers (L, 3),
    int64: inputs, outputs and activation (its place in `nncore.registry.ACTIVATIONS`) of each
    layer. x may be of the other float type; it is converted. It may be sparse: SciPy's CSR, or
    whatever else has its shape, data, indices and indptr. The compiled kernel takes subnormal
    numbers for 0.
    """
    x = _dense(mlp_arguments.predict(weights, layers, x)[2])
    with np.errstate(all="ignore"):
        return deliver(_forward(weights, layers, x.astype(weights.dtype))[2][-1], out)


def _loss(name: str, outputs: Array, y: Array, share: Array | None) -> tuple[float, Array]:
    """Mean over rows of a loss and its gradient; share (N,): what each row counts, or all alike."""
    function: Callable[[Array, Array], tuple[float, Array]] = getattr(losses, name)
    if share is None:
        total, gradient = function(outputs, y)
        return total / len(outputs), gradient / outputs.dtype.type(len(outputs))
    each = [function(outputs[i : i + 1], y[i : i + 1]) for i in range(len(outputs))]
    gradient = np.concatenate([g for _, g in each]) * share[:, None]
    return float(np.dot(share.astype(np.float64), [total for total, _ in each])), gradient


def _gradients(
    weights: Array,
    layers: Array,
    x: Array,
    y: Array,
    loss: str,
    l1: float,
    l2: float,
    share: Array | None,
    into: Array,
    scales: Scales = _no_dropout,
) -> tuple[float, float]:
    """The objective, and the penalties in it; its gradient goes into a flat vector."""
    inputs, sums, outputs, kept = _forward(weights, layers, x.astype(weights.dtype), scales)
    penalty = 0.0
    objective, gradient = _loss(loss, outputs[-1], y, share)
    parameters, gradients = _parameters(weights, layers), _parameters(into, layers)
    for i in reversed(range(len(layers))):
        known = _slope_from(layers[i], sums[i], outputs[i])
        dz = _activation(layers[i], "backward")(gradient, known)
        (w, _), (dw, db) = parameters[i], gradients[i]
        gradient, dw[...], db[...] = linear_backward(dz, inputs[i], w)
        if i:
            gradient = gradient * kept[i - 1]
        wide = w.astype(np.float64)
        if l1:  # none is not 0 times what may be infinite
            penalty += l1 * float(np.sum(np.abs(wide)))
            dw += l1 * np.sign(w)
        if l2:
            penalty += l2 / 2 * float(np.sum(wide * wide))
            dw += l2 * w
    return objective + penalty, penalty


def mlp_gradients(
    weights: Array,
    layers: Array,
    x: Rows,
    y: Array,
    *,
    loss: str,
    l1: float = 0.0,
    l2: float = 0.0,
    sample_weight: Array | None = None,
    out: Array | None = None,
) -> tuple[float, Array]:
    """Objective of a multi-layer perceptron and its flat gradient (P,), in `out` if given.

    weights, layers, x: as in `mlp_predict`. y: targets (N, O), or labels (N,) of intp for
    "softmax_cross_entropy". loss: a name of `nncore.registry.LOSSES`, applied to the
    outputs. The objective is the mean over rows of the loss summed over outputs, rows
    counting as sample_weight (N,) says, plus l1 times the sum of |w| and l2 / 2 times the sum
    of w**2 over all weights, biases left out. The compiled kernel takes subnormal numbers for 0.
    """
    x = _dense(mlp_arguments.gradients(weights, layers, x, y, loss, l1, l2, sample_weight)[2])
    gradient = np.zeros_like(weights)
    with np.errstate(all="ignore"):
        share = _shares(sample_weight)
        objective, _ = _gradients(weights, layers, x, y, loss, l1, l2, share, gradient)
    return objective, deliver(gradient, out)


def mlp_evaluate(
    weights: Array,
    layers: Array,
    x: Rows,
    y: Array,
    *,
    loss: str,
    sample_weight: Array | None = None,
) -> tuple[float, Array]:
    """Loss of a multi-layer perceptron, without penalties, and its outputs (N, O).

    The arguments, and the loss to the bit, are those of `mlp_gradients`, whose gradient is left
    out. The compiled kernel takes subnormal numbers for 0.
    """
    x = _dense(mlp_arguments.gradients(weights, layers, x, y, loss, 0.0, 0.0, sample_weight)[2])
    with np.errstate(all="ignore"):
        outputs = _forward(weights, layers, x.astype(weights.dtype))[2][-1]
        return _loss(loss, outputs, y, _shares(sample_weight))[0], outputs


def _shares(sample_weight: Array | None) -> Array | None:
    """What part of the mean each row is."""
    return None if sample_weight is None else sample_weight / (sample_weight.sum() or 1)


def mlp_train(
    weights: Array,
    gradient: Array,
    slots: Array,
    layers: Array,
    x: Rows,
    y: Array,
    order: Array | None,
    counters: Array,
    rates: Array,
    losses: Array,
    *,
    loss: str,
    optimizer: UpdateRule,
    epoch_rows: int,
    batch_size: int,
    l1: float = 0.0,
    l2: float = 0.0,
    sample_weight: Array | None = None,
    dropout: Sequence[float] = (),
    seed: int = 0,
    first: int = 0,
    clip_value: float = 0.0,
    clip_norm: float = 0.0,
    alpha: float = 0.0,
    penalties: Array | None = None,
    shuffle: bool = True,
    mean_weight: float = 0.0,
) -> int:
    """Train a multi-layer perceptron over len(losses) mini-batches, all in one call.

    weights, gradient (P,), and slots, the optimizer's state, one such vector each. layers, x,
    y, loss, l1, l2, sample_weight: as in `mlp_gradients`. An epoch has epoch_rows rows, its last
    batch what is left over. order: intp (epoch_rows,), filled with the rows of x in a new order
    at the beginning of every epoch; if shuffle is False, the orders of the epochs of this call,
    one after the other, which are followed as they stand; None: 0 to N - 1, or, within an epoch,
    the rows from its row `first` on. counters: int64 [updates so far, updates of this optimizer,
    rows visited of this epoch, epochs so far]. rates, losses: float64, the step size of each
    update, and where its objective goes. dropout: a rate for every hidden layer, or none. seed:
    of dropout and order, with the updates and epochs so far. A clip of 0 is none. alpha: added to
    l2 after a division by what the batch's rows count, their number or the sum of their
    sample_weight. penalties: where the penalties in the objectives go. mean_weight: the mean of all
    rows' sample_weight; a batch's are divided by it and by the number of rows, so that they act in
    batches of one row too and the objectives of an epoch have the weighted loss as their mean; 0:
    each batch's are divided by their own sum. All but x, y, rates and sample_weight change in
    place, at the end of an update only. The compiled kernel takes subnormal numbers for 0.

    Returns the number of updates run: fewer than asked for if an objective was not finite,
    whose update is then left out.
    """
    call = TrainCall(
        weights, gradient, slots, layers, x, y, order, counters, rates, losses, loss, optimizer,
        epoch_rows, batch_size, l1, l2, sample_weight, dropout, seed, first, clip_value, clip_norm,
        alpha, penalties, shuffle, mean_weight,
    )  # fmt: skip
    mlp_arguments.train(call)
    first_epoch = int(call.counters[3])
    for i in range(len(call.losses)):
        with np.errstate(all="ignore"):
            call.losses[i], penalty = _batch_gradients(call, _batch_rows(call, first_epoch))
        if call.penalties is not None:
            call.penalties[i] = penalty
        if not np.isfinite(call.losses[i]):
            return i
        _update(call, float(call.rates[i]))
    return len(call.losses)


def _batch_rows(call: TrainCall, first_epoch: int) -> Any:
    """Index of the rows of the next batch; the order is made where an epoch begins."""
    position, epoch = int(call.counters[2]), int(call.counters[3])
    end = min(position + call.batch_size, call.epoch_rows)
    if call.order is None:
        return slice(position - call.first, end - call.first)
    if position == 0 and call.shuffle:
        call.order[...] = shuffled(call.epoch_rows, call.seed, epoch)
    before = 0 if call.shuffle else (epoch - first_epoch) * call.epoch_rows
    return call.order[before + position : before + end]


def _batch_gradients(call: TrainCall, rows: Any) -> tuple[float, float]:
    """The objective of a batch, and the penalties in it; its gradient goes into the call's."""
    x, y, step = _dense(call.x[rows]), call.y[rows], int(call.counters[0])
    share, counts = _batch_shares(call, rows, len(y))

    def scales(layer: int, shape: tuple[int, int]) -> Array | float:
        if not call.dropout or call.dropout[layer] == 0:
            return 1.0
        return dropout_scale(call.seed, step, layer, shape, call.dropout[layer], call.weights.dtype)

    l2 = call.l2 + (call.alpha / counts if counts > 0 else 0.0)
    return _gradients(
        call.weights, call.layers, x, y, call.loss, call.l1, l2, share, call.gradient, scales
    )


def _batch_shares(call: TrainCall, rows: Any, count: int) -> tuple[Array | None, float]:
    """What part of the mean each row of a batch is, and what the rows count together."""
    if call.sample_weight is None:
        return None, float(count)
    weight = call.sample_weight[rows]
    if not call.mean_weight:
        return _shares(weight), float(weight.sum(dtype=np.float64))
    counts = call.mean_weight * count
    return (weight / counts).astype(call.weights.dtype), counts


def _update(call: TrainCall, rate: float) -> None:
    """Change the parameters by the gradient, and count the update."""
    step, position = int(call.counters[1]) + 1, int(call.counters[2])
    rows = min(call.batch_size, call.epoch_rows - position)
    update_by(
        call.optimizer, rate, step, call.weights, call.gradient, call.slots, call.clip_value,
        call.clip_norm,
    )  # fmt: skip
    ended = position + rows == call.epoch_rows
    call.counters += (1, 1, -position if ended else rows, ended)
    call.shown[...] = call.counters
