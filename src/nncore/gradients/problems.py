"""What `check_gradients` compares: a network in float64, its data, and its gradients there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore.gradients.numerical import EPS
from nncore.sparse import SparseLike, SparseRows

if TYPE_CHECKING:
    from nncore.char_rnn.network import CharRNN
    from nncore.char_rnn.text_sources import TextSource
    from nncore.mlp.network import MLP
    from nncore.rnn.network import RNN
    from nncore.rnn.prediction import Steps

    Network: TypeAlias = MLP | RNN | CharRNN
    Inputs: TypeAlias = ArrayLike | SparseLike | Steps | TextSource
    Targets: TypeAlias = ArrayLike | Steps

Arrays = dict[str, NDArray[Any]]
ROUNDING = 8.0  # of the objective, in units of its last place


@dataclass(frozen=True)
class Problem:
    """An objective as a function of parameters, and its gradients at their values.

    `noise` bounds the rounding error of the objective.
    """

    parameters: Arrays
    loss: Callable[[], float]
    objective: float
    gradients: Arrays
    noise: float


def problem_of(net: Network, X: Inputs, Y: Targets | None) -> Problem:
    """Return the problem of a copy of a network that computes in float64."""
    from nncore.char_rnn.network import CharRNN
    from nncore.mlp.network import MLP
    from nncore.rnn.network import RNN

    if isinstance(net, MLP):
        return _of_mlp(net, X, Y)
    if isinstance(net, RNN):
        return _of_rnn(net, X, Y)
    if not isinstance(net, CharRNN):
        raise TypeError(f"net must be an MLP, RNN or CharRNN, got {type(net).__name__}")
    if Y is not None:
        raise ValueError(
            f"Y must be left out for a CharRNN, which predicts the text X, got {type(Y).__name__}"
        )
    return _of_char_rnn(net, X)


def _of_mlp(net: MLP, X: Any, Y: Any) -> Problem:
    """Return the problem of a perceptron and a batch."""
    from nncore.mlp.network import MLP

    model = MLP(
        net.layer_sizes,
        net.activations[:-1],
        net.activations[-1],
        net.loss_name,
        l1=net.l1,
        l2=net.l2,
        weight_init=net.parameters,
        dtype="float64",
        backend=net.backend,
        rng=0,
    )
    data = model._data(X, Y)
    x = data.x if isinstance(data.x, SparseRows) else np.asarray(data.x, np.float64)
    objective, gradients = model.loss_and_gradients(x, data.y)
    noise = _rounding(objective, model._evaluate(data)[1], data.y)
    return Problem(model.parameters, lambda: model.loss(x, data.y), objective, gradients, noise)


def _of_rnn(net: RNN, X: Any, Y: Any) -> Problem:
    """Return the problem of a recurrent network and a batch of sequences."""
    from nncore.rnn.network import RNN

    model = RNN(
        net.layer_sizes,
        net.cell,
        net.output_activation,
        net.loss_name,
        returns=net.returns,
        l2=net.l2,
        weight_init=net.parameters,
        dtype="float64",
        backend=net.backend,
        rng=0,
    )
    objective, gradients = model.loss_and_gradients(X, Y)
    data = model._data(X, Y)
    noise = _rounding(objective, model._evaluate(data)[1], data.y)
    return Problem(
        model.parameters,
        lambda: model._evaluate(data)[0] + model._penalty(),  # without checks of X and Y
        objective,
        gradients,
        noise,
    )


def _rounding(objective: float, outputs: NDArray[Any], y: NDArray[Any]) -> float:
    """Return a bound of the rounding error of an objective.

    The loss of a trained network is tiny, but the outputs that it is computed from are not, and it
    has their rounding error.
    """
    size = 1 + abs(objective) + float(np.abs(outputs).max()) + float(np.abs(y).max())
    return ROUNDING * EPS * size


def _of_char_rnn(net: CharRNN, text: Any) -> Problem:
    """Return the problem of a character RNN and a window of text."""
    from nncore.char_rnn.network import CharRNN
    from nncore.char_rnn.trace import trace

    model = CharRNN(
        net.hidden_size,
        batch_size=1,
        cell=net.cell,
        layers=net.layers,
        weight_init="small",
        vocabulary=net.vocabulary,
        dtype="float64",
        backend=net.backend,
        rng=0,
    )
    for name, array in model.parameters.items():
        array[...] = net.parameters[name]
    ids = model._ids_of(text)[0]
    objective, gradients = model._loss_and_gradients(ids)
    largest = float(np.abs(trace(model, ids)["logits"]).max())
    noise = ROUNDING * EPS * (abs(objective) + (len(ids) - 1) * (1 + largest))
    return Problem(
        model.parameters, lambda: model._loss_and_gradients(ids)[0], objective, gradients, noise
    )
