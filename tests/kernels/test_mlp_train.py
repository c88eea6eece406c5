"""The kernel that trains a multi-layer perceptron, compared with the reference and its parts."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlp_networks import RUNS, SEEDS, Network, network, shapes

from nncore import reference
from nncore.arguments.arrays import OPTIMIZER_SLOTS, UpdateRule
from nncore.params import views
from nncore.registry import ACTIVATIONS, LOSSES


@cache
def trained_by_reference(optimizer, kind):
    net = network(np.float64, optimizer, **RUNS[kind])
    assert net.train(reference, 100) == 100
    return net


@pytest.mark.parametrize("optimizer", OPTIMIZER_SLOTS)
@pytest.mark.parametrize("kind", RUNS)
def test_training_agrees_with_reference(core, optimizer, kind):
    net, desired = (
        network(np.float64, optimizer, **RUNS[kind]),
        trained_by_reference(optimizer, kind),
    )
    start = net.weights.copy()
    assert net.train(core, 100) == 100
    np.testing.assert_allclose(net.losses, desired.losses, rtol=1e-10)
    for array, expected in zip(net.state(), desired.state(), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-10, atol=1e-10)
    assert np.abs(net.weights - start).max() > 0.01


@pytest.mark.parametrize("optimizer", OPTIMIZER_SLOTS)
@pytest.mark.parametrize("kind", ["plain", "everything"])
def test_training_in_float32_stays_near_reference(core, optimizer, kind):
    nets = [network(np.float32, optimizer, **RUNS[kind]) for _ in range(2)]
    for net, module in zip(nets, (core, reference), strict=True):
        net.train(module, 30)
    np.testing.assert_allclose(nets[0].losses, nets[1].losses, rtol=1e-3)
    np.testing.assert_allclose(nets[0].weights, nets[1].weights, rtol=1e-3, atol=1e-3)


@given(
    sizes=shapes,
    activation=st.sampled_from(ACTIVATIONS),
    loss=st.sampled_from(LOSSES),
    optimizer=st.sampled_from(list(OPTIMIZER_SLOTS)),
    batch_size=st.sampled_from([1, 1, 3, 6]),
    seed=SEEDS,
)
@settings(max_examples=60)
def test_training_at_any_width_agrees_with_reference(
    core, sizes, activation, loss, optimizer, batch_size, seed
):
    nets = [
        Network(np.float64, sizes, activation, loss, 6, optimizer, seed, batch_size=batch_size)
        for _ in range(2)
    ]
    start = nets[0].weights.copy()
    for net, module in zip(nets, (core, reference), strict=True):
        assert net.train(module, 3, rates=np.full(3, 1e-3)) == 3
    np.testing.assert_allclose(nets[0].losses, nets[1].losses, rtol=1e-9)
    steps = [net.weights - start for net in nets]
    np.testing.assert_allclose(*steps, rtol=1e-7, atol=1e-7 * np.abs(steps[1]).max())


@pytest.mark.parametrize("loss", LOSSES)
def test_training_agrees_with_reference_for_every_loss(core, loss):
    nets = [Network(np.float64, (4, 6, 3), "sigmoid", loss) for _ in range(2)]
    for net, module in zip(nets, (core, reference), strict=True):
        net.train(module, 50)
    np.testing.assert_allclose(nets[0].losses, nets[1].losses, rtol=1e-10)
    np.testing.assert_allclose(nets[0].weights, nets[1].weights, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("batch_size", [1, 4, 7, 23, 99])
def test_training_equals_its_parts_one_after_the_other(core, dtype, batch_size):
    net, parts = (Network(dtype, optimizer="sgd", batch_size=batch_size) for _ in range(2))
    net.train(core, 9, l2=0.1)
    at, epochs, losses = 0, 0, []
    for _ in range(9):
        rows = slice(at, min(at + batch_size, 23))
        objective, gradient = parts.gradients(core, x=net.x[rows], y=net.y[rows], l2=0.1)
        core.sgd_update(parts.weights, gradient, learning_rate=0.02)
        losses.append(objective)
        at = rows.stop % 23
        epochs += at == 0
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(net.losses, losses, rtol=tolerance)
    np.testing.assert_allclose(net.weights, parts.weights, rtol=tolerance, atol=tolerance)
    assert net.counters.tolist() == [9, 9, at, epochs]


def test_every_epoch_has_a_different_order(core, dtype):
    net, orders = Network(dtype, batch_size=10), []
    net.order = np.zeros(23, np.intp)
    for seed in (0, 0, 0, 5):
        net.train(core, 3, seed=seed)
        assert sorted(net.order) == list(range(23))
        orders.append(tuple(net.order))
    assert len(set(orders)) == 4
    again = Network(dtype, batch_size=10)
    again.order, again.counters[3] = np.zeros(23, np.intp), 1
    again.train(reference, 1)
    assert tuple(again.order) == orders[1]


def test_orders_are_all_equally_likely(core):
    net, counts = Network(np.float32, rows=4, batch_size=4), {}
    net.order = np.zeros(4, np.intp)
    for _ in range(2400):
        net.train(core, 1)
        counts[tuple(net.order)] = counts.get(tuple(net.order), 0) + 1
    assert len(counts) == 24
    chi2 = sum((n - 100) ** 2 / 100 for n in counts.values())
    assert chi2 < 49.7  # the 0.1% quantile of 23 degrees of freedom


@pytest.mark.parametrize("batch_size", [1, 5, 23])
def test_an_order_says_which_rows_are_seen(core, dtype, batch_size):
    net, sorted_rows = (Network(dtype, batch_size=batch_size) for _ in range(2))
    net.order = np.zeros(23, np.intp)
    net.train(core, 1, seed=3)
    sorted_rows.x = np.ascontiguousarray(sorted_rows.x[net.order])
    sorted_rows.y = np.ascontiguousarray(sorted_rows.y[net.order])
    sorted_rows.train(core, 1)
    assert net.bytes() == sorted_rows.bytes()


@pytest.mark.parametrize("batch_size", [1, 5, 23])
def test_orders_that_are_given_are_followed_epoch_by_epoch(core, dtype, batch_size):
    orders = np.array([np.random.default_rng(seed).permutation(23) for seed in range(3)])
    at_once, one_by_one, control = (Network(dtype, batch_size=batch_size) for _ in range(3))
    per_epoch = -(-23 // batch_size)
    at_once.order = orders.ravel()
    at_once.order.setflags(write=False)
    at_once.train(core, 3 * per_epoch, shuffle=False)
    for order in orders:
        one_by_one.train(core, per_epoch, order=order, shuffle=False)
    assert at_once.bytes() == one_by_one.bytes()
    control.order = at_once.order
    control.train(reference, 3 * per_epoch, shuffle=False)
    tolerance = 1e-9 if dtype == np.float64 else 1e-3
    np.testing.assert_allclose(at_once.losses, control.losses, rtol=tolerance)


def test_a_given_order_is_continued_within_an_epoch(core):
    whole, parts = (Network(np.float64, batch_size=5) for _ in range(2))
    order = np.random.default_rng(0).permutation(46) % 23
    whole.train(core, 10, order=order, shuffle=False)
    parts.train(core, 3, order=order[:23], shuffle=False)
    parts.train(core, 7, order=order, shuffle=False)
    assert whole.bytes() == parts.bytes()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("batch_size", [1, 4, 7])
@pytest.mark.parametrize("sizes", [(5, 7, 3), (3, 4, 2), (20, 30, 20)])
def test_alpha_is_l2_divided_by_what_the_rows_count(core, dtype, weighted, batch_size, sizes):
    nets = [Network(dtype, sizes, rows=28, batch_size=batch_size) for _ in range(3)]
    weight = np.full(28, 0.5, dtype) if weighted else None
    counts = batch_size * (0.5 if weighted else 1)
    how = {"sample_weight": weight, "l1": 0.01}
    penalties = np.empty((3, 12))
    nets[0].train(core, 12, alpha=0.3, l2=0.1, penalties=penalties[0], **how)
    nets[1].train(core, 12, l2=0.1 + 0.3 / counts, penalties=penalties[1], **how)
    nets[2].train(reference, 12, alpha=0.3, l2=0.1, penalties=penalties[2], **how)
    tolerance = 1e-9 if dtype == np.float64 else 1e-4
    for net, other in zip(nets[1:], penalties[1:], strict=True):
        np.testing.assert_allclose(nets[0].losses, net.losses, rtol=tolerance)
        np.testing.assert_allclose(penalties[0], other, rtol=tolerance)
    assert (penalties > 0).all()
    assert (nets[0].losses > penalties[0]).all()
    plain = np.full(12, np.nan)
    nets[0].train(core, 12, penalties=plain)
    assert (plain == 0).all()


def test_rows_without_weight_have_no_alpha(core):
    for module in (core, reference):
        net, penalties = Network(np.float64), np.full(2, np.nan)
        net.train(module, 2, alpha=0.5, penalties=penalties, sample_weight=np.zeros(23))
        assert (penalties == 0).all()


@pytest.mark.parametrize("kind", ["adam", "adamw"])
def test_epsilon_hat_is_added_before_the_bias_is_corrected(core, dtype, kind):
    """Kingma and Ba 2015, the end of section 2: rate sqrt(1 - b2^t)/(1 - b1^t) m/(sqrt v + eps)."""
    rule = UpdateRule(kind, 0.9, 0.99, 0.05, 0.0, epsilon_hat=True)
    nets = [Network(dtype, optimizer=kind) for _ in range(2)]
    for net, module in zip(nets, (core, reference), strict=True):
        net.train(module, 20, optimizer=rule)
    tolerance = 1e-9 if dtype == np.float64 else 1e-3
    np.testing.assert_allclose(nets[0].weights, nets[1].weights, rtol=tolerance, atol=tolerance)
    net = Network(dtype, optimizer=kind)
    before = net.weights.copy()
    net.train(core, 1, optimizer=rule)
    m, v = net.slots.astype(float)
    step = 0.02 * np.sqrt(1 - 0.99) / (1 - 0.9) * m / (np.sqrt(v) + 0.05)
    np.testing.assert_allclose(net.weights, before - step, rtol=1e-5, atol=1e-7)


def test_part_of_an_epoch_is_trained_like_a_whole_one(core, dtype):
    whole, part = (Network(dtype, batch_size=5) for _ in range(2))
    for module in (core, reference):
        whole.train(module, 5)
        for first, n in ((0, 2), (10, 1), (15, 2)):
            rows = slice(first, first + 5 * n)
            x, y = part.x[rows], part.y[rows]
            assert part.train(module, n, x=x, y=y, first=first) == n
        assert part.bytes() == whole.bytes()


def test_the_step_number_of_the_optimizer_is_the_second_counter(core, dtype):
    fresh, late = Network(dtype), Network(dtype)
    late.counters[0] = 40  # of another optimizer; without dropout they do not matter
    for net in (fresh, late):
        net.train(core, 3)
    assert fresh.weights.tobytes() == late.weights.tobytes()
    late.counters[1] = 40
    late.train(core, 3)
    fresh.train(core, 3)
    assert fresh.weights.tobytes() != late.weights.tobytes()


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("kind", RUNS)
def test_a_run_may_be_divided_anywhere(core, dtype, optimizer, kind):
    whole, cut = (network(dtype, optimizer, **RUNS[kind]) for _ in range(2))
    whole.train(core, 40)
    for n in (1, 13, 0, 26):
        assert cut.train(core, n) == n
    assert cut.bytes() == whole.bytes()


@pytest.mark.parametrize("batch_size", [1, 7])
def test_the_previous_content_of_the_gradient_does_not_matter(core, dtype, batch_size):
    net, other = (Network(dtype, batch_size=batch_size) for _ in range(2))
    other.gradient[...] = np.nan
    for module in (core, reference):
        for one in (net, other):
            one.train(module, 3)
        assert net.bytes() == other.bytes()
        assert net.gradient.tobytes() == other.gradient.tobytes()


def test_gaps_between_parameters_stay_zero(core, dtype):
    for optimizer in OPTIMIZER_SLOTS:
        net = network(dtype, optimizer, **RUNS["everything"])
        net.train(core, 10)
        for vector in (net.weights, net.gradient, *net.slots, net.gradients(core)[1]):
            gaps = vector.copy()
            for view in views(gaps, net.shapes).values():
                view[...] = 0
            assert not gaps.any()


@pytest.mark.parametrize("how", [("momentum", 7), ("sgd", 1), ("sgd", 23)], ids=str)
@pytest.mark.parametrize("backend", ["core", "reference"])
def test_an_objective_that_is_not_finite_ends_the_run_before_its_update(core, dtype, how, backend):
    module, (optimizer, batch_size) = core if backend == "core" else reference, how
    net, control = (Network(dtype, optimizer=optimizer, batch_size=batch_size) for _ in range(2))
    rates = np.array([0.02, 0.02, np.inf, 0.02, 0.02])
    assert net.train(module, 5, rates=rates) == 3
    control.train(module, 3, rates=rates[:3])
    assert not np.isfinite(net.losses[3])
    assert net.losses[4] == -1
    assert net.bytes() == control.bytes()


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["x", "y"])
@pytest.mark.parametrize("backend", ["core", "reference"])
def test_a_row_that_is_not_finite_ends_the_run_before_its_update(
    core, dtype, number, where, backend
):
    module = core if backend == "core" else reference
    net, control = (Network(dtype, activation="identity") for _ in range(2))
    getattr(net, where)[15, 1] = number
    assert net.train(module, 5) == 2
    assert control.train(module, 2) == 2
    assert not np.isfinite(net.losses[2])
    assert net.bytes() == control.bytes()


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_special_numbers_are_predicted_like_the_reference_does(core, dtype, activation, number):
    net = Network(dtype, (4, 5, 3), activation, rows=6)
    net.x[2, 1] = number
    outputs, expected = net.predict(core), net.predict(reference)
    np.testing.assert_array_equal(np.isnan(outputs), np.isnan(expected))
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)
