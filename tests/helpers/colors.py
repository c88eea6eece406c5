"""Colours to classify."""

import numpy as np


def random_colors(rows, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (rows, 3))
