"""Fits of nncore's and of scikit-learn's estimators with the same settings.

pytest benchmarks/bench_sklearn.py -k iris              some of them
pytest benchmarks/bench_sklearn.py --benchmark-disable  compare results only

There is one group for each data set, with scikit-learn's class, nncore's, and nncore's in float32.
All have the same seed, and thus the same initial weights and batches; they must reach the same
weights before they are timed. Without scikit-learn, the module is skipped.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pytest

sparse = pytest.importorskip("scipy.sparse", reason="needs scikit-learn")
networks = pytest.importorskip("sklearn.neural_network", reason="needs scikit-learn")
from sklearn import datasets  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402
from sklearn.preprocessing import scale  # noqa: E402

from nncore import sklearn as estimators  # noqa: E402
from nncore.params import Array  # noqa: E402


class Shape(NamedTuple):
    """Rows, and settings of a fit."""

    name: str
    settings: dict[str, Any]
    epochs: int
    made: tuple[int, int, int] | None = None  # rows, inputs, classes of data that are generated

    def __str__(self) -> str:
        return self.name

    @property
    def regression(self) -> bool:
        return self.name == "diabetes"

    def data(self) -> tuple[Array, Array]:
        return loaded(self.name.partition(",")[0], self.made)


@lru_cache
def loaded(name: str, made: tuple[int, int, int] | None) -> tuple[Array, Array]:
    """A data set of scikit-learn, or a random one, with 100 numbers in each sparse row."""
    if name == "sparse" and made is not None:
        rows, inputs, classes = made
        x = sparse.random(rows, inputs, density=100 / inputs, format="csr", random_state=0)
        return x, np.arange(rows) % classes
    if made is None:
        x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    else:
        rows, inputs, classes = made
        x, y = datasets.make_classification(
            rows, inputs, n_informative=inputs // 2, n_classes=classes, random_state=0
        )
    return scale(x), scale(y) if name == "diabetes" else y


SHAPES = [
    Shape("iris", {}, 100),
    Shape("wine", {}, 100),
    Shape("breast_cancer", {}, 50),
    Shape("breast_cancer, batches of 32", {"batch_size": 32}, 20),
    Shape("diabetes", {}, 50),
    Shape("digits", {}, 20),
    Shape("digits, sgd", {"solver": "sgd", "learning_rate_init": 0.05}, 20),
    Shape("digits, early stopping", {"early_stopping": True}, 20),
    Shape("digits, lbfgs", {"solver": "lbfgs"}, 20),
    Shape("sparse, 20000-50-4", {"hidden_layer_sizes": (50,)}, 3, (2000, 20_000, 4)),
    Shape("sparse, lbfgs", {"hidden_layer_sizes": (50,), "solver": "lbfgs"}, 3, (2000, 20_000, 4)),
    Shape("2000 rows, 200-64-64-5", {"hidden_layer_sizes": (64, 64)}, 10, (2000, 200, 5)),
]
PATHS = {
    "sklearn": (networks, {}),
    "nncore": (estimators, {}),
    "nncore_float32": (estimators, {"dtype": "float32"}),
}


def fit(shape: Shape, path: str) -> Any:
    """A fitted estimator."""
    module, more = PATHS[path]
    name = "MLPRegressor" if shape.regression else "MLPClassifier"
    model = getattr(module, name)(
        max_iter=shape.epochs, tol=0.0, random_state=0, **shape.settings, **more
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(*shape.data())


@lru_cache
def compare(shape_name: str) -> None:
    """Both have the same weights, up to rounding in L-BFGS's line searches and in float32."""
    shape = next(shape for shape in SHAPES if shape.name == shape_name)
    desired = fit(shape, "sklearn")
    exact = 1e-4 if "lbfgs" in shape.name else 1e-8
    for path, tolerance in (("nncore", exact), ("nncore_float32", 0.1)):
        got = fit(shape, path)
        assert got.n_iter_ == desired.n_iter_
        for one, other in zip(got.coefs_, desired.coefs_, strict=True):
            assert np.abs(one - other).max() < tolerance, path


@pytest.mark.benchmark(max_time=0.3, min_rounds=2, disable_gc=True)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_fit(benchmark: Any, shape: Shape, path: str, turn: int) -> None:
    compare(shape.name)
    benchmark.group = f"sklearn_fit-{shape}"
    benchmark.extra_info.update(kind="sklearn_fit", case=shape.name, path=path, per_call=1)
    benchmark(fit, shape, path)
