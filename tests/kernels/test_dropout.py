"""Dropout: the fraction that is dropped, the mean that is kept, and independent masks."""

import numpy as np
import pytest

from nncore import reference
from nncore.arguments.arrays import UpdateRule
from nncore.arguments.mlp import layer_table
from nncore.params import flat_size, mlp_shapes, views
from nncore.reference.hashing import dropout_scale

F8 = np.dtype(np.float64)
SHAPE = (200, 300)
RATES = [0.001, 0.1, 0.5, 0.9, 0.999]
KEYS = [(seed, step, layer) for seed in (0, 1, 2**64 - 1) for step in (0, 1, 2**40)
        for layer in (0, 1, 62)]  # fmt: skip


def kept(seed, step, layer, rate=0.5, shape=SHAPE):
    return dropout_scale(seed, step, layer, shape, rate, F8) > 0


def mask_of_training(module, dtype, rate, seed, step, layer, rows, units):
    """The factors on a layer in a training step, computed from its gradient.

    Each row switches on a different input, which goes unchanged through the layers before;
    after the layer all weights are 1, and so is the derivative with respect to the output.
    """
    sizes = [rows] * (layer + 1) + [units, 1]
    shapes = mlp_shapes(sizes)
    weights, gradient = np.zeros((2, flat_size(shapes)), dtype)
    parameters = views(weights, shapes)
    for i in range(1, layer + 1):
        parameters[f"w{i}"][...] = np.eye(rows)
    for i in (layer + 1, layer + 2):
        parameters[f"w{i}"][...] = 1
    done = module.mlp_train(
        weights, gradient, np.zeros((0, weights.size), dtype),
        layer_table(sizes, ["identity"] * (layer + 2)), np.eye(rows, dtype=dtype),
        np.full((rows, 1), -9, dtype), None, np.array([step, 0, 0, 0]), np.zeros(1), np.zeros(1),
        loss="absolute_error", optimizer=UpdateRule("sgd"), epoch_rows=rows, batch_size=rows,
        dropout=(0.0,) * layer + (rate,), seed=seed,
    )  # fmt: skip
    assert done == 1
    return views(gradient, shapes)[f"w{layer + 1}"] * rows


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("layer", [0, 2])
def test_dropped_units_are_those_of_the_hash(core, dtype, rate, layer):
    for module in (core, reference):
        for seed, step in ((0, 0), (2**64 - 1, 5), (12345, 2**40)):
            mask = mask_of_training(module, dtype, rate, seed, step, layer, 8, 37)
            expected = dropout_scale(seed, step, layer, (8, 37), rate, np.dtype(dtype))
            np.testing.assert_allclose(mask, expected, rtol=1e-6)


@pytest.mark.parametrize("rate", RATES)
def test_the_fraction_dropped_is_the_rate_and_the_mean_is_kept(rate):
    """Within 5 standard deviations of a fair draw."""
    n = np.prod(SHAPE)
    off = 5 * np.sqrt(rate * (1 - rate) / n)
    for key in KEYS:
        scale = dropout_scale(*key, SHAPE, rate, F8)
        assert set(np.unique(scale)) <= {0.0, 1 / (1 - rate)}
        assert abs(np.mean(scale == 0) - rate) <= off
        assert abs(scale.mean() - 1) <= off / (1 - rate)


def correlation(one, other):
    return abs(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_masks_differ_between_steps_layers_and_seeds():
    masks = [kept(*key) for key in KEYS]
    bound = 5 / np.sqrt(np.prod(SHAPE))
    for i, mask in enumerate(masks):
        for other in masks[:i]:
            assert correlation(mask, other) < bound


def test_steps_in_a_row_drop_a_unit_independently():
    masks = np.array([kept(3, step, 0, shape=(1, 64))[0] for step in range(3000)])
    counts = masks.sum(axis=0)
    assert np.abs(counts - 1500).max() < 5 * np.sqrt(750)
    assert correlation(masks[1:], masks[:-1]) < 5 / np.sqrt(masks.size)


def test_neighbours_within_a_mask_are_independent():
    bound = 5 / np.sqrt(np.prod(SHAPE))
    for key in KEYS:
        mask = kept(*key)
        assert correlation(mask[:, 1:], mask[:, :-1]) < 1.1 * bound
        assert correlation(mask[1:], mask[:-1]) < 1.1 * bound


def test_a_higher_rate_drops_more_of_the_same():
    low, high = (kept(0, 0, 0, rate) for rate in (0.3, 0.6))
    assert not (high & ~low).any()


@pytest.mark.parametrize("rate", [0.0, 1e-12, 1 - 1e-12])
def test_rates_near_the_ends_of_their_range_are_finite(core, rate):
    for module in (core, reference):
        mask = mask_of_training(module, np.float64, rate, 0, 0, 0, 4, 33)
        assert np.isfinite(mask).all()
        assert (mask == 0).all() == (rate > 0.5)
