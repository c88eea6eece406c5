"""Small runs of all networks, to be interrupted and resumed."""

import itertools

import numpy as np
import pytest

import nncore
from nncore.training import CallLength

rng = np.random.default_rng(0)
X = rng.standard_normal((53, 6))
SERIES = [X[n : n + 1 + n % 4] for n in range(len(X))]  # sequences of 1 to 4 steps
LABELS = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 0)
TEXT = "".join(rng.choice(list("abcd ef\n"), 1500))


class Cut:
    """A callback that interrupts training after a random number of compiled calls."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def __enter__(self):
        self.patch = pytest.MonkeyPatch()
        left = itertools.count(int(self.rng.integers(0, 4)), -1)
        real = CallLength.stop

        def stop(length, done):
            seconds = real(length, done)
            length.updates = int(self.rng.integers(1, 9))
            if not next(left):
                raise KeyboardInterrupt
            return seconds

        def begin(length, *args, **kwargs):
            real_begin(length, *args, **kwargs)
            length.updates = int(self.rng.integers(1, 9))

        real_begin = CallLength.__init__
        self.patch.setattr(CallLength, "__init__", begin)
        self.patch.setattr(CallLength, "stop", stop)

    def __exit__(self, *exception):
        self.patch.undo()


def mlp(seed):
    return nncore.MLP(
        [6, 9, 5, 3], "tanh", "softmax", "softmax_cross_entropy", l2=1e-3, dropout=0.2, rng=seed
    )


MAKE = {
    nncore.MLP: {
        "layer_sizes": [6, 9, 3], "hidden_activation": "relu", "output_activation": "softmax",
        "loss": "softmax_cross_entropy", "dropout": 0.2, "rng": 0,
    },
    nncore.RNN: {
        "layer_sizes": [6, 5, 4, 3], "cell": "lstm", "output_activation": "softmax",
        "loss": "softmax_cross_entropy", "dropout": 0.2, "rng": 0,
    },
    nncore.Population: {
        "layer_sizes": [6, 9, 3], "output_activation": "softmax", "loss": "softmax_cross_entropy",
        "l2": [0, 1e-3, 0], "rng": 3,
    },
    nncore.CharRNN: {"hidden_size": 9, "seq_length": 5, "batch_size": 3, "rng": 0},
}  # fmt: skip


def broken_off(tmp_path, **settings):
    """A perceptron's checkpoint within a run."""
    path = tmp_path / "run.safetensors"
    with pytest.raises(KeyboardInterrupt), Cut(3):
        mlp(0).fit(X, LABELS, epochs=500, batch_size=5, checkpoint=path, **settings)
    return nncore.MLP.load(path)
