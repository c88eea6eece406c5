"""On well-known data sets, the estimators have the scores of scikit-learn's.

benchmarks/bench_sklearn.py times them.
"""

import numpy as np
import pytest

networks = pytest.importorskip("sklearn.neural_network", reason="needs scikit-learn")
from sklearn import datasets  # noqa: E402
from sklearn.model_selection import cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

from nncore import sklearn as ours  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer:UserWarning")
SEEDS = range(5)
NAMES = ["digits", "iris", "wine", "breast_cancer", "diabetes"]


def scores(module, name, seed, **settings):
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    estimator = "MLPRegressor" if name == "diabetes" else "MLPClassifier"
    model = getattr(module, estimator)(max_iter=30, random_state=seed, **settings)
    return cross_val_score(make_pipeline(StandardScaler(), model), x, y, cv=3).mean()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_mean_score_is_within_a_deviation_of_scikit_learns(name):
    settings = {"learning_rate_init": 0.01} if name != "diabetes" else {"learning_rate_init": 0.1}
    expected, got = (
        [scores(module, name, seed, **settings) for seed in SEEDS] for module in (networks, ours)
    )
    assert np.mean(got) >= np.mean(expected) - max(np.std(expected), 1e-3)


def test_float32_scores_as_well():
    wide, narrow = (scores(ours, "breast_cancer", 0, dtype=kind) for kind in (None, "float32"))
    assert narrow == pytest.approx(wide, abs=0.01)
