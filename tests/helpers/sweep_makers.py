"""Functions that make the members of sweeps, in a module that other processes can import."""

import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from enum import Enum, Flag

import numpy as np

from nncore import MLP, SGD

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
Y = np.array([[0], [1], [1], [0]], np.float32)


class Colour(Enum):
    RED = 1
    BLUE = 2


class Mode(Flag):
    FAST = 1
    SAFE = 2


@dataclass
class Pair:
    one: object
    other: object = None


class Plain:
    """An object without an informative repr."""

    def __init__(self, content):
        self.content = content

    def method(self):
        return self.content


def xor(hidden=3, rng=0, epochs=200):
    net = MLP((2, hidden, 1), "tanh", "sigmoid", "binary_cross_entropy", rng=rng)
    net.fit(X, Y, optimizer=SGD(0.5), epochs=epochs, batch_size=4)
    return net


def troublesome(rng, trouble="none", folder=None):
    """A network, or the failure that is requested."""
    if folder is not None:  # the number of times that this member was made
        with open(f"{folder}/{rng}", "a") as file:
            file.write(".")
    if trouble == "diverges":
        net = MLP((2, 3, 1), "identity", rng=rng)
        net.fit(100 * X, 100 * Y, optimizer=SGD(1e6), epochs=100)
    if trouble == "leaves":
        sys.exit("enough")
    if trouble == "is stopped":
        raise KeyboardInterrupt
    if trouble == "dies":
        time.sleep(0.1)  # while others are trained
        os._exit(1)
    return xor(rng=rng)


SEEDS = [{"rng": i} for i in range(12)]


def processes(workers=2):
    """Spawned, as a process with threads should not be forked."""
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))


def weights(member):
    return b"".join(array.tobytes() for array in member.network.parameters.values())


def bits(sweep):
    return [(m.index, m.score, m.error, weights(m) if m.network else None) for m in sweep.members]
