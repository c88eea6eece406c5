"""scikit-learn's own callbacks, if the installed version has them.

They are experimental in scikit-learn, and no other module of nncore depends on them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # before scikit-learn 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """A base class without methods, for versions without callbacks."""

    def with_callbacks(method: Any) -> Any:
        """Return the method unchanged."""
        return method


__all__ = ["CallbackSupportMixin", "Hooks", "with_callbacks"]


class Hooks:
    """The hooks of one call of `fit`, with a task for each epoch."""

    def __init__(self, estimator: Any, X: Any, y: Any, epochs: int) -> None:
        self._estimator = estimator
        self._root: Any = None
        self._task: Any = None
        self._data = {"X": X, "y": y}
        if getattr(estimator, "_skl_callbacks", None):
            self._root = estimator._init_callback_context(max_subtasks=epochs)
            self._root.call_on_fit_task_begin(estimator=estimator, **self._data)

    def __bool__(self) -> bool:
        return self._root is not None

    def begin_epoch(self) -> None:
        """Call the hooks for the beginning of an epoch."""
        if self._root is not None:
            self._task = self._root.subcontext(task_name="epoch")
            self._task.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def end_epoch(self) -> bool:
        """Call the hooks for the end of an epoch; return whether one of them requested to stop."""
        return self._task is not None and self._end(self._task)

    def end(self) -> None:
        """Call the hooks for the end of `fit`."""
        if self._root is not None:
            self._end(self._root)

    def _end(self, task: Any) -> bool:
        """End a task; return whether a callback requested to stop."""
        fitted = {name: value for name, value in vars(self._estimator).items() if name[-1] == "_"}
        for name in ("coefs_", "intercepts_"):
            fitted[name] = [np.array(array) for array in fitted[name]]
        binarizer = getattr(self._estimator, "_label_binarizer", None)
        if binarizer is not None:
            fitted["_label_binarizer"] = binarizer
        stop = task.call_on_fit_task_end(
            estimator=self._estimator, reconstruction_attributes=fitted, **self._data
        )
        return bool(stop)
