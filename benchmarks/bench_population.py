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
# What makes untrained networks, as every round trains such; and what trains them, which is timed.
Paths = tuple[Callable[[], Any], Callable[[Any], Any]]


def population(problem: PopulationProblem, members: int | None = None) -> nncore.Population:
    return nncore.Population(
        problem.sizes, problem.hidden, "sigmoid",
        rng=problem.members if members is None else members,
    )  # fmt: skip


def settings(problem: PopulationProblem) -> dict[str, Any]:
    return {
        "optimizer": nncore.SGD(problem.rate),
        "epochs": problem.epochs,
        "batch_size": problem.batch,
        "shuffle": problem.shuffle,
    }


def side_by_side(problem: PopulationProblem, threads: int) -> Paths:
    nets, data = population(problem), problem.data()
    return (
        lambda: copy.copy(nets),
        lambda nets: nets.fit(*data, threads=threads, **settings(problem)),
    )


def in_a_loop(problem: PopulationProblem) -> Paths:
    nets, data = population(problem, FEW), problem.data()
    return (
        lambda: [nets[k] for k in range(FEW)],
        lambda nets: [net.fit(*data, **settings(problem)) for net in nets],
    )


def in_jax(problem: PopulationProblem) -> Paths:
    pytest.importorskip("jax", reason="JAX is not installed")
    from population_jax import Trainer

    trainer = Trainer(problem, population(problem))
    return lambda: trainer, lambda trainer: trainer.train()


PATHS: dict[str, Callable[[PopulationProblem], Paths]] = {
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
    untrained, train = PATHS[path](problem)
    train(untrained())
    rounds = 5 if benchmark.enabled else 1
    benchmark.pedantic(train, setup=lambda: ((untrained(),), {}), rounds=rounds)


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
