"""Training in parts, with snapshots of the network between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nncore.errors import DivergenceError
from nncore.mlp.network import MLP
from nncore.optimizers import Optimizer
from nncore.params import Array
from nncore.training import progress_bar

BAR_STEPS = 50  # of the progress bar


@dataclass(frozen=True, eq=False)
class Snapshot:
    """State of a network during training.

    Attributes
    ----------
    epoch : int
        Number of epochs before the snapshot.
    accuracy : float
        Fraction of rows classified correctly.
    loss : float
        The loss, including the penalty.
    parameters : dict of str to ndarray
        Copies of the parameters.
    """

    epoch: int
    accuracy: float
    loss: float
    parameters: dict[str, Array]


def stopping_points(epochs: int, snapshots: int, progress: bool) -> list[int]:
    """Return the epochs after which to take a snapshot or move the bar, including the last."""
    if not snapshots and not progress:
        return [epochs]
    parts = np.linspace(0, 1, (snapshots or BAR_STEPS) + 1)[1:]
    if snapshots:  # denser at the beginning, where more changes
        parts = parts**2
    return [int(epoch) for epoch in np.unique(np.maximum(1, (epochs * parts).round()))]


def fit_in_parts(
    net: MLP,
    X: Array,
    Y: Array,
    optimizer: Optimizer,
    stops: list[int],
    keep: bool,
    progress: bool,
) -> tuple[tuple[Snapshot, ...], DivergenceError | None]:
    """
    Train with all rows in each batch, up to each stop.

    Parameters
    ----------
    net : MLP
        The network.
    X, Y : ndarray of shape (N, I), (N, O)
        The data.
    optimizer : Optimizer
        The optimizer.
    stops : list of int
        Epochs at which to stop, ascending.
    keep : bool
        Whether to take snapshots, before training and at each stop.
    progress : bool
        Whether to show a progress bar on stderr.

    Returns
    -------
    tuple of Snapshot
        The snapshots.
    DivergenceError or None
        The error that ended training before the last stop.
    """
    kept = [_snapshot(net, 0, X, Y)] if keep else []
    done = 0
    with progress_bar(progress, stops[-1], "epoch") as bar:
        for stop in stops:
            try:
                net.fit(X, Y, optimizer=optimizer, epochs=stop - done, batch_size=len(X))
            except DivergenceError as error:
                return tuple(kept), error
            bar(stop - done, {"loss": f"{net.history.loss[-1]:.4g}"})
            done = stop
            if keep:
                kept.append(_snapshot(net, done, X, Y))
    return tuple(kept), None


def _snapshot(net: MLP, epoch: int, X: Array, Y: Array) -> Snapshot:
    """Return a snapshot of the network."""
    parameters = {name: array.copy() for name, array in net.parameters.items()}
    return Snapshot(epoch, net.accuracy(X, Y), net.loss(X, Y), parameters)
