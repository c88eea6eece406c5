"""A recurrent network for sequences of vectors in a model file: its settings."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from nncore.arguments.recurrent import cell_name
from nncore.checks import float_dtype, positive_int
from nncore.files.model_file import Reader
from nncore.params import recurrent_shapes
from nncore.rnn.state import RNNState
from nncore.training.epochs import file as epochs_file

if TYPE_CHECKING:
    from nncore.model import Backend

Model = TypeVar("Model", bound=RNNState)
SETTINGS = ("layer_sizes", "cell", "output_activation", "loss", "returns", "l2", "dropout", "dtype")


def save(model: RNNState, path: str | os.PathLike[str]) -> None:
    """Write a network to a file."""
    settings = {
        "layer_sizes": list(model.layer_sizes),
        "cell": model.cell,
        "output_activation": model.output_activation,
        "loss": model.loss_name,
        "returns": model.returns,
        "l2": model.l2,
        "dropout": model.dropout,
        "dtype": model.dtype.name,
    }
    epochs_file.save(model, path, "RNN", settings)


def load(cls: type[Model], path: str | os.PathLike[str], backend: Backend) -> Model:
    """Load a network from a file written by `save`."""
    return epochs_file.load(path, "RNN", partial(_build, cls, backend))


def _build(cls: type[Model], backend: Backend, file: Reader) -> Model:
    """Return a network with the file's settings, without reading its arrays."""
    settings = dict(file.field("settings", dict))
    if missing := [name for name in SETTINGS if name not in settings]:
        raise ValueError(f"settings lack {', '.join(missing)}")
    dtype = float_dtype("dtype", settings["dtype"])
    inputs, *hidden, outputs = (positive_int("layer_sizes", n) for n in settings["layer_sizes"])
    shapes = recurrent_shapes(inputs, hidden, outputs, cell_name(settings["cell"]))
    epochs_file.check_arrays(file, shapes, dtype)
    zeros = {name: np.broadcast_to(dtype.type(0), shape) for name, shape in shapes.items()}
    return cls(**settings, weight_init=zeros, backend=backend, rng=0)
