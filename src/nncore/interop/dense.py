"""Multi-layer perceptrons as nn.Sequential, and the reverse."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from nncore.interop.activations import activation_module, activation_name, is_activation
from nncore.interop.parts import Part, common_dtype, flattened, import_torch
from nncore.mlp.network import MLP
from nncore.params import Array

# The usual loss of an activation of the outputs; of the others, squared error.
LOSSES = {"sigmoid": "binary_cross_entropy", "softmax": "softmax_cross_entropy"}


class Layer(NamedTuple):
    """A linear layer, and what follows it."""

    linear: Part
    activation: str = "identity"
    dropout: float = 0.0

    def loss(self, given: str | None) -> str:
        """Return the given loss, or the usual one if this is the last layer."""
        return LOSSES.get(self.activation, "squared_error") if given is None else given


def layers(whole: Part, dimensions: int = 2) -> list[Layer]:
    """Return the layers of a module; TypeError or ValueError if it is not a perceptron.

    Parameters
    ----------
    whole : Part
        An nn.Linear, or an nn.Sequential, possibly of nn.Sequential, of nn.Linear, activations
        and nn.Dropout.
    dimensions : int
        Number of dimensions of its inputs.

    Returns
    -------
    list of Layer
        At least one; the last has no dropout.
    """
    groups: list[list[Part]] = []
    for one in flattened(whole):
        if one.is_a("Linear"):
            groups.append([one])
        elif not is_activation(one) and not one.is_a("Dropout"):
            raise TypeError(
                f"{one} cannot be converted: expected an nn.Sequential of Linear, activations and "
                "Dropout"
            )
        elif not groups:
            raise TypeError(f"{one} precedes the first Linear, which cannot be converted")
        else:
            groups[-1].append(one)
    if not groups:
        raise TypeError(f"{whole} contains no Linear")
    found = [_layer(linear, rest, dimensions) for linear, *rest in groups]
    _check_widths(found)
    if found[-1].dropout:
        raise ValueError(f"{groups[-1][-1]} is dropout of the outputs, which cannot be converted")
    return found


def _layer(linear: Part, rest: list[Part], dimensions: int) -> Layer:
    """Return a layer from its modules: an activation or none, dropout or none."""
    activation, dropout = "identity", 0.0
    if rest and is_activation(rest[0]):
        activation = activation_name(rest[0], dimensions)
        rest = rest[1:]
    if rest and rest[0].is_a("Dropout"):
        dropout = float(rest[0].module.p)
        if dropout == 1:
            raise ValueError(f"{rest[0]} has p=1.0, expected less than 1")
        rest = rest[1:]
    if rest:
        raise TypeError(
            f"{rest[0]} cannot be converted: expected one activation, then one Dropout, between "
            "two Linear layers"
        )
    return Layer(linear, activation, dropout)


def _check_widths(found: Sequence[Layer]) -> None:
    for (before, *_), (linear, *_) in pairwise(found):
        outputs, inputs = before.module.out_features, linear.module.in_features
        if outputs != inputs:
            raise ValueError(f"{linear} has {inputs} inputs, expected {outputs} as {before} has")


def linear_arrays(linear: Part) -> tuple[Array, Array]:
    """Return the weights (I, O) and the biases (O,) of an nn.Linear; a missing bias is 0."""
    weights = linear.array("weight").T
    if linear.module.bias is None:
        return weights, np.zeros(weights.shape[1], weights.dtype)
    return weights, linear.array("bias")


def network(found: Sequence[Layer], loss: str | None, **settings: Any) -> MLP:
    """Return a perceptron with these layers."""
    sizes = [found[0].linear.module.in_features, *(x.linear.module.out_features for x in found)]
    dtype, arrays = common_dtype([layer.linear for layer in found]), dict[str, Array]()
    for i, layer in enumerate(found, start=1):
        arrays[f"w{i}"], arrays[f"b{i}"] = linear_arrays(layer.linear)
    return MLP(
        sizes,
        [layer.activation for layer in found[:-1]],
        found[-1].activation,
        found[-1].loss(loss),
        dropout=[layer.dropout for layer in found[:-1]],
        weight_init=arrays,
        dtype=dtype,
        **settings,
    )


def linear_module(weights: Array, biases: Array) -> Any:
    """Return an nn.Linear with copies of weights (I, O) and biases (O,)."""
    torch = import_torch()
    inputs, outputs = weights.shape
    linear = torch.nn.Linear(inputs, outputs, dtype=getattr(torch, weights.dtype.name))
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(weights.T.copy()))
        linear.bias.copy_(torch.from_numpy(biases))
    return linear


def sequential(model: MLP) -> Any:
    """Return an nn.Sequential that computes what a perceptron does."""
    nn, parameters, modules = import_torch().nn, model.parameters, []
    for i, activation in enumerate(model.activations, start=1):
        modules.append(linear_module(parameters[f"w{i}"], parameters[f"b{i}"]))
        if activation != "identity":
            modules.append(activation_module(activation))
        if rate := (*model.dropout, 0.0)[i - 1]:
            modules.append(nn.Dropout(rate))
    return nn.Sequential(*modules)
