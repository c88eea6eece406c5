"""Optimizers by their names, as model files and the command line give them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from nncore.optimizers import adaptive, momentum, signs
from nncore.optimizers.base import Optimizer
from nncore.registry import OPTIMIZER_NAMES

CLASSES = vars(adaptive) | vars(momentum) | vars(signs)
OPTIMIZERS: dict[str, type[Optimizer]] = {name: CLASSES[name] for name in OPTIMIZER_NAMES}


def check_optimizer(optimizer: object) -> Optimizer:
    """Return the optimizer; TypeError unless it is an instance of a class in `OPTIMIZERS`."""
    if isinstance(optimizer, type):
        name = optimizer.__name__
        raise TypeError(f"optimizer must be an object, got the class {name}; call it: {name}()")
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"optimizer must be an nncore optimizer such as nncore.Adam(), "
            f"got {type(optimizer).__name__}"
        )
    if OPTIMIZERS.get(type(optimizer).__name__) is not type(optimizer):
        raise TypeError(
            f"optimizer must be one of nncore's classes, {', '.join(OPTIMIZERS)}, as model files "
            f"can contain no others; got {type(optimizer).__module__}.{type(optimizer).__name__}"
        )
    return optimizer


def optimizer_from(settings: dict[str, Any]) -> Optimizer:
    """Return the optimizer that `Optimizer.settings` described; ValueError for unknown names."""
    constants = dict(settings)
    name = constants.pop("name", None)
    if name not in OPTIMIZERS:
        raise ValueError(f"optimizer must be one of {', '.join(OPTIMIZERS)}, got {name!r}")
    unknown = set(constants) - {field.name for field in fields(OPTIMIZERS[name])}
    if unknown:
        raise ValueError(f"{name} has no {', '.join(sorted(unknown))}")
    return OPTIMIZERS[name](**constants)
