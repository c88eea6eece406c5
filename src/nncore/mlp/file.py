"""A multi-layer perceptron in a model file: its settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from nncore.checks import float_dtype, positive_int
from nncore.files.model_file import Reader
from nncore.mlp.state import MLPState
from nncore.params import Array, Shapes, mlp_shapes
from nncore.training.epochs import file as epochs_file

if TYPE_CHECKING:
    from nncore.model import Backend

Model = TypeVar("Model", bound=MLPState)
SETTINGS = ("layer_sizes", "hidden_activation", "output_activation", "loss", "l1", "l2", "dropout",
            "dtype")  # fmt: skip


def save(model: MLPState, path: str | os.PathLike[str]) -> None:
    """Write a network to a file."""
    epochs_file.save(model, path, "MLP", settings_of(model))


def settings_of(model: MLPState) -> dict[str, Any]:
    """Return the settings of a network in a form that JSON can represent."""
    return {
        "layer_sizes": list(model.layer_sizes),
        "hidden_activation": list(model.activations[:-1]),
        "output_activation": model.activations[-1],
        "loss": model.loss_name,
        "l1": model.l1,
        "l2": model.l2,
        "dropout": list(model.dropout),
        "dtype": model.dtype.name,
    }


def load(cls: type[Model], path: str | os.PathLike[str], backend: Backend) -> Model:
    """Load a network from a file written by `save`."""
    return epochs_file.load(path, "MLP", partial(_build, cls, backend))


def _build(cls: type[Model], backend: Backend, file: Reader) -> Model:
    """Return a network with the file's settings, without reading its arrays."""
    settings, shapes, dtype = settings_in(file)
    epochs_file.check_arrays(file, shapes, dtype)
    return cls(**settings, weight_init=zeros(shapes, dtype), backend=backend, rng=0)


def settings_in(
    file: Reader, others: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], Shapes, np.dtype[Any]]:
    """Return the settings of a network in a file, the shapes of its parameters, and its dtype.

    `others` are settings that the file has in another place.
    """
    settings = file.field("settings", dict) | (others or {})
    if missing := [name for name in SETTINGS if name not in settings]:
        raise ValueError(f"settings lack {', '.join(missing)}")
    dtype = float_dtype("dtype", settings["dtype"])
    sizes = [positive_int("layer_sizes", size) for size in settings["layer_sizes"]]
    return settings, mlp_shapes(sizes), dtype


def zeros(shapes: Shapes, dtype: np.dtype[Any]) -> dict[str, Array]:
    """Return initial parameters that take no memory."""
    return {name: np.broadcast_to(dtype.type(0), shape) for name, shape in shapes.items()}
