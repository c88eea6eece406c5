"""Training and prediction of dense networks: compiled, in NumPy, and in other libraries.

pytest benchmarks/bench_mlp.py -k 3-3-1               some of them
pytest benchmarks/bench_mlp.py --benchmark-disable    compare results only

There is one group for each problem, with one entry for each of PATHS, including PyTorch,
scikit-learn, Numba and JAX if they are installed (see `peers.py`). All paths start from the same
parameters, and must reach the same ones with the same batches before they are timed. Timed
training starts again in every round, and shuffles the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache, partial
from itertools import repeat
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import peers
import pytest
from mlp_problems import EPSILON, PROBLEMS, RGB, Problem, Trainer
from numpy_mlp import StepByStep

import nncore
from nncore.model import Backend
from nncore.params import Array

OPTIMIZERS: dict[str, Callable[[float], nncore.optimizers.Optimizer]] = {
    "adam": partial(nncore.Adam, epsilon=EPSILON),
    "sgd": nncore.SGD,
}
CALL = 0.03  # minimum seconds of a timed call, unless the problem has fewer epochs
TIMED = 0.2  # approximate seconds of all calls in one turn of an entry
AGREE = 1e-3  # relative to the change of the parameters
PREDICTIONS = 100  # in one timed call


def network(problem: Problem, backend: Backend = "compiled") -> nncore.MLP:
    return nncore.MLP(
        problem.sizes,
        problem.hidden,
        "softmax" if problem.classes else "sigmoid",
        "softmax_cross_entropy" if problem.classes else "squared_error",
        weight_init=problem.parameters(),
        backend=backend,
        rng=0,
    )


class Fit:
    """`MLP.fit`."""

    def __init__(self, problem: Problem, backend: Backend = "compiled") -> None:
        self.problem, self.net = problem, network(problem, backend)
        self.optimizer = OPTIMIZERS[problem.optimizer](problem.learning_rate)

    def train(self, epochs: int, shuffle: bool) -> None:
        self.net.fit(
            *self.problem.data(),
            optimizer=self.optimizer,
            epochs=epochs,
            batch_size=self.problem.batch,
            shuffle=shuffle,
        )

    def parameters(self) -> list[Array]:
        return list(self.net.parameters.values())


def any_problem(problem: Problem) -> bool:
    return True


class Path(NamedTuple):
    trainer: Callable[[Problem], Trainer]
    can: Callable[[Problem], bool] = any_problem


PATHS: dict[str, Path] = {
    "nncore": Path(Fit),
    "step_by_step": Path(StepByStep, lambda problem: not problem.classes),
    "in_order": Path(partial(StepByStep, draw=False), lambda problem: problem == RGB),
    "reference": Path(partial(Fit, backend="numpy")),  # MLP(backend="numpy")
}
PATHS |= {name: Path(module.Trainer, module.can) for name, module in peers.installed().items()}


def paths_of(problem: Problem) -> list[str]:
    return [name for name, path in PATHS.items() if path.can(problem)]


ENTRIES = [
    pytest.param(problem, path, id=f"{problem}-{path}")
    for problem in PROBLEMS
    for path in paths_of(problem)
]


def flat(arrays: list[Array]) -> Array:
    return np.concatenate([np.asarray(array, np.float64).ravel() for array in arrays])


@lru_cache
def compare(problem: Problem) -> None:
    """All paths reach the same parameters from a new start."""
    start = flat(list(problem.parameters().values()))

    def result(path: str) -> Array:
        trainer = PATHS[path].trainer(problem)
        np.testing.assert_array_equal(flat(trainer.parameters()), start, path)
        trainer.train(problem.compared, shuffle=False)
        return flat(trainer.parameters())

    desired = result("reference")
    for path in paths_of(problem):
        if path != "reference":
            away = np.linalg.norm(result(path) - desired) / np.linalg.norm(desired - start)
            assert away < AGREE, (path, away)


@lru_cache
def epochs_of(problem: Problem, path: str) -> tuple[int, float]:
    """The number of epochs in a call of CALL seconds, and the time that it takes."""
    trainer = PATHS[path].trainer(problem)
    epochs, most = problem.epochs
    trainer.train(1, shuffle=True)  # includes compilation at the first call
    while True:
        start = perf_counter()
        trainer.train(epochs, shuffle=True)
        seconds = perf_counter() - start
        if seconds >= CALL or epochs == most:
            return epochs, seconds
        epochs = min(2 * epochs, most)


@pytest.mark.benchmark(disable_gc=True)
@pytest.mark.parametrize(("problem", "path"), ENTRIES)
def test_train(benchmark: Any, problem: Problem, path: str, turn: int) -> None:
    compare(problem)
    epochs, seconds = epochs_of(problem, path) if benchmark.enabled else (1, 1.0)
    benchmark.group = f"mlp_train-{problem}"
    benchmark.extra_info.update(
        kind="mlp_train",
        case=problem.name,
        path=path,
        per_call=epochs * problem.per_epoch,
        unit=problem.unit,
    )

    def fresh() -> tuple[tuple[Trainer], dict[str, Any]]:
        return (PATHS[path].trainer(problem),), {}

    def run(trainer: Trainer) -> None:
        trainer.train(epochs, shuffle=True)

    benchmark.pedantic(run, setup=fresh, rounds=min(30, max(2, round(TIMED / seconds))))


# --- prediction -----------------------------------------------------------------------


def nncore_predictor(problem: Problem, x: Array, backend: Backend = "compiled") -> Any:
    net = network(problem, backend)
    return lambda: net.predict(x)


def numpy_predictor(problem: Problem, x: Array) -> Any:
    w1, b1, w2, b2 = problem.parameters().values()
    return lambda: 1 / (1 + np.exp(-(np.maximum(x @ w1 + b1, 0) @ w2 + b2)))


PREDICTORS: dict[str, Callable[[Problem, Array], Callable[[], Array]]] = {
    "nncore": nncore_predictor,
    "numpy": numpy_predictor,
    "reference": partial(nncore_predictor, backend="numpy"),
    **{n: m.predictor for n, m in peers.installed().items() if hasattr(m, "predictor")},
}


@pytest.mark.benchmark(max_time=0.1, min_rounds=3, disable_gc=True)
@pytest.mark.parametrize("path", PREDICTORS)
def test_predict(benchmark: Any, path: str, turn: int) -> None:
    x = RGB.data()[0][:1]
    call = PREDICTORS[path](RGB, x)
    np.testing.assert_allclose(call(), numpy_predictor(RGB, x)(), rtol=1e-5)

    def run() -> None:
        for _ in repeat(None, PREDICTIONS):
            call()

    benchmark.group = f"mlp_predict-{RGB}"
    benchmark.extra_info.update(
        kind="mlp_predict", case="3-3-1, one row", path=path, per_call=PREDICTIONS
    )
    benchmark(run)


# --- two networks at a time -----------------------------------------------------------


@contextmanager
def two_threads() -> Iterator[Any]:
    with ThreadPoolExecutor(2) as pool:
        yield pool.map


@contextmanager
def one_after_the_other() -> Iterator[Any]:
    yield map


WAYS = {"nncore": two_threads, "in_turn": one_after_the_other}


@pytest.mark.benchmark(disable_gc=True)
@pytest.mark.parametrize("path", WAYS)
def test_two_networks(benchmark: Any, path: str, turn: int) -> None:
    """64-100-10, in one thread each; the bits are those of training one after the other."""
    problem = PROBLEMS[2]
    # A tenth of a second, as a fit holds the GIL for a millisecond before its first update.
    epochs, rounds = (100, 3) if benchmark.enabled else (1, 1)
    alone = Fit(problem)
    alone.train(epochs, shuffle=True)

    def fresh() -> tuple[tuple[list[Fit]], dict[str, Any]]:
        return ([Fit(problem), Fit(problem)],), {}

    benchmark.group = "mlp_two_networks"
    benchmark.extra_info.update(
        kind="mlp_two_networks", case=problem.name, path=path, per_call=epochs
    )
    with WAYS[path]() as each:

        def run(pair: list[Fit]) -> list[Fit]:
            list(each(lambda trainer: trainer.train(epochs, shuffle=True), pair))
            return pair

        pair = benchmark.pedantic(run, setup=fresh, rounds=rounds, warmup_rounds=1)
    for trainer in pair:
        np.testing.assert_array_equal(flat(trainer.parameters()), flat(alone.parameters()))
