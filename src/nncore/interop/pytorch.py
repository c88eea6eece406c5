"""Networks of PyTorch as networks of nncore, and the reverse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nncore.guards import shared
from nncore.interop import dense
from nncore.interop.parts import import_torch, part
from nncore.mlp.network import MLP
from nncore.model import Backend

if TYPE_CHECKING:
    from nncore.randomness import Seed

# The usual loss of an activation of the outputs; of the others, squared error.
LOSSES = {"sigmoid": "binary_cross_entropy", "softmax": "softmax_cross_entropy"}


def from_torch(
    module: Any, *, loss: str | None = None, backend: Backend = "compiled", rng: Seed = None
) -> MLP:
    """Return a network with the layers and copies of the weights of a module of PyTorch.

    Parameters
    ----------
    module : torch.nn.Module
        An nn.Sequential, possibly of nn.Sequential, of nn.Linear, each followed by an activation
        or none, and in hidden layers by nn.Dropout or none. The activations are Identity, Sigmoid,
        Tanh, ReLU, LeakyReLU, ELU, SELU, Softplus, Hardsigmoid, SiLU and GELU with PyTorch's
        default settings, and Softmax over the outputs.
    loss : str, optional
        The loss of the network. By default the one that is usual for the last activation:
        "binary_cross_entropy" for a sigmoid, "softmax_cross_entropy" for softmax, otherwise
        "squared_error". Pass "softmax_cross_entropy" for a network that returns logits.
    backend : {"compiled", "numpy"}
        Backend of the network.
    rng : int, SeedSequence, Generator or None
        Seed of the order of rows and of dropout in training.

    Returns
    -------
    MLP
        A network of the dtype of the module.

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    TypeError
        If a module is of another class, or not where it can be converted.
    ValueError
        If a module has settings that cannot be converted, its parameters are not all of dtype
        float32 or all of float64, on the CPU and finite, or the loss does not fit.

    Notes
    -----
    Predictions agree up to rounding; above 20, Softplus of PyTorch is up to 2e-9 too small. A
    layer without biases gets biases of 0, which are trained like others.

    Examples
    --------
    >>> from torch import nn  # doctest: +SKIP
    >>> module = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))  # doctest: +SKIP
    >>> nncore.interop.from_torch(module)  # doctest: +SKIP
    <MLP 4-8-1, tanh, identity, squared_error, float32, 0 epochs>
    """
    layers = dense.layers(part("module", module))
    chosen = LOSSES.get(layers[-1].activation, "squared_error") if loss is None else loss
    return dense.network(layers, chosen, backend=backend, rng=rng)


def to_torch(model: MLP) -> Any:
    """Return a module of PyTorch with the layers and copies of the weights of a network.

    Parameters
    ----------
    model : MLP
        The network.

    Returns
    -------
    torch.nn.Module
        An nn.Sequential of nn.Linear, activations and nn.Dropout, of the network's dtype and in
        evaluation mode; call its method `train` before training.

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    TypeError
        If model is not a network that can be converted.
    RuntimeError
        While another thread fits the network.

    Notes
    -----
    `from_torch` of the result is a network with the same parameters to the bit. Loss, penalties
    and optimizer are not part of a module.

    Examples
    --------
    >>> module = nncore.interop.to_torch(net)  # doctest: +SKIP
    >>> torch.save(module.state_dict(), "net.pt")  # doctest: +SKIP
    """
    import_torch()
    if not isinstance(model, MLP):
        raise TypeError(f"model must be an MLP, got {type(model).__name__}")
    return _module(model)


@shared
def _module(model: MLP) -> Any:
    return dense.sequential(model).eval()
