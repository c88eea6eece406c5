"""The warning that is the estimators' own; all others are scikit-learn's and Python's."""

from __future__ import annotations

from sklearn.exceptions import ConvergenceWarning


class DivergenceWarning(ConvergenceWarning):
    """Training ran off to non-finite numbers, and the best weights before that were kept.

    Where there are no such weights, as without `early_stopping`, `fit` raises ValueError, as
    scikit-learn's does.
    """
