"""Objectives of epochs are those of their rows, in bits that do not depend on the calls."""

import numpy as np
import pytest

from nncore.training.epochs.means import MANY_COLUMNS, Batches

# So many rows are summed side by side, a single one is not.
LOSSES = np.random.default_rng(0).random((60, MANY_COLUMNS + 4))


def in_calls(batches, losses, lengths):
    """The objectives of the epochs of updates that are made in calls of these lengths."""
    means, loss_sum, done = [], np.zeros(losses.shape[1:]), 0
    for length in lengths:
        part, loss_sum = batches.means(losses[done : done + length], done, loss_sum)
        means.append(part)
        done += length
    return np.concatenate(means), loss_sum


@pytest.mark.parametrize(("rows", "batch"), [(7, 7), (8, 2), (7, 2), (30, 4), (100, 1)])
def test_an_epoch_has_the_mean_of_its_rows(rows, batch):
    batches = Batches(rows, batch)
    means, rest = in_calls(batches, LOSSES, [60])
    length = batches.per_epoch
    sizes = np.array([min(batch, rows - at) for at in range(0, rows, batch)])
    assert len(sizes) == length
    assert means.shape == (60 // length, LOSSES.shape[1])
    for epoch in range(60 // length):
        own = LOSSES[epoch * length : (epoch + 1) * length]
        np.testing.assert_allclose(means[epoch], sizes @ own / rows)
    if length > 1:
        np.testing.assert_allclose(rest, LOSSES[60 // length * length :].sum(axis=0))


@pytest.mark.parametrize(("rows", "batch"), [(7, 7), (7, 2), (30, 4), (100, 1)])
def test_bits_depend_neither_on_the_calls_nor_on_other_networks(rows, batch):
    batches, rng = Batches(rows, batch), np.random.default_rng(1)
    expected = in_calls(batches, LOSSES, [60])
    for _ in range(20):
        lengths = np.diff([0, *np.sort(rng.permutation(59)[:5] + 1), 60])
        for losses, at in ((LOSSES, slice(None)), (LOSSES[:, :3], slice(3)), (LOSSES[:, 2], 2)):
            found = in_calls(batches, losses, lengths.tolist())
            for one, other in zip(found, expected, strict=True):
                assert one.tobytes() == np.ascontiguousarray(other[..., at]).tobytes()
