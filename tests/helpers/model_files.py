"""Model files as arrays and a header, and what is in their folder."""

import json
import os

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

POSIX = os.name == "posix"
ARRAYS = {"a": np.arange(6.0).reshape(2, 3), "b": np.arange(3, dtype=np.float32)}


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def read(path):
    """Arrays and header of a model file."""
    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return arrays, json.loads(file.metadata()["nncore"])


def edited(path, change):
    """The file after change(arrays, header)."""
    arrays, header = read(path)
    change(arrays, header)
    arrays = {name: np.array(array) for name, array in arrays.items()}
    save_file(arrays, path, {"nncore": json.dumps(header)})
    return path
