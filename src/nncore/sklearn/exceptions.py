"""The warnings of the estimators, which point to the line of the user's code."""

from __future__ import annotations

import sys
import warnings

from sklearn.exceptions import ConvergenceWarning

PACKAGES = ("nncore", "sklearn", "joblib")  # whose lines do not help a user


class DivergenceWarning(ConvergenceWarning):
    """Warning that training diverged, and that the best weights before that were kept.

    Without `early_stopping` there are no such weights, and `fit` raises ValueError, as
    scikit-learn's does.
    """


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning for the line that called nncore or scikit-learn.

    The number of frames between depends on scikit-learn's version, and on a pipeline or search
    around the estimator.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in PACKAGES:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
