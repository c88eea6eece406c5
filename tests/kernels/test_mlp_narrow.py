"""Networks of a few units have a separate code path, which gives the bits of the general one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlp_networks import Network

from nncore import reference
from nncore.params import views
from nncore.registry import LOSSES

# f(0) is 0: units without weights change nothing and stay without weights.
ODD = ["identity", "tanh", "relu", "leaky_relu"]


def widened(net, hidden, **how):
    """The same network with more units, of which the last have no weights."""
    inputs, outputs = net.layers[0, 0], net.layers[1, 1]
    wide = Network(net.weights.dtype, (inputs, hidden, outputs), loss=net.loss, rows=9, **how)
    wide.layers[:, 2] = net.layers[:, 2]
    wide.weights[...] = 0
    for name, array in net.parameters.items():
        part_of(wide, name, array.shape)[...] = array
    wide.x, wide.y = net.x, net.y
    return wide


def part_of(net, name, shape):
    return net.parameters[name][tuple(map(slice, shape))]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("batch_size", [1, 2, 4, 7])
@given(
    inputs=st.integers(1, 8),
    hidden=st.integers(1, 8),
    outputs=st.integers(1, 4),
    activation=st.sampled_from(ODD),
    optimizer=st.sampled_from(["sgd", "adam"]),
    seed=st.integers(0, 99),
)
def test_more_units_without_weights_change_no_bit(
    core, dtype, loss, batch_size, inputs, hidden, outputs, activation, optimizer, seed
):
    sizes = (inputs, hidden, outputs)
    how = {"optimizer": optimizer, "batch_size": batch_size, "seed": seed}
    net = Network(dtype, sizes, activation, loss, rows=9, **how)
    wide = widened(net, 20, **how)
    run = [network.train(core, 12) for network in (net, wide)]
    assert run == [12, 12] or (loss == "half_poisson_deviance" and run[0] == run[1])  # diverges
    np.testing.assert_array_equal(net.losses, wide.losses)
    for name, array in net.parameters.items():
        np.testing.assert_array_equal(part_of(wide, name, array.shape), array, err_msg=name)


@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
@given(
    widths=st.lists(st.integers(1, 4), min_size=2, max_size=6),
    weighted=st.booleans(),
    seed=st.integers(0, 99),
)
def test_networks_of_any_depth_train_like_the_reference(
    core, batch_size, activation, widths, weighted, seed
):
    how = {"batch_size": batch_size, "optimizer": "sgd", "rows": 9, "seed": seed}
    if weighted:
        how["sample_weight"] = np.array([1.0, 0, 2, 3, 0, 1, 1, 0, 2])
    net, control = (Network(np.float64, widths, activation, **how) for _ in range(2))
    assert net.train(core, 30) == control.train(reference, 30) == 30
    np.testing.assert_allclose(net.losses, control.losses, rtol=1e-10)
    np.testing.assert_allclose(net.weights, control.weights, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_gaps_between_parameters_stay_zero(core, dtype, batch_size, optimizer):
    net = Network(dtype, (3, 4, 2), rows=9, optimizer=optimizer, batch_size=batch_size)
    net.train(core, 12)
    for vector in (net.weights, net.gradient, *net.slots):
        gaps = vector.copy()
        for view in views(gaps, net.shapes).values():
            view[...] = 0
        assert not gaps.any()


@pytest.mark.parametrize("batch_size", [1, 16])
def test_checks_of_signals_within_a_call_change_no_bit(core, dtype, batch_size):
    how = {"batch_size": batch_size, "optimizer": "sgd", "rows": 16}
    whole, parts = (Network(dtype, (8, 8, 4), **how) for _ in range(2))
    updates = 120_000 // batch_size
    assert whole.train(core, updates) == sum(parts.train(core, updates // 6) for _ in range(6))
    assert whole.bytes() == parts.bytes()
