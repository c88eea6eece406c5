"""Arrays of a model file, and what is in its folder."""

import os

import numpy as np

POSIX = os.name == "posix"
ARRAYS = {"a": np.arange(6.0).reshape(2, 3), "b": np.arange(3, dtype=np.float32)}


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())
