"""Drop-in replacements for scikit-learn's `MLPClassifier` and `MLPRegressor`.

    from nncore.sklearn import MLPClassifier

They have every parameter, attribute and method of scikit-learn's classes, with the same meaning,
and train in compiled code. Only this package imports scikit-learn.
"""

try:
    import sklearn as _sklearn  # noqa: F401 - before the modules below, for a clear error
except ImportError as error:
    raise ImportError(
        "nncore.sklearn needs scikit-learn; install it with: pip install 'nncore[sklearn]'",
        name="sklearn",
    ) from error

from nncore.sklearn.classifier import MLPClassifier
from nncore.sklearn.display import LossCurveDisplay
from nncore.sklearn.ensembles import MLPEnsembleClassifier, MLPEnsembleRegressor
from nncore.sklearn.exceptions import DivergenceWarning
from nncore.sklearn.onnx import register_onnx
from nncore.sklearn.regressor import MLPRegressor
from nncore.sklearn.search import PopulationSearchCV

__all__ = [
    "DivergenceWarning",
    "LossCurveDisplay",
    "MLPClassifier",
    "MLPEnsembleClassifier",
    "MLPEnsembleRegressor",
    "MLPRegressor",
    "PopulationSearchCV",
    "register_onnx",
]
