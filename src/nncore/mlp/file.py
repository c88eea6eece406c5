"""A multi-layer perceptron in a model file: its settings."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from nncore.checks import float_dtype, positive_int
from nncore.files.model_file import Reader
from nncore.mlp.state import MLPState
from nncore.params import mlp_shapes
from nncore.training.epochs import file as epochs_file

if TYPE_CHECKING:
    from nncore.model import Backend

Model = TypeVar("Model", bound=MLPState)
SETTINGS = ("layer_sizes", "hidden_activation", "output_activation", "loss", "l1", "l2", "dropout",
            "dtype")  # fmt: skip


def save(model: MLPState, path: str | os.PathLike[str]) -> None:
    """Write a network to a file."""
    settings = {
        "layer_sizes": list(model.layer_sizes),
        "hidden_activation": list(model.activations[:-1]),
        "output_activation": model.activations[-1],
        "loss": model.loss_name,
        "l1": model.l1,
        "l2": model.l2,
        "dropout": list(model.dropout),
        "dtype": model.dtype.name,
    }
    epochs_file.save(model, path, "MLP", settings)


def load(cls: type[Model], path: str | os.PathLike[str], backend: Backend) -> Model:
    """Load a network from a file written by `save`."""
    return epochs_file.load(path, "MLP", partial(_build, cls, backend))


def _build(cls: type[Model], backend: Backend, file: Reader) -> Model:
    """Return a network with the file's settings, without reading its arrays."""
    settings = dict(file.field("settings", dict))
    if missing := [name for name in SETTINGS if name not in settings]:
        raise ValueError(f"settings lack {', '.join(missing)}")
    dtype = float_dtype("dtype", settings["dtype"])
    shapes = mlp_shapes([positive_int("layer_sizes", size) for size in settings["layer_sizes"]])
    epochs_file.check_arrays(file, shapes, dtype)
    zeros = {name: np.broadcast_to(dtype.type(0), shape) for name, shape in shapes.items()}
    return cls(**settings, weight_init=zeros, backend=backend, rng=0)
