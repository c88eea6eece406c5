"""The warning that is the estimators' own, and how all warnings name the user's line."""

from __future__ import annotations

import sys
import warnings

from sklearn.exceptions import ConvergenceWarning

PACKAGES = ("nncore", "sklearn", "joblib")  # whose lines tell a user nothing


class DivergenceWarning(ConvergenceWarning):
    """Training ran off to non-finite numbers, and the best weights before that were kept.

    Where there are no such weights, as without `early_stopping`, `fit` raises ValueError, as
    scikit-learn's does.
    """


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, at the line that called into nncore or scikit-learn.

    How many frames lie between depends on scikit-learn's version, and on a pipeline or search
    around the estimator.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in PACKAGES:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
