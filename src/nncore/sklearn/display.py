"""Plots of the loss during training."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted

from nncore.params import Array


class LossCurveDisplay:
    """Plot of the loss during training, usually created by `from_estimator`.

    Parameters
    ----------
    loss_curve : array-like of shape (n_iterations,)
        The training loss after each iteration.

    validation_loss_curve : array-like of shape (n_iterations,), default=None
        The validation loss after each iteration.

    estimator_name : str, default=None
        Name of the estimator, the title of the plot.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the curves.

    figure_ : matplotlib Figure
        The figure with the axes.

    lines_ : list of matplotlib Line2D
        The curves.
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
        """Plot the loss curves of a fitted estimator.

        Parameters
        ----------
        estimator : estimator or Pipeline
            A fitted estimator, or a pipeline that ends with one.

        ax : matplotlib Axes, default=None
            Axes to plot on; by default those of a new figure.

        name : str, default=None
            Title of the plot, by default the name of the estimator's class.

        **line : dict
            Keyword arguments for matplotlib's `plot`.

        Returns
        -------
        display : LossCurveDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If it has no `loss_curve_`, as after training with "lbfgs".
        """
        check_is_fitted(estimator)
        last = estimator[-1] if hasattr(estimator, "steps") else estimator
        if not hasattr(last, "loss_curve_"):
            raise ValueError(
                f"{type(last).__name__} has no loss_curve_; fit it with a stochastic solver"
            )
        display = cls(
            loss_curve=last.loss_curve_,
            validation_loss_curve=getattr(last, "validation_loss_curve_", None),
            estimator_name=type(last).__name__ if name is None else name,
        )
        return display.plot(ax=ax, **line)

    def plot(self, ax: Any = None, **line: Any) -> LossCurveDisplay:
        """Plot the curves with matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on; by default those of a new figure.

        **line : dict
            Keyword arguments for matplotlib's `plot`.

        Returns
        -------
        display : LossCurveDisplay
        """
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
        """Plot one curve and return its line."""
        (drawn,) = ax.plot(range(1, len(losses) + 1), losses, **{"label": label, **line})
        return drawn
