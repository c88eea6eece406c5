"""The kernels that run a whole multi-layer perceptron: prediction, gradients, training."""

from functools import cache

import numpy as np
import pytest
from builds import BOTH_LEVELS, build
from calls import same_bits
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mlp_networks import Network
from tolerances import error, scale_of

from nncore import reference
from nncore.arguments.arrays import OPTIMIZER_SLOTS, UpdateRule
from nncore.params import aligned_zeros, views
from nncore.registry import ACTIVATIONS, LOSSES

widths = st.sampled_from([1, 2, 8, 15, 16, 17, 33, 64]) | st.integers(1, 70)
shapes = st.lists(widths, min_size=2, max_size=5)
SEEDS = st.integers(0, 99)
EPS, ATOL, RTOL = 1e-6, 1e-7, 1e-5


def assert_close(result, wanted, exact, inputs):
    """To rounding in float64; in float32, as good as NumPy in float32."""
    assert result.dtype == wanted.dtype
    scale = scale_of(exact, inputs)
    if result.dtype == np.float64:
        assert error(result, wanted) <= 1e-12 * scale
    else:
        assert error(result, exact) <= 2 * error(wanted, exact) + 3e-6 * scale


def widened(net):
    """The same network in float64."""
    wide = Network(np.float64)
    wide.shapes, wide.layers, wide.loss = net.shapes, net.layers, net.loss
    wide.weights, wide.x = net.weights.astype(np.float64), net.x.astype(np.float64)
    wide.y = net.y if net.y.dtype.kind == "i" else net.y.astype(np.float64)
    return wide


# --- agreement with reference -----------------------------------------------------------------


@pytest.mark.parametrize("activation", ACTIVATIONS)
@given(sizes=shapes, rows=st.integers(0, 40), seed=SEEDS)
def test_prediction_agrees_with_reference(core, dtype, activation, sizes, rows, seed):
    net = Network(dtype, sizes, activation, rows=rows, seed=seed)
    outputs, wanted = net.predict(core), net.predict(reference)
    assert_close(outputs, wanted, widened(net).predict(reference), [net.x, net.weights])


@pytest.mark.parametrize("loss", LOSSES)
@given(
    sizes=shapes,
    activation=st.sampled_from(ACTIVATIONS),
    rows=st.integers(1, 40),
    weighted=st.booleans(),
    l1=st.sampled_from([0, 0.1]),
    l2=st.sampled_from([0, 0.1]),
    seed=SEEDS,
)
def test_gradients_agree_with_reference(
    core, dtype, loss, sizes, activation, rows, weighted, l1, l2, seed
):
    saturated = loss == "binary_cross_entropy" and activation == "softmax" and sizes[-1] == 1
    assume(not saturated)  # 1 - 1 is rounded otherwise in every type
    net = Network(dtype, sizes, activation, loss, rows, seed=seed)
    keywords = {"l1": l1, "l2": l2}
    if weighted:
        keywords["sample_weight"] = np.random.default_rng(seed).uniform(0, 2, rows).astype(dtype)
    found = [net.gradients(module, **keywords) for module in (core, reference)]
    if weighted:
        keywords["sample_weight"] = keywords["sample_weight"].astype(np.float64)
    objective, exact = widened(net).gradients(reference, **keywords)
    tolerance = 1e-12 if dtype == np.float64 else 1e-4
    assert found[0][0] == pytest.approx(objective, rel=tolerance, abs=tolerance)
    assert_close(found[0][1], found[1][1], exact, [net.x, net.weights])


def test_deep_networks_agree_with_reference(core):
    net = Network(np.float64, [6] * 65, rows=9)
    np.testing.assert_allclose(net.predict(core), net.predict(reference), rtol=1e-9)
    results = [net.gradients(module) for module in (core, reference)]
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rows", [127, 128, 129, 300])
def test_wide_layers_and_many_rows_agree_with_reference(core, rows):
    net = Network(np.float64, (257, 130, 300, 65), rows=rows)
    np.testing.assert_allclose(net.predict(core), net.predict(reference), rtol=1e-9, atol=1e-12)
    results = [net.gradients(module) for module in (core, reference)]
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-9, atol=1e-11)


# --- finite differences -----------------------------------------------------------------------


def quotients(core, net, **keywords):
    """Central differences of the objective by every parameter, with the vector's layout."""
    result = np.zeros_like(net.weights)
    for name, array in net.parameters.items():
        for index in np.ndindex(array.shape):
            at, values = array[index], []
            for moved in (at + EPS, at - EPS):
                array[index] = moved
                values.append(net.gradients(core, **keywords)[0])
            array[index] = at
            views(result, net.shapes)[name][index] = (values[0] - values[1]) / (2 * EPS)
    return result


PENALTIES = [{}, {"l1": 0.05}, {"l2": 0.3}, {"l1": 0.05, "l2": 0.3}]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_are_the_derivatives(core, activation, loss):
    for sizes in ((3, 2), (3, 4, 2), (2, 3, 4, 2)):
        net = Network(np.float64, sizes, activation, loss, rows=4, seed=2)
        for penalties in PENALTIES:
            _, gradient = net.gradients(core, **penalties)
            wanted = quotients(core, net, **penalties)
            np.testing.assert_allclose(gradient, wanted, rtol=RTOL, atol=ATOL)
            assert np.abs(gradient).max() > 1e-3


@pytest.mark.parametrize("loss", LOSSES)
def test_weighted_gradients_are_the_derivatives(core, loss):
    net = Network(np.float64, (3, 4, 2), "tanh", loss, rows=4, seed=2)
    weight = np.array([0, 0.1, 3, 1])
    _, gradient = net.gradients(core, sample_weight=weight)
    wanted = quotients(core, net, sample_weight=weight)
    np.testing.assert_allclose(gradient, wanted, rtol=RTOL, atol=ATOL)


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_of_rows_count_like_repetitions(core, dtype, loss):
    net, repeated = (Network(dtype, loss=loss, rows=3) for _ in range(2))
    repeated.x, repeated.y = net.x[[0, 2, 2, 2]], net.y[[0, 2, 2, 2]]
    weight = np.array([2, 0, 6], dtype)
    objective, gradient = net.gradients(core, sample_weight=weight)
    wanted, expected = repeated.gradients(core)
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    assert objective == pytest.approx(wanted, rel=tolerance)
    np.testing.assert_allclose(gradient, expected, rtol=tolerance, atol=tolerance)


def test_l1_does_not_pull_at_weights_of_zero(core, dtype):
    net = Network(dtype)
    net.weights[::2] = 0
    _, plain = net.gradients(core)
    _, pulled = net.gradients(core, l1=0.1)
    for name, w in net.parameters.items():
        changed = views(plain, net.shapes)[name] != views(pulled, net.shapes)[name]
        np.testing.assert_array_equal(changed, (w != 0) & name.startswith("w"))


# --- training -----------------------------------------------------------------------------------

RUNS = {
    "plain": {},
    "dropout": {"dropout": (0.5, 0.2), "seed": 2**64 - 5},
    "dropout of one layer": {"dropout": (0.0, 0.3), "seed": 1},
    "clipped values": {"clip_value": 0.05},
    "clipped norm": {"clip_norm": 0.1},
    "weighted": {"weighted": True},
    "penalties": {"l1": 1e-3, "l2": 0.01},
    "in order": {"ordered": True},
    "a row at a time": {"batch_size": 1},
    "a row at a time, l1": {"batch_size": 1, "l1": 0.01},
    "a row at a time, l2": {"batch_size": 1, "l2": 0.1},
    "all rows": {"batch_size": 99},
    "everything": {
        "dropout": (0.1, 0.2), "seed": 7, "clip_value": 0.1, "clip_norm": 0.5,
        "weighted": True, "ordered": True, "l1": 1e-3, "l2": 0.01, "batch_size": 5,
    },
}  # fmt: skip


def network(dtype, optimizer, weighted=False, ordered=False, rows=23, **settings):
    net = Network(dtype, (5, 9, 8, 3), "tanh", "huber", rows=rows, optimizer=optimizer, **settings)
    rng = np.random.default_rng(1)
    if weighted:
        net.settings["sample_weight"] = rng.uniform(0.1, 2, rows).astype(dtype)
    if ordered:
        net.order = np.zeros(rows, np.intp)
    return net


@cache
def trained_by_reference(optimizer, kind):
    net = network(np.float64, optimizer, **RUNS[kind])
    assert net.train(reference, 100) == 100
    return net


@pytest.mark.parametrize("optimizer", OPTIMIZER_SLOTS)
@pytest.mark.parametrize("kind", RUNS)
def test_training_agrees_with_reference(core, optimizer, kind):
    net, wanted = (
        network(np.float64, optimizer, **RUNS[kind]),
        trained_by_reference(optimizer, kind),
    )
    start = net.weights.copy()
    assert net.train(core, 100) == 100
    np.testing.assert_allclose(net.losses, wanted.losses, rtol=1e-10)
    for array, expected in zip(net.state(), wanted.state(), strict=True):
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
def test_training_is_its_parts_one_after_the_other(core, dtype, batch_size):
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


def test_every_epoch_has_an_order_of_its_own(core, dtype):
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


def test_a_given_order_is_gone_on_with_within_an_epoch(core):
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


def test_part_of_an_epoch_is_trained_on_like_the_whole(core, dtype):
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
def test_a_run_may_be_cut_anywhere(core, dtype, optimizer, kind):
    whole, cut = (network(dtype, optimizer, **RUNS[kind]) for _ in range(2))
    whole.train(core, 40)
    for n in (1, 13, 0, 26):
        assert cut.train(core, n) == n
    assert cut.bytes() == whole.bytes()


@pytest.mark.parametrize("batch_size", [1, 7])
def test_it_does_not_matter_what_the_gradient_held_before(core, dtype, batch_size):
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
    outputs, wanted = net.predict(core), net.predict(reference)
    np.testing.assert_array_equal(np.isnan(outputs), np.isnan(wanted))
    np.testing.assert_allclose(outputs, wanted, rtol=1e-4, atol=1e-5)


# --- same bits ------------------------------------------------------------------------------------


@BOTH_LEVELS
@given(
    sizes=shapes,
    activation=st.sampled_from(ACTIVATIONS),
    loss=st.sampled_from(LOSSES),
    rows=st.integers(1, 140),
    seed=SEEDS,
)
def test_avx2_and_avx512_agree(dtype, sizes, activation, loss, rows, seed):
    net = Network(dtype, sizes, activation, loss, rows, seed=seed)
    levels = [build(level) for level in ("avx2", "avx512")]
    assert same_bits(*([net.predict(core)] for core in levels))
    results = [net.gradients(core, l1=0.1, l2=0.1) for core in levels]
    assert results[0][0] == results[1][0]
    assert same_bits(*([gradient] for _, gradient in results))


@BOTH_LEVELS
@pytest.mark.parametrize("optimizer", OPTIMIZER_SLOTS)
def test_training_gives_the_same_bits_on_avx2_and_avx512(dtype, optimizer):
    for how in RUNS.values():
        nets = [network(dtype, optimizer, **how) for _ in range(2)]
        for net, level in zip(nets, ("avx2", "avx512"), strict=True):
            assert net.train(build(level), 30) == 30
        assert nets[0].bytes() == nets[1].bytes()
        assert nets[0].losses.tobytes() == nets[1].losses.tobytes()


@given(sizes=shapes, activation=st.sampled_from(ACTIVATIONS), rows=st.integers(1, 140), seed=SEEDS)
def test_a_row_gets_the_same_bits_alone_and_in_a_batch(core, dtype, sizes, activation, rows, seed):
    net = Network(dtype, sizes, activation, rows=rows, seed=seed)
    batch = net.predict(core)
    for i in {0, rows // 2, rows - 1}:
        assert same_bits([net.predict(core, x=net.x[i : i + 1])], [batch[i : i + 1]])
    assert same_bits([net.predict(core, x=net.x[rows // 3 :])], [batch[rows // 3 :]])


@pytest.mark.parametrize("rows", [127, 128, 129, 257])
def test_rows_of_large_layers_get_the_same_bits_alone(core, dtype, rows):
    net = Network(dtype, (130, 257, 300, 19), rows=rows)
    batch = net.predict(core)
    for i in (0, 126, rows - 1):
        assert same_bits([net.predict(core, x=net.x[i : i + 1])], [batch[i : i + 1]])


def test_large_products_in_parts_give_the_bits_of_whole_ones(core, dtype):
    """The parts are cut between rows of the result and along the sum."""
    net = Network(dtype, (310, 190), "identity", "half_squared_error", rows=1031)
    w1, b1 = views(net.weights, net.shapes).values()
    _, gradient = net.gradients(core)
    d = (core.linear_forward(net.x, w1, b1) - net.y) * dtype(1 / dtype(1031))
    _, w, b = core.linear_backward(d, net.x, w1)
    found = views(gradient, net.shapes)
    np.testing.assert_array_equal(found["w1"], w)
    np.testing.assert_array_equal(found["b1"], b)


def test_bits_do_not_depend_on_where_arrays_lie(core, dtype):
    expected = network(dtype, "adam", **RUNS["everything"])
    expected.train(core, 20)
    for offset in (1, 3, 7, 15):
        net = network(dtype, "adam", **RUNS["everything"])
        for name in ("weights", "gradient", "slots", "x", "y"):
            array = getattr(net, name)
            room = aligned_zeros(array.size + offset, dtype)[offset:].reshape(array.shape)
            room[...] = array
            setattr(net, name, room)
        net.train(core, 20)
        assert net.bytes() == expected.bytes()
        assert net.predict(core).tobytes() == expected.predict(core).tobytes()


def test_every_run_gives_the_same_bits(core, dtype):
    nets = [network(dtype, "adam", **RUNS["everything"]) for _ in range(3)]
    for net in nets:
        net.train(core, 20)
    assert nets[0].bytes() == nets[1].bytes() == nets[2].bytes()


def test_inputs_of_the_other_float_type_are_converted(core, dtype):
    other = np.float64 if dtype == np.float32 else np.float32
    net = Network(dtype, rows=9)
    x = net.x.astype(np.float32).astype(other)  # numbers that both types hold
    for module in (core, reference):
        exact = Network(dtype, rows=9)
        exact.x, net.x = x.astype(dtype), x
        assert same_bits([net.predict(module)], [exact.predict(module)])
        assert same_bits([net.gradients(module)[1]], [exact.gradients(module)[1]])
        nets = Network(dtype, rows=9), Network(dtype, rows=9)
        nets[0].x, nets[1].x = x, exact.x
        for one in nets:
            one.train(module, 4)
        assert nets[0].bytes() == nets[1].bytes()


# --- evaluation -----------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rows", [1, 23, 129, 300])
@pytest.mark.parametrize("loss", LOSSES)
def test_evaluation_has_the_bits_of_gradients_and_predictions(core, dtype, loss, rows, weighted):
    net = Network(dtype, loss=loss, rows=rows)
    weight = np.random.default_rng(1).uniform(0, 2, rows).astype(dtype) if weighted else None
    value, outputs = net.evaluate(core, sample_weight=weight)
    assert value == net.gradients(core, sample_weight=weight)[0]
    assert outputs.tobytes() == net.predict(core).tobytes()


@pytest.mark.parametrize("loss", LOSSES)
def test_evaluation_agrees_with_reference(core, dtype, loss):
    net = Network(dtype, loss=loss)
    weight = np.random.default_rng(1).uniform(0, 2, len(net.x)).astype(dtype)
    for rows in (None, weight):
        value, outputs = net.evaluate(core, sample_weight=rows)
        wanted, expected = net.evaluate(reference, sample_weight=rows)
        tolerance = 1e-12 if dtype == np.float64 else 1e-5
        assert value == pytest.approx(wanted, rel=tolerance)
        np.testing.assert_allclose(outputs, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("batch", [1, 5, 23])
def test_weights_that_are_not_divided_by_their_sum(core, dtype, batch):
    """Over an epoch in which nothing moves, the objectives' mean over rows is the weighted loss."""
    weight = np.random.default_rng(1).uniform(0, 2, 23)
    weight = (weight / weight.mean()).astype(dtype)
    losses = []
    for module in (core, reference):
        net = Network(dtype, batch_size=batch, optimizer="sgd")
        updates = -(-23 // batch)
        how = {"sample_weight": weight, "mean_weight": 1.0, "rates": np.zeros(updates)}
        net.train(module, updates, **how)
        rows = np.minimum(batch, 23 - batch * np.arange(updates))
        losses.append(float(np.average(net.losses, weights=rows)))
        whole = net.evaluate(module, sample_weight=weight)[0]
        assert losses[-1] == pytest.approx(whole, rel=1e-12 if dtype == np.float64 else 1e-5)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
