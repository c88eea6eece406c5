"""Training of recurrent cells over text: compiled, in NumPy, and in other libraries.

pytest benchmarks/bench_recurrent.py -k lstm-H128         some of them
pytest benchmarks/bench_recurrent.py --benchmark-disable  compare results only

There is one group for each problem, with one entry for each of PATHS. All paths start from the
same parameters and states and must have the same losses before they are timed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from types import ModuleType
from typing import Any

import numpy as np
import peers
import pytest
from recurrent_problems import CLIP_NORM, EPSILON, PROBLEMS, RATE, Problem, Trainer, V, text

from nncore import kernels, reference
from nncore.arguments.arrays import UpdateRule
from nncore.params import Array, aligned_zeros, char_rnn_shapes, flat_size, views
from nncore.registry import CELL_ROW

ADAM = UpdateRule("adam", 0.9, 0.999, EPSILON)
COMPARED = 4  # iterations
CALL = 3e9  # operations of one timed call of nncore, and four times those of another


class Flat:
    """A network in flat vectors, for nncore and its reference in NumPy."""

    def __init__(self, problem: Problem, ops: ModuleType) -> None:
        shapes = char_rnn_shapes(V, problem.hidden, problem.cell)
        self.problem, self.ops = problem, ops
        self.weights, self.gradient = (aligned_zeros(flat_size(shapes), "f4") for _ in range(2))
        self.slots = aligned_zeros((2, self.weights.size), "f4")
        for name, array in problem.parameters().items():
            views(self.weights, shapes)[name][...] = array
        self.counters = np.zeros(2, np.int64)
        states = CELL_ROW[problem.cell].states * problem.hidden
        self.h = aligned_zeros((problem.streams, states), "f4")
        self.text = text(problem.streams).astype(np.uint8).reshape(-1)

    def train(self, iterations: int) -> Array:
        losses = np.empty(iterations)
        done = self.ops.char_rnn_train(
            self.weights,
            self.gradient,
            self.slots,
            self.text,
            self.counters,
            self.h,
            np.full(iterations, RATE),
            losses,
            vocabulary=V,
            seq_length=self.problem.steps,
            optimizer=ADAM,
            clip_norm=CLIP_NORM,
            cell=self.problem.cell,
        )
        assert done == iterations
        return losses


def paths() -> dict[str, Callable[[Problem], Trainer]]:
    """All implementations by name, with those of the installed libraries that have one here."""
    others = peers.installed("recurrent", peers.RECURRENT)
    return {
        "nncore": partial(Flat, ops=kernels),
        "reference": partial(Flat, ops=reference),
        **{name: module.Trainer for name, module in others.items()},
    }


PATHS = paths()


@lru_cache
def compare(problem: Problem) -> None:
    """All paths have the same losses in the first iterations."""
    desired = PATHS["reference"](problem).train(COMPARED)
    for path, make in PATHS.items():
        np.testing.assert_allclose(make(problem).train(COMPARED), desired, rtol=1e-4, err_msg=path)


@pytest.mark.benchmark(max_time=0.5, min_rounds=3, disable_gc=True)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_train(benchmark: Any, problem: Problem, path: str, turn: int) -> None:
    compare(problem)
    trainer = PATHS[path](problem)
    iterations = max(1, min(50, round((CALL if path == "nncore" else CALL / 4) / problem.flops)))
    trainer.train(1)
    benchmark.group = f"recurrent-{problem}"
    benchmark.extra_info.update(
        kind="recurrent",
        case=str(problem),
        path=path,
        per_call=iterations,
        flops=problem.flops,
        **problem._asdict(),
    )
    benchmark(trainer.train, iterations)
