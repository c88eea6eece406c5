"""Many small networks: side by side, in a loop, and in JAX.

pytest benchmarks/bench_population.py
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from population_problems import PROBLEMS, PopulationProblem

import nncore

CASES = {problem.name: problem for problem in PROBLEMS}
FEW = 8  # members of the loop, whose time is multiplied


def population(problem: PopulationProblem, members: int | None = None) -> nncore.Population:
    return nncore.Population(
        problem.sizes, "sigmoid", "sigmoid", rng=problem.members if members is None else members
    )


def settings(problem: PopulationProblem) -> dict[str, Any]:
    return {
        "optimizer": nncore.SGD(problem.rate),
        "epochs": problem.epochs,
        "batch_size": problem.batch,
        "shuffle": problem.shuffle,
    }


def side_by_side(problem: PopulationProblem, threads: int) -> Callable[[], Any]:
    first, data = population(problem), problem.data()

    def train() -> Any:  # of a copy, as the history would become longer and longer
        return copy.copy(first).fit(*data, threads=threads, **settings(problem))

    return train


def in_a_loop(problem: PopulationProblem) -> Callable[[], Any]:
    nets = [population(problem, 1)[0] for _ in range(FEW)]
    data = problem.data()
    return lambda: [net.fit(*data, **settings(problem)) for net in nets]


def in_jax(problem: PopulationProblem) -> Callable[[], Any]:
    pytest.importorskip("jax", reason="JAX is not installed")
    from population_jax import Trainer

    return Trainer(problem, population(problem)).train


PATHS: dict[str, Callable[[PopulationProblem], Callable[[], Any]]] = {
    "nncore": lambda problem: side_by_side(problem, 1),
    "two_threads": lambda problem: side_by_side(problem, 2),
    "loop": in_a_loop,
    "jax": in_jax,
}


@pytest.mark.benchmark(disable_gc=True)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("case", CASES)
def test_population(benchmark: Any, case: str, path: str, turn: int) -> None:
    problem = CASES[case]
    members = FEW if path == "loop" else problem.members
    benchmark.group = f"population-{case}"
    benchmark.extra_info.update(
        kind="population", case=case, path=path, per_call=members * problem.updates
    )
    train = PATHS[path](problem)
    train()
    benchmark.pedantic(train, rounds=3 if benchmark.enabled else 1)


def test_paths_agree() -> None:
    """JAX computes the same losses, where it has the same order of rows."""
    pytest.importorskip("jax", reason="JAX is not installed")
    from population_jax import Trainer

    problem = PopulationProblem("few", (2, 3, 2), 5, 4, 4, 20)
    nets = population(problem)
    w = Trainer(problem, nets).train()
    nets.fit(*problem.data(), **settings(problem))
    for name, array in nets.parameters.items():
        np.testing.assert_allclose(np.asarray(w[name]), array, rtol=1e-4, atol=1e-5)
