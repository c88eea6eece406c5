"""An estimator that is trained alone, with fewer compiled calls than in `fit`."""

from __future__ import annotations

import numpy as np

from nncore.sklearn.training import Epochs

WINDOW = 11  # epochs, over which the slope of the loss is measured
FAR = 4 * WINDOW  # epochs that run ahead while the loss falls
STEEP = 4  # times `tol` an epoch, a slope at which training will hardly stop soon


def train(member: Epochs) -> bool:
    """Train until training should stop, or until `max_iter` epochs; return whether it should.

    While the loss falls, more epochs run in a call than can be certain to be needed. They are
    repeated in shorter calls if training should have stopped or changed within them.
    """
    estimator, stop = member.estimator, False
    if member.checked:
        return member.train(estimator.max_iter)
    while not stop and estimator.n_iter_ < estimator.max_iter:
        n = min(FAR, estimator.max_iter - estimator.n_iter_, member.call.updates)
        if n <= WINDOW or not is_steep(member) or not _ran_ahead(member, n):
            stop = member.train(min(estimator.n_iter_ + WINDOW, estimator.max_iter))
    return stop


def is_steep(member: Epochs) -> bool:
    """Whether the loss falls so fast that training will hardly stop within `FAR` epochs."""
    losses = member.estimator.loss_curve_[-WINDOW:]
    slope = STEEP * member.estimator.tol
    return len(losses) == WINDOW and losses[0] - losses[-1] > slope * (WINDOW - 1)


def _ran_ahead(member: Epochs, epochs: int) -> bool:
    """Train for some epochs; return False, and change nothing, if it had to stop within them."""
    arrays = member.network.weights, member.steps.slots, member.steps.counters
    before = [array.copy() for array in arrays]
    losses = member.epochs(epochs)
    if np.isfinite(losses).all():
        best, counts = member.improvement(losses)
        if (counts <= member.estimator.n_iter_no_change).all():
            member.record(losses.tolist(), float(best), int(counts[-1]))
            return True
    for array, kept in zip(arrays, before, strict=True):
        array[...] = kept
    return False
