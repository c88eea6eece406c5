"""Pictures of how training went."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted

from nncore.params import Array


class LossCurveDisplay:
    """The loss after every iteration, and that of validation data where there was some.

    Make one by `from_estimator`. After `plot`: ax_, figure_ and lines_, matplotlib's objects.

    Parameters
    ----------
    loss_curve : losses, one an iteration.
    validation_loss_curve : the same on validation data, or None.
    estimator_name : for the title, or None.
    """

    def __init__(
        self,
        *,
        loss_curve: Any,
        validation_loss_curve: Any = None,
        estimator_name: str | None = None,
    ) -> None:
        self.loss_curve = loss_curve
        self.validation_loss_curve = validation_loss_curve
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, ax: Any = None, name: str | None = None, **line: Any
    ) -> LossCurveDisplay:
        """Draw the curves of a fitted estimator, or of the last step of a pipeline.

        ax: where to draw; None: into a new figure. line: keywords of matplotlib's `plot`. Raises
        ValueError for an estimator that has no `loss_curve_`, as after solver="lbfgs".
        """
        check_is_fitted(estimator)
        last = estimator[-1] if hasattr(estimator, "steps") else estimator
        if not hasattr(last, "loss_curve_"):
            raise ValueError(
                f"{type(last).__name__} has no loss_curve_: fit it by a stochastic solver"
            )
        display = cls(
            loss_curve=last.loss_curve_,
            validation_loss_curve=getattr(last, "validation_loss_curve_", None),
            estimator_name=type(last).__name__ if name is None else name,
        )
        return display.plot(ax=ax, **line)

    def plot(self, ax: Any = None, **line: Any) -> LossCurveDisplay:
        """Draw the curves; needs matplotlib."""
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots()
        self.lines_ = [self._draw(ax, self.loss_curve, "training", line)]
        if self.validation_loss_curve:
            self.lines_.append(self._draw(ax, self.validation_loss_curve, "validation", line))
        ax.set(xlabel="Iteration", ylabel="Loss", title=self.estimator_name or "")
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self

    @staticmethod
    def _draw(ax: Any, losses: Array, label: str, line: dict[str, Any]) -> Any:
        (drawn,) = ax.plot(range(1, len(losses) + 1), losses, **{"label": label, **line})
        return drawn
