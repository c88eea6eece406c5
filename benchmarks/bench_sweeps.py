"""Many networks: a sweep of XOR, side by side and in threads, and a grid search.

pytest benchmarks/bench_sweeps.py
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import pytest
from mlp_problems import XOR_ROWS

import nncore

MEMBERS = 1000
FITS, EPOCHS = 60, 30  # of the grid search: 4 * 5 settings, 3 parts of the data


def make(rng: int) -> nncore.MLP:
    """A 2-3-2 network, trained for 500 updates."""
    net = nncore.MLP((2, 3, 2), "tanh", "sigmoid", rng=rng)
    net.fit(*XOR_ROWS, optimizer=nncore.SGD(0.5), epochs=500, batch_size=4)
    return net


def in_a_loop(settings: list[dict[str, int]]) -> list[Any]:
    return [make(**each).history.loss[-1] for each in settings]


def swept(settings: list[dict[str, int]], threads: int) -> list[Any]:
    with ThreadPoolExecutor(threads) as pool:
        return [member.score for member in nncore.sweep(make, settings, pool).run().members]


def planned(settings: list[dict[str, int]]) -> list[Any]:
    """All networks side by side."""
    plan = nncore.Plan(
        *XOR_ROWS, layer_sizes=(2, 3, 2), hidden_activation="tanh", output_activation="sigmoid",
        optimizer=nncore.SGD(0.5), epochs=500, batch_size=4,
    )  # fmt: skip
    return [member.score for member in nncore.sweep(plan, settings).run().members]


SWEEPS: dict[str, Callable[[list[dict[str, int]]], list[Any]]] = {
    "nncore": planned,
    "two_threads": lambda settings: swept(settings, 2),
    "one_thread": lambda settings: swept(settings, 1),
    "loop": in_a_loop,
}


@pytest.mark.benchmark(disable_gc=True)
@pytest.mark.parametrize("path", SWEEPS)
def test_sweep(benchmark: Any, path: str, turn: int) -> None:
    members = MEMBERS if benchmark.enabled else 10
    settings = [{"rng": seed} for seed in range(members)]
    benchmark.group = "sweep"
    benchmark.extra_info.update(kind="sweep", case=f"{members} networks", path=path, per_call=1)
    scores = benchmark.pedantic(SWEEPS[path], (settings,), rounds=1)
    assert scores[:10] == in_a_loop(settings[:10])


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Fits as joblib runs them, in one thread each."""
    joblib = pytest.importorskip("joblib", reason="needs scikit-learn")
    with joblib.parallel_backend("threading", n_jobs=count):
        yield


@pytest.mark.benchmark(disable_gc=True)
@pytest.mark.parametrize("path", ["nncore", "one_thread"])
def test_grid_search(benchmark: Any, path: str, turn: int) -> None:
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    from sklearn.datasets import load_digits
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import GridSearchCV

    from nncore.sklearn import MLPClassifier

    X, y = load_digits(return_X_y=True)
    rows = slice(None if benchmark.enabled else 300)
    grid = {"alpha": np.logspace(-5, -2, 4), "learning_rate_init": np.logspace(-3.5, -2.5, 5)}
    model = MLPClassifier((100,), max_iter=EPOCHS if benchmark.enabled else 1, random_state=0)
    jobs = 2 if path == "nncore" else 1

    def search() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return GridSearchCV(model, grid, cv=3, n_jobs=jobs).fit(X[rows] / 16, y[rows])

    benchmark.group = "grid_search"
    benchmark.extra_info.update(
        kind="grid_search",
        case=f"{FITS} fits of 64-100-10, {EPOCHS} epochs each",
        path=path,
        per_call=1,
    )
    with threads(jobs) if jobs > 1 else nullcontext():
        found = benchmark.pedantic(search, rounds=1)
    assert len(found.cv_results_["params"]) * 3 == FITS
