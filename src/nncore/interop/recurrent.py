"""Recurrent networks from a recurrent PyTorch module and its head, and the reverse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nncore.interop.activations import activation_module
from nncore.interop.dense import Layer, layers, linear_arrays, linear_module
from nncore.interop.parts import Part, check_hooks, common_dtype, does_nothing, import_torch, part
from nncore.params import Array
from nncore.reference.recurrent.stack import number
from nncore.registry import CELL_ROW
from nncore.rnn.network import RNN

if TYPE_CHECKING:
    from nncore.rnn.settings import Returns

CELLS = {"RNN": "tanh", "LSTM": "lstm", "GRU": "gru"}
CLASSES = {cell: name for name, cell in CELLS.items()}
# The settings of these classes that have no counterpart, with the values that are converted
SETTINGS = {"bidirectional": False, "proj_size": 0, "nonlinearity": "tanh"}


def recurrent_and_head(whole: Part, head: Any) -> tuple[Part, Part] | None:
    """Return the recurrent module and the module that follows it, None if there are none.

    Raises TypeError if only one of both is there, or if it is not clear which they are.
    """
    if whole.is_a(*CELLS):
        if head is None:
            raise TypeError(f"{whole} has no outputs: pass the Linear that follows it as head")
        return whole, part("head", head)
    if head is not None:
        raise TypeError(f"{whole} cannot be converted: expected RNN, LSTM or GRU before a head")
    children = [whole.child(*child) for child in whole.module._modules.items()]
    recurrent = [one for one in children if one.is_a(*CELLS)]
    if not recurrent:
        return None
    others = [one for one in children if one not in recurrent and not does_nothing(one)]
    if len(recurrent) > 1 or len(others) != 1 or whole.module._parameters:
        found = ", ".join(map(str, children))
        raise TypeError(
            f"{whole} contains {found}: expected one RNN, LSTM or GRU and one Linear; pass them "
            "as module and head"
        )
    check_hooks(whole)
    return recurrent[0], others[0]


def _check_settings(recurrent: Part) -> None:
    check_hooks(recurrent)
    for name, expected in SETTINGS.items():
        found = getattr(recurrent.module, name, expected)
        if found != expected:
            raise ValueError(f"{recurrent} has {name}={found!r}, expected {expected!r}")


def _output_layer(recurrent: Part, head: Part, returns: str) -> Layer:
    """Return the only layer of the head."""
    found = layers(head, dimensions=2 if returns == "last" else 3)
    if len(found) > 1:
        raise TypeError(
            f"{found[1].linear} cannot be converted: expected one Linear after {recurrent}"
        )
    inputs, hidden = found[0].linear.module.in_features, recurrent.module.hidden_size
    if inputs != hidden:
        raise ValueError(
            f"{found[0].linear} has {inputs} inputs, expected {hidden} as {recurrent} has"
        )
    return found[0]


def network(recurrent: Part, head: Part, loss: str | None, **settings: Any) -> RNN:
    """Return a recurrent network with the weights of both modules."""
    _check_settings(recurrent)
    output = _output_layer(recurrent, head, settings["returns"])
    dtype, module = common_dtype([recurrent, output.linear]), recurrent.module
    arrays = dict(zip(("why", "by"), linear_arrays(output.linear), strict=True))
    for i in range(module.num_layers):
        arrays |= _layer_arrays(recurrent, i)
    return RNN(
        [module.input_size, *[module.hidden_size] * module.num_layers, arrays["by"].size],
        CELLS[recurrent.kind],
        output.activation,
        output.loss(loss),
        dropout=module.dropout if module.num_layers > 1 else 0.0,
        weight_init=arrays,
        dtype=dtype,
        **settings,
    )


def _layer_arrays(recurrent: Part, i: int) -> dict[str, Array]:
    """Return the parameters of a recurrent layer, whose two biases become one."""
    end = number(i)
    weights = {
        f"wxh{end}": recurrent.array(f"weight_ih_l{i}").T,
        f"whh{end}": recurrent.array(f"weight_hh_l{i}").T,
    }
    hidden, columns = weights[f"whh{end}"].shape
    if recurrent.module.bias:
        first, second = (recurrent.array(f"bias_{kind}_l{i}").copy() for kind in ("ih", "hh"))
    else:
        first, second = np.zeros((2, columns), weights[f"whh{end}"].dtype)
    if CELL_ROW[CELLS[recurrent.kind]].recurrent_bias:
        weights[f"bn{end}"] = second[-hidden:].copy()
        second[-hidden:] = 0
    return weights | {f"bh{end}": first + second}


def module_of(model: RNN) -> Any:
    """Return a `RecurrentNetwork` that computes what a recurrent network does."""
    from nncore.interop.recurrent_module import RecurrentNetwork

    nn, parameters = import_torch().nn, model.parameters
    head = linear_module(parameters["why"], parameters["by"])
    if model.output_activation != "identity":
        head = nn.Sequential(head, activation_module(model.output_activation))
    return RecurrentNetwork(_recurrent_module(model, parameters), head, model.returns)


def _recurrent_module(model: RNN, parameters: dict[str, Array]) -> Any:
    """Return an nn.RNN, nn.LSTM or nn.GRU with copies of the weights."""
    torch, (inputs, *hidden, _) = import_torch(), model.layer_sizes
    if len(set(hidden)) > 1:
        name = CLASSES[model.cell]
        raise ValueError(
            f"layer_sizes has recurrent layers of {hidden} units, expected one size, as the layers "
            f"of torch.nn.{name} have"
        )
    module = getattr(torch.nn, CLASSES[model.cell])(
        inputs,
        hidden[0],
        len(hidden),
        dropout=model.dropout,
        batch_first=True,
        dtype=getattr(torch, model.dtype.name),
    )
    with torch.no_grad():
        for i in range(len(hidden)):
            for name, array in _module_arrays(parameters, i).items():
                module.get_parameter(f"{name}_l{i}").copy_(torch.from_numpy(array))
    return module


def _module_arrays(parameters: dict[str, Array], i: int) -> dict[str, Array]:
    """Return the parameters of a layer as PyTorch has them: the second bias is 0, except bn."""
    end = number(i)
    biases = parameters[f"bh{end}"]
    second = np.zeros_like(biases)
    if (bn := parameters.get(f"bn{end}")) is not None:
        second[-bn.size :] = bn
    return {
        "weight_ih": parameters[f"wxh{end}"].T.copy(),
        "weight_hh": parameters[f"whh{end}"].T.copy(),
        "bias_ih": biases,
        "bias_hh": second,
    }


def returns_of(module: Any, returns: Returns | None) -> Returns:
    """Return which outputs a module has: as the caller says, or as the module does, or the last."""
    from nncore.interop.recurrent_module import RecurrentNetwork

    if returns is None and isinstance(module, RecurrentNetwork):
        return module.returns
    return returns or "last"
