"""Conversion of PyTorch networks to nncore's, and the reverse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nncore.checks import one_of
from nncore.guards import shared
from nncore.interop import dense, recurrent
from nncore.interop.parts import import_torch, part
from nncore.mlp.network import MLP
from nncore.model import Backend
from nncore.rnn.network import RNN

if TYPE_CHECKING:
    from nncore.randomness import Seed
    from nncore.rnn.settings import Returns


def from_torch(
    module: Any,
    head: Any = None,
    *,
    loss: str | None = None,
    returns: Returns | None = None,
    backend: Backend = "compiled",
    rng: Seed = None,
) -> MLP | RNN:
    """Return a network with the layers and copies of the weights of a PyTorch module.

    Parameters
    ----------
    module : torch.nn.Module
        For an `MLP`, an nn.Sequential, possibly of nn.Sequential, of nn.Linear, each followed by an
        activation or none, and in hidden layers by nn.Dropout or none. The activations are
        Identity, Sigmoid, Tanh, ReLU, LeakyReLU, ELU, SELU, Softplus, Hardsigmoid, SiLU and GELU
        with PyTorch's default settings, and Softmax over the outputs.

        For an `RNN`, an nn.RNN, nn.LSTM or nn.GRU, with a head; or a module that consists of one
        of them and a head, and nothing else. How its forward method uses them is not examined: it
        must apply the head to the hidden states of the last layer.
    head : torch.nn.Module, optional
        The nn.Linear that follows a recurrent module, or an nn.Sequential of it and an activation.
    loss : str, optional
        The loss of the network. By default the one that is usual for the last activation:
        "binary_cross_entropy" for a sigmoid, "softmax_cross_entropy" for softmax, otherwise
        "squared_error". Pass "softmax_cross_entropy" for a network that returns logits.
    returns : {"last", "sequence"}, optional
        Which outputs an `RNN` has: those of the last step of a sequence, or of all steps. By
        default those of the last step, or as in the network from which `to_torch` made the module.
    backend : {"compiled", "numpy"}
        Backend of the network.
    rng : int, SeedSequence, Generator or None
        Seed of the order of rows and of dropout in training.

    Returns
    -------
    MLP or RNN
        A network of the dtype of the module.

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    TypeError
        If a module is of another class, or in a place where it cannot be converted.
    ValueError
        If a module has settings that cannot be converted, its parameters are not all of dtype
        float32 or all of float64, on the CPU and finite, or the loss does not fit.

    Notes
    -----
    Predictions agree up to rounding; above 20, PyTorch's Softplus is up to 2e-9 too small. The
    two biases of a recurrent layer are added, except for the n gate of a GRU. A layer without
    biases gets biases of 0, which are trained like others. The input may have any layout in
    PyTorch (`batch_first`); an `RNN` takes (N, T, I).

    Examples
    --------
    >>> from torch import nn  # doctest: +SKIP
    >>> module = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))  # doctest: +SKIP
    >>> nncore.interop.from_torch(module)  # doctest: +SKIP
    <MLP 4-8-1, tanh, identity, squared_error, float32, 0 epochs>
    >>> nncore.interop.from_torch(nn.LSTM(4, 8), nn.Linear(8, 1))  # doctest: +SKIP
    <RNN 4-8-1, lstm, identity, squared_error, returns last, float32, 0 epochs>
    """
    whole = part("module", module)
    found = recurrent.recurrent_and_head(whole, head)
    if found is None:
        if returns is not None:
            raise ValueError(f"returns is for recurrent networks, and {whole} is not one")
        return dense.network(dense.layers(whole), loss, backend=backend, rng=rng)
    if returns is not None:
        one_of("returns", returns, ("last", "sequence"))
    chosen = recurrent.returns_of(module, returns)
    return recurrent.network(*found, loss, returns=chosen, backend=backend, rng=rng)


def to_torch(model: MLP | RNN) -> Any:
    """Return a PyTorch module with the layers and copies of the weights of a network.

    Parameters
    ----------
    model : MLP or RNN
        The network. The recurrent layers of an `RNN` must have the same size.

    Returns
    -------
    torch.nn.Module
        For an `MLP`, an nn.Sequential of nn.Linear, activations and nn.Dropout. For an `RNN`, a
        module with the attributes `recurrent` (nn.RNN, nn.LSTM or nn.GRU with batch_first=True),
        `head` (nn.Linear, or an nn.Sequential of it and an activation) and `returns`. The module
        takes a tensor of shape (N, T, I), or a PackedSequence for different lengths, and returns
        what `predict` returns. It has the network's dtype and is in evaluation mode; call its
        method `train` before training.

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    TypeError
        If model is not a network that can be converted.
    ValueError
        If the recurrent layers of an `RNN` have different sizes.
    RuntimeError
        If another thread is fitting the network.

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
    if not isinstance(model, MLP | RNN):
        raise TypeError(f"model must be an MLP or an RNN, got {type(model).__name__}")
    return conversion(model)


@shared
def conversion(model: MLP | RNN) -> Any:
    """Return the module, while no other thread changes the model; errors name this function."""
    module = dense.sequential(model) if isinstance(model, MLP) else recurrent.module_of(model)
    return module.eval()
