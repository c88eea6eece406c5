"""Why a start did not learn XOR: what its network looks like where its training ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nncore.params import Array

if TYPE_CHECKING:
    from nncore.errors import DivergenceError
    from nncore.mlp.network import MLP
    from nncore.mlp.trace import Trace

FLAT = 2e-3  # norm of a gradient with which nothing changes in thousands of epochs
IDLE = 0.005  # slope of a hidden unit that passes no gradient on; leaky relu's least is 0.01


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a network, and what shows it."""

    kind: str
    """"step too large", "dead units", "saddle" or "still learning"."""
    evidence: str
    """The numbers behind it, as a sentence."""

    def __str__(self) -> str:
        return f"{self.kind}: {self.evidence}"


def diagnose(net: MLP, X: Array, Y: Array, error: DivergenceError | None = None) -> Diagnosis:
    """
    Why the network, trained with all rows in each batch, does not tell the classes apart.

    The first of these that holds:

    * step too large: training diverged (`error`), the loss swings in the last tenth of the
      epochs, or it has ended above where it began;
    * dead units: so many units of the first hidden layer have the slope 0 in every row that
      fewer than half of them, or fewer than the two that XOR needs, still learn;
    * saddle: the gradient is next to nothing, be it at a saddle point, in a local minimum or on
      a plateau;
    * still learning: none of these. More epochs or a larger learning rate may help.

    Parameters
    ----------
    net : MLP
        One that has been trained.
    X, Y : array (N, I), (N, O)
        What it was trained on.
    error : DivergenceError, optional
        What ended its training.
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
            f"the loss began at {loss[0]:.4g}, ended at {loss[-1]:.4g}, and rose by {swing:.2g} "
            f"in all over the last tenth of the epochs",
        )
    dead = f"{idle} of {hidden} hidden units have the slope 0 in every row"
    where = f"the gradient's norm is {norm:.1e} at a loss of {passes['loss']:.4g}"
    if hidden - idle < max(2, hidden / 2) and idle:
        return Diagnosis("dead units", f"{dead}; {where}")
    if norm < FLAT:
        return Diagnosis("saddle", f"{where}; {dead}" if idle else where)
    return Diagnosis("still learning", where)


def gradient_norm(passes: Trace) -> float:
    """The Euclidean norm of the gradient by all parameters."""
    parts = [passes[name] for name in passes if name.startswith(("dw", "db"))]
    return float(np.sqrt(sum(np.square(part, dtype=np.float64).sum() for part in parts)))


def idle_units(net: MLP, passes: Trace) -> int:
    """How many units of the first hidden layer pass no gradient on, whichever the row."""
    if net.activations[0] == "softmax":  # its units have no slope of their own
        return 0
    outputs = passes["a1"]
    slopes = getattr(net._ops, f"{net.activations[0]}_backward")(np.ones_like(outputs), outputs)
    return int((np.abs(slopes) < IDLE).all(axis=0).sum())


def _rises(values: Array) -> float:
    """By how much in all the values go up between neighbours."""
    steps = np.diff(values)
    return float(steps[steps > 0].sum())
