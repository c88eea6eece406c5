"""PyTorch modules with their names, and NumPy arrays of their parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from nncore.params import Array

DTYPES = ("float32", "float64")


def import_torch() -> Any:
    """Return the module torch; ImportError that says how to install it if it is missing."""
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            "nncore.interop needs PyTorch; install it with: pip install torch", name="torch"
        ) from error
    return torch


class Part(NamedTuple):
    """A PyTorch module, and its name in what the caller passed, as in a state_dict."""

    name: str
    module: Any

    def __str__(self) -> str:
        return f"{self.name} ({self.kind})"

    @property
    def kind(self) -> str:
        """The name of the module's class."""
        return type(self.module).__name__

    def is_a(self, *classes: str) -> bool:
        """Whether the module is of one of these classes of torch.nn, not of a subclass.

        The forward method of a subclass may compute something else.
        """
        nn = import_torch().nn
        return type(self.module) in [getattr(nn, name) for name in classes]

    def child(self, name: str, module: Any) -> Part:
        """Return a module inside this one."""
        return Part(f"{self.name}.{name}", module)

    def array(self, name: str) -> Array:
        """Return a parameter as an array, which must not be changed; ValueError if not finite."""
        array: Array = self.module.get_parameter(name).detach().numpy()
        if not np.isfinite(array).all():
            raise ValueError(f"{self}: {name} contains NaN or infinity")
        return array


def part(name: str, module: Any) -> Part:
    """Return what the caller passed as an argument; TypeError if it is not a module."""
    if not isinstance(module, import_torch().nn.Module):
        raise TypeError(f"{name} must be a torch.nn.Module, got {type(module).__name__}")
    return Part(name, module)


def flattened(whole: Part) -> Iterator[Part]:
    """Yield the modules that a part runs one after the other, without those that do nothing.

    Raises ValueError for hooks, which can change what a module computes.
    """
    check_hooks(whole)
    if whole.is_a("Sequential"):
        for name, module in whole.module._modules.items():  # named_children skips repeated ones
            yield from flattened(whole.child(name, module))
    elif not does_nothing(whole):
        yield whole


def check_hooks(one: Part) -> None:
    """Raise ValueError if functions are called with the inputs or outputs of a module."""
    for attribute in ("_forward_hooks", "_forward_pre_hooks"):
        if getattr(one.module, attribute):
            raise ValueError(f"{one} has forward hooks, which cannot be converted")


def does_nothing(one: Part) -> bool:
    """Whether a module always returns its inputs."""
    return one.is_a("Identity") or (one.is_a("Dropout") and one.module.p == 0)


def common_dtype(parts: Sequence[Part]) -> str:
    """Return the dtype of all parameters; ValueError for another device, or different dtypes."""
    first: tuple[str, Part] | None = None
    for one in parts:
        for parameter in one.module.parameters():
            if parameter.device.type != "cpu":
                raise ValueError(
                    f"{one} is on device {parameter.device}, expected cpu: call module.cpu()"
                )
            dtype = str(parameter.dtype).removeprefix("torch.")
            if dtype not in DTYPES:
                raise ValueError(f"{one} has dtype {dtype}, expected {' or '.join(DTYPES)}")
            first = first or (dtype, one)
            if dtype != first[0]:
                raise ValueError(
                    f"{one} has dtype {dtype}, but {first[1]} has {first[0]}: expected one dtype"
                )
    assert first is not None  # every network has a linear layer
    return first[0]
