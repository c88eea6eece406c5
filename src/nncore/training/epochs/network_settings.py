"""Checks of the settings of networks that are trained by epochs."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from nncore.checks import number, one_of, positive_int
from nncore.registry import ACTIVATION_ROW, ACTIVATIONS, LOSS_ROW, MLP_LOSSES, outputs_for


def sizes_of_layers(layer_sizes: Any, meaning: str, least: int, most: int) -> tuple[int, ...]:
    """Return the sizes of layers; `meaning` names those of the smallest network in errors."""
    try:
        if isinstance(layer_sizes, Set | Mapping):  # which have no order
            raise TypeError
        sizes = tuple(layer_sizes)
    except TypeError:
        raise TypeError(
            f"layer_sizes must be a sequence of integers, got {type(layer_sizes).__name__}"
        ) from None
    sizes = tuple(positive_int(f"layer_sizes[{i}]", size) for i, size in enumerate(sizes))
    if not least <= len(sizes) <= most:
        raise ValueError(
            f"layer_sizes has {len(sizes)} entries, expected {least} ({meaning}) to {most}"
        )
    return sizes


def activation_name(name: str, value: Any) -> str:
    """Return the name of an activation."""
    activation: str = one_of(name, value, ACTIVATIONS)
    return activation


def dropout_rate(name: str, value: Any) -> float:
    """Return a number in [0, 1)."""
    rate = number(name, value)
    if not 0 <= rate < 1:
        raise ValueError(f"{name} must be in [0, 1), got {value}")
    return rate


def penalty_factor(name: str, value: Any) -> float:
    """Return a finite number that is 0 or positive."""
    factor = number(name, value)
    if not 0 <= factor < float("inf"):
        raise ValueError(f"{name} must be 0 or a positive number, got {value}")
    return factor


def loss_for(loss: Any, output_activation: str, outputs: int) -> str:
    """Return the name of a loss that can measure these outputs."""
    name: str = one_of("loss", loss, MLP_LOSSES)
    fitting = outputs_for(name)
    if output_activation not in fitting:
        raise ValueError(
            f"loss {name!r} needs output_activation {' or '.join(map(repr, fitting))}, "
            f"got {output_activation!r}"
        )
    if outputs == 1 and (
        ACTIVATION_ROW[output_activation].over_rows or LOSS_ROW[name].takes_labels
    ):
        raise ValueError("softmax over a single output is always 1: use 2 outputs, or sigmoid")
    return name
