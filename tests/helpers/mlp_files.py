"""Model files of MLP, as they are saved and with a change."""

import json

import numpy as np
from mlps import rows, small
from safetensors import safe_open
from safetensors.numpy import save_file

X, Y, LABELS = rows()
MANY = 2**40


def saved(path, **settings):
    net = small(**settings)
    net.fit(X, Y, epochs=3, validation_fraction=0.2)
    net.save(path)
    return net


def forged(path, change):
    """The file of a small network after change(arrays, header)."""
    saved(path)
    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        header = json.loads(file.metadata()["nncore"])
    change(arrays, header)
    arrays = {name: np.array(array) for name, array in arrays.items()}
    save_file(arrays, path, {"nncore": json.dumps(header)})
    return path
