"""Model files of CharRNN, as they are saved and with a change."""

import json

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file
from texts import prose

from nncore import (
    CharRNN,
)

TEXT = prose(600)
MANY = 2**40


def small(**settings):
    return CharRNN(**{"hidden_size": 6, "seq_length": 5, "batch_size": 2, "rng": 0} | settings)


def read(path):
    """Arrays and header of a model file."""
    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return arrays, json.loads(file.metadata()["nncore"])


def forged(path, change):
    """The file of a small network after change(arrays, header)."""
    model = small()
    model.fit(TEXT, iterations=3, validation_fraction=0.1)
    model.save(path)
    arrays, header = read(path)
    change(arrays, header)
    arrays = {name: np.array(array) for name, array in arrays.items()}
    save_file(arrays, path, {"nncore": json.dumps(header)})
    return path
