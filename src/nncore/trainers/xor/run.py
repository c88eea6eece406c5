"""Training in parts, with a look at the network between them."""

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
    """The network in the middle of its training."""

    epoch: int
    accuracy: float
    loss: float
    parameters: dict[str, Array]


def stopping_points(epochs: int, snapshots: int, progress: bool) -> list[int]:
    """The epochs after which to look up from training; the last is always one of them."""
    if not snapshots and not progress:
        return [epochs]
    parts = np.linspace(0, 1, (snapshots or BAR_STEPS) + 1)[1:]
    if snapshots:  # more happens in the beginning
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
    Train with all rows at once up to each stop, with a bar on stderr if progress is wanted.

    Returns snapshots from before training and from each stop, if they are to be kept, and the
    error that ended training before the last stop.
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
    parameters = {name: array.copy() for name, array in net.parameters.items()}
    return Snapshot(epoch, net.accuracy(X, Y), net.loss(X, Y), parameters)
