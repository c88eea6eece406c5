"""Diagnosis of networks that did not learn XOR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nncore.params import Array
from nncore.registry import ACTIVATION_ROW

if TYPE_CHECKING:
    from nncore.errors import DivergenceError
    from nncore.mlp.network import MLP
    from nncore.trace import Trace

FLAT = 2e-3  # norm of a gradient too small to change anything in thousands of epochs
IDLE = 0.005  # slope below which a hidden unit is dead; leaky relu's smallest is 0.01


@dataclass(frozen=True)
class Diagnosis:
    """Reason why a network did not learn.

    Attributes
    ----------
    kind : {"step too large", "dead units", "saddle", "still learning"}
        The reason; see `diagnose`.
    evidence : str
        The figures that support it, as a sentence.
    """

    kind: str
    evidence: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.evidence}"


def diagnose(net: MLP, X: Array, Y: Array, error: DivergenceError | None = None) -> Diagnosis:
    """
    Return the reason why a network, trained with full batches, did not learn its data.

    The result is the first of these that applies:

    * step too large: training diverged (`error`), the loss oscillates in the last tenth of the
      epochs, or it ended higher than it started;
    * dead units: so many units of the first hidden layer have a slope of 0 in every row that
      fewer than half of them, or fewer than the two that XOR needs, can still learn;
    * saddle: the gradient is almost 0, at a saddle point, in a local minimum or on a plateau;
    * still learning: none of these. More epochs or a larger learning rate can help.

    Parameters
    ----------
    net : MLP
        A trained network.
    X, Y : ndarray of shape (N, I), (N, O)
        The data that it was trained on.
    error : DivergenceError, optional
        The error that ended its training.

    Returns
    -------
    Diagnosis
    """
    if error is not None:
        return Diagnosis("step too large", str(error).split(". ", maxsplit=1)[0])
    passes = net.trace(X, Y)
    norm, idle = gradient_norm(passes), idle_units(net, passes)
    loss, hidden = net.history.loss, net.layer_sizes[1]
    swing, risen = _rises(loss[-max(2, len(loss) // 10) :]), loss[-1] > 1.05 * loss[0]
    if risen or swing > 0.05 * loss[-1]:
        return Diagnosis(
            "step too large",
            f"the loss started at {loss[0]:.4g}, ended at {loss[-1]:.4g}, and rose by {swing:.2g} "
            f"in total in the last tenth of the epochs",
        )
    dead = f"{idle} of {hidden} hidden units have a slope of 0 in every row"
    where = f"the gradient's norm is {norm:.1e} at a loss of {passes['loss']:.4g}"
    if hidden - idle < max(2, hidden / 2) and idle:
        return Diagnosis("dead units", f"{dead}; {where}")
    if norm < FLAT:
        return Diagnosis("saddle", f"{where}; {dead}" if idle else where)
    return Diagnosis("still learning", where)


def gradient_norm(passes: Trace) -> float:
    """Return the Euclidean norm of the gradient with respect to all parameters."""
    parts = [passes[name] for name in passes if name.startswith(("dw", "db"))]
    return float(np.sqrt(sum(np.square(part, dtype=np.float64).sum() for part in parts)))


def idle_units(net: MLP, passes: Trace) -> int:
    """Return the number of units of the first hidden layer whose slope is 0 in every row."""
    row = ACTIVATION_ROW[net.activations[0]]
    if row.over_rows:  # whose units do not have separate slopes
        return 0
    known = passes["z1" if row.slope_from_input else "a1"]
    slopes = getattr(net._ops, f"{row.name}_backward")(np.ones_like(known), known)
    return int((np.abs(slopes) < IDLE).all(axis=0).sum())


def _rises(values: Array) -> float:
    """Return the sum of all increases between neighbouring values."""
    steps = np.diff(values)
    return float(steps[steps > 0].sum())
