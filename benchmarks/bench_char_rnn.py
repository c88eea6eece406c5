"""Training and sampling of character RNNs: compiled, and three ways to write them in NumPy.

pytest benchmarks/bench_char_rnn.py -k H100               some of them
pytest benchmarks/bench_char_rnn.py --benchmark-disable   compare results only

There is one group for each network, with one entry for each of PATHS; another library needs
one more function there. An iteration is everything that min-char-rnn does for one window except
sampling: look-up of the ids, forward, backward, clipping, Adagrad. All paths start from the
same weights and must reach the same losses before they are timed. The text is random, with
as many different characters in a window as in English.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from types import ModuleType
from typing import Any, NamedTuple, Protocol

import numpy as np
import pytest
from numpy_char_rnn import Preallocated
from step_by_step import StepByStep

from nncore import kernels, reference
from nncore.arguments.arrays import UpdateRule
from nncore.params import Array, aligned_zeros, char_rnn_shapes, flat_size, views

T, V = 25, 65
CLIP = 5.0
COMPARED_RATE = 0.001  # at larger ones rounding errors grow tenfold every few iterations
ADAGRAD = UpdateRule("adagrad", epsilon=1e-8)
CHARACTERS = "".join(chr(ord("!") + i) for i in range(V))
COMPARED = 20  # iterations, and characters of a sample
LENGTH = 1000  # characters of a timed sample


class Network(NamedTuple):
    hidden: int
    streams: int = 1
    dtype: str = "float32"

    def __str__(self) -> str:
        return f"H{self.hidden}-N{self.streams}-{self.dtype}"

    @property
    def learning_rate(self) -> float:
        """That of min-char-rnn for small networks; it would drive larger ones to saturation."""
        return 0.1 if self.hidden <= 100 else 0.01

    @property
    def flops(self) -> int:
        """Of one iteration: three products with whh and three with why."""
        return 2 * self.streams * T * (3 * self.hidden**2 + 3 * self.hidden * V)

    def weights(self) -> dict[str, Array]:
        """Weights of 0.01 times normal numbers, as in min-char-rnn, and biases of 0."""
        rng = np.random.default_rng(0)
        shapes = char_rnn_shapes(V, self.hidden)
        return {
            name: 0.01 * rng.standard_normal(shape) if len(shape) == 2 else np.zeros(shape)
            for name, shape in shapes.items()
        }


NETWORKS = [
    Network(100),
    Network(37),
    Network(256),
    Network(512),
    Network(128, streams=8),
    Network(100, dtype="float64"),
]


@lru_cache
def text() -> Array:
    """Ids with frequencies 1, 1/2, 1/3...: 15.3 different ones in 25, as in Shakespeare (15.4)."""
    frequency = 1 / np.arange(1, V + 1)
    rng = np.random.default_rng(1)
    return rng.choice(V, 100_000, p=frequency / frequency.sum()).astype(np.uint8)


class Trainer(Protocol):
    """A network in some library."""

    def train(self, iterations: int, learning_rate: float) -> Any: ...
    def sample(self, length: int) -> Any: ...


class Flat:
    """A network in flat vectors, for nncore and its reference in NumPy."""

    def __init__(self, network: Network, ops: ModuleType) -> None:
        shapes = char_rnn_shapes(V, network.hidden)
        self.ops = ops
        self.weights, self.gradient, self.memory = (
            aligned_zeros(flat_size(shapes), network.dtype) for _ in range(3)
        )
        for name, array in network.weights().items():
            views(self.weights, shapes)[name][...] = array
        self.counters = np.zeros(2, np.int64)
        self.h = aligned_zeros((network.streams, network.hidden), network.dtype)

    def train(self, iterations: int, learning_rate: float) -> Array:
        losses = np.empty(iterations)
        done = self.ops.char_rnn_train(
            self.weights,
            self.gradient,
            self.memory[None],
            text(),
            self.counters,
            self.h,
            np.full(iterations, learning_rate),
            losses,
            vocabulary=V,
            seq_length=T,
            optimizer=ADAGRAD,
            clip_value=CLIP,
        )
        assert done == iterations
        return losses

    def sample(self, length: int) -> Array:
        uniforms = np.random.default_rng(2).random(length)
        h = np.zeros((1, self.h.shape[1]), self.h.dtype)
        ids: Array = self.ops.char_rnn_sample(self.weights, h, 0, uniforms, vocabulary=V)
        return ids


class Loop:
    """The same network in the step-by-step program, whose matrices are transposed."""

    def __init__(self, network: Network) -> None:
        weights = network.weights()
        columns = {n: a.T.copy() if a.ndim == 2 else a[:, None] for n, a in weights.items()}
        ids = np.array_split(text(), network.streams)
        lines = ["".join(CHARACTERS[i] for i in line) for line in ids]
        self.program = StepByStep(columns, lines, CHARACTERS, T)

    def train(self, iterations: int, learning_rate: float) -> list[float]:
        return self.program.train(iterations, learning_rate)

    def sample(self, length: int) -> list[int]:
        return self.program.sample(length, 0, np.random.default_rng(2))


class ByHand:
    """The same network in NumPy with `out=` everywhere."""

    def __init__(self, network: Network) -> None:
        self.program = Preallocated(network.weights(), network.dtype, text(), network.streams, T)

    def train(self, iterations: int, learning_rate: float) -> list[float]:
        return self.program.train(iterations, learning_rate, CLIP)

    def sample(self, length: int) -> list[int]:
        return self.program.sample(np.random.default_rng(2).random(length))


class Path(NamedTuple):
    trainer: Callable[[Network], Trainer]
    flops: float  # done in one timed call, which then takes some 10 ms


PATHS: dict[str, Path] = {
    "nncore": Path(partial(Flat, ops=kernels), 5e8),
    "numpy": Path(ByHand, 5e7),  # preallocated
    "reference": Path(partial(Flat, ops=reference), 5e7),  # CharRNN(backend="numpy")
    "step_by_step": Path(Loop, 1e7),
}


@lru_cache
def compare(network: Network) -> None:
    """All paths reach the same losses in each iteration, and then draw the same text."""

    def results(path: str) -> tuple[Any, list[int]]:
        trainer = PATHS[path].trainer(network)
        return trainer.train(COMPARED, COMPARED_RATE), list(trainer.sample(COMPARED))

    desired, drawn = results("step_by_step")
    for path in PATHS:
        losses, ids = results(path)
        np.testing.assert_allclose(losses, desired, rtol=1e-5, err_msg=path)
        assert ids == drawn, path


@pytest.mark.benchmark(max_time=0.3, min_rounds=3, disable_gc=True)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_train(benchmark: Any, network: Network, path: str, turn: int) -> None:
    compare(network)
    trainer = PATHS[path].trainer(network)
    iterations = max(1, round(PATHS[path].flops / network.flops))
    benchmark.group = f"char_rnn_train-{network}"
    benchmark.extra_info.update(
        kind="char_rnn_train",
        case=str(network),
        path=path,
        per_call=iterations,
        flops=network.flops,
        **network._asdict(),
    )
    benchmark(trainer.train, iterations, network.learning_rate)


@pytest.mark.benchmark(max_time=1.0, min_rounds=5, disable_gc=True)
@pytest.mark.parametrize("path", PATHS)
def test_sample(benchmark: Any, path: str) -> None:
    network = NETWORKS[0]
    compare(network)
    trainer = PATHS[path].trainer(network)
    benchmark.group = f"char_rnn_sample-{network}"
    benchmark.extra_info.update(
        kind="char_rnn_sample", case=str(network), path=path, per_call=LENGTH, **network._asdict()
    )
    benchmark(trainer.sample, LENGTH)
