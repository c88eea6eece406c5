"""Searches over parameters: candidates trained together, and fit one after the other.

pytest benchmarks/bench_population_search.py -k iris              some of them
pytest benchmarks/bench_population_search.py --benchmark-disable  compare results only

There is one group for each data set and size, with `PopulationSearchCV`, `GridSearchCV` with
nncore's estimator, and `GridSearchCV` with scikit-learn's, which is given a quarter of the
candidates. Times are those of a fit. The first two must have the same scores to the bit, and
scikit-learn's the same up to rounding.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pytest

networks = pytest.importorskip("sklearn.neural_network", reason="needs scikit-learn")
from sklearn import datasets  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.preprocessing import scale  # noqa: E402

from nncore import sklearn as estimators  # noqa: E402
from nncore.params import Array  # noqa: E402

GRID = {"alpha": [1e-5, 1e-4, 1e-3, 1e-2], "learning_rate_init": [1e-3, 3e-3, 1e-2]}
QUARTER = GRID | {"alpha": [1e-4]}
FOLDS = 5
EPOCHS = 200
FEW_EPOCHS = 5  # if nothing is timed


class Case(NamedTuple):
    """A data set, and the settings of a network."""

    data: str
    hidden: int
    batch_size: Any = "auto"

    def __str__(self) -> str:
        batches = "" if self.batch_size == "auto" else f", batches of {self.batch_size}"
        return f"{self.data}, {self.hidden} hidden units{batches}"


CASES = [
    Case("iris", 10),
    Case("iris", 100),
    Case("breast_cancer", 10),
    Case("breast_cancer", 100),
    Case("iris", 10, 8),
]
PATHS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "nncore": (estimators.PopulationSearchCV, estimators, GRID),
    "grid_search": (GridSearchCV, estimators, GRID),
    "sklearn": (GridSearchCV, networks, QUARTER),
}


@lru_cache
def loaded(name: str) -> tuple[Array, Array]:
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return scale(x), y


def search(case: Case, path: str, epochs: int) -> Any:
    """A fitted search."""
    cls, module, grid = PATHS[path]
    model = module.MLPClassifier(
        (case.hidden,), batch_size=case.batch_size, max_iter=epochs, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return cls(model, grid, cv=FOLDS, refit=False).fit(*loaded(case.data))


@lru_cache
def compare(case: Case) -> None:
    """All searches have the same scores, scikit-learn's up to rounding."""
    done = {path: search(case, path, FEW_EPOCHS).cv_results_ for path in PATHS}
    for name in (f"split{k}_test_score" for k in range(FOLDS)):
        ours = done["nncore"][name]
        np.testing.assert_array_equal(ours, done["grid_search"][name])
        same_alpha = [params["alpha"] in QUARTER["alpha"] for params in done["nncore"]["params"]]
        np.testing.assert_allclose(ours[same_alpha], done["sklearn"][name], atol=0.02)


@pytest.mark.benchmark(disable_gc=True)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_search(benchmark: Any, case: Case, path: str, turn: int) -> None:
    compare(case)
    fits = FOLDS * int(np.prod([len(values) for values in PATHS[path][2].values()]))
    benchmark.group = f"population_search-{case}"
    benchmark.extra_info.update(kind="population_search", case=str(case), path=path, per_call=fits)
    benchmark.pedantic(search, (case, path, EPOCHS if benchmark.enabled else FEW_EPOCHS), rounds=1)
