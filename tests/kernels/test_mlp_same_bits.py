"""Networks give the same bits on AVX2 and AVX-512, alone and in a batch."""

import numpy as np
import pytest
from builds import BOTH_LEVELS, build
from calls import same_bits
from hypothesis import given
from hypothesis import strategies as st
from mlp_networks import RUNS, SEEDS, Network, network, shapes

from nncore import reference
from nncore.arguments.arrays import OPTIMIZER_SLOTS
from nncore.params import aligned_zeros, views
from nncore.registry import ACTIVATIONS, LOSSES


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


def test_bits_do_not_depend_on_the_alignment_of_arrays(core, dtype):
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
