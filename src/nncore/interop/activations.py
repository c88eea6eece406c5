"""The PyTorch modules that compute nncore's activations."""

from __future__ import annotations

from typing import Any, NamedTuple

from nncore.interop.parts import Part, import_torch


class Counterpart(NamedTuple):
    """A class of torch.nn, and the values of its attributes with which it computes the same.

    The first value of each attribute is the one that `to_torch` sets.
    """

    module: str
    settings: dict[str, tuple[Any, ...]] = {}  # noqa: RUF012 - never changed


COUNTERPARTS = {
    "identity": Counterpart("Identity"),
    "sigmoid": Counterpart("Sigmoid"),
    "tanh": Counterpart("Tanh"),
    "relu": Counterpart("ReLU"),
    "leaky_relu": Counterpart("LeakyReLU", {"negative_slope": (0.01,)}),
    "softmax": Counterpart("Softmax", {"dim": (-1, 1)}),
    "elu": Counterpart("ELU", {"alpha": (1.0,)}),
    "selu": Counterpart("SELU"),
    # Above the threshold it returns its inputs: at 20, PyTorch's default, 2e-9 too little.
    "softplus": Counterpart("Softplus", {"beta": (1.0,), "threshold": (40.0, 20.0)}),
    "hard_sigmoid": Counterpart("Hardsigmoid"),
    "silu": Counterpart("SiLU"),
    "gelu": Counterpart("GELU", {"approximate": ("none",)}),
}
NAMES = {counterpart.module: name for name, counterpart in COUNTERPARTS.items()}


def is_activation(one: Part) -> bool:
    """Whether a module is an activation, perhaps with settings that nncore lacks."""
    return one.is_a(*NAMES)


def activation_name(one: Part, dimensions: int = 2) -> str:
    """Return the name of the activation that a module computes.

    Parameters
    ----------
    one : Part
        A module for which `is_activation` is true.
    dimensions : int
        Number of dimensions of its inputs; softmax must be over the last one.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If its settings are not those of nncore's activation.
    """
    name = NAMES[one.kind]
    for attribute, values in COUNTERPARTS[name].settings.items():
        expected = (-1, dimensions - 1) if attribute == "dim" else values
        found = getattr(one.module, attribute)
        if found not in expected:
            raise ValueError(
                f"{one} has {attribute}={found!r}, expected {' or '.join(map(repr, expected))}"
            )
    return name


def activation_module(name: str) -> Any:
    """Return a new PyTorch module that computes an activation."""
    counterpart = COUNTERPARTS[name]
    settings = {attribute: values[0] for attribute, values in counterpart.settings.items()}
    return getattr(import_torch().nn, counterpart.module)(**settings)
