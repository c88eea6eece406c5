"""The warning that is the estimators' own, and where warnings point to."""

from __future__ import annotations

import sys
import warnings

from sklearn.exceptions import ConvergenceWarning

BENEATH = ("nncore", "sklearn", "joblib")  # packages through whose code a user calls


class DivergenceWarning(ConvergenceWarning):
    """Training ran off to non-finite numbers, and the best weights before that were kept.

    Where there are no such weights, as without `early_stopping`, `fit` raises ValueError, as
    scikit-learn's does.
    """


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn of the line of the user's code that led here, however many frames lie between."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _is_beneath(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_beneath(module: str) -> bool:
    return module.partition(".")[0] in BENEATH
