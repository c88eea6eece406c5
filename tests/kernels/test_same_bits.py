"""One order of accumulation: the same bits on AVX2 and AVX-512, alone and in a batch,
at every run and wherever the arrays lie.
"""

import numpy as np
import pytest
from builds import BOTH_LEVELS, build
from calls import ALL_CASES, call, flat, made, outcome, same_bits, sizes
from cases import CASES
from hypothesis import given
from hypothesis import strategies as st

from nncore.arguments.arrays import OPTIMIZER_SLOTS, UpdateRule
from nncore.params import aligned_zeros, char_rnn_shapes, flat_size

LARGE = [(1, 257, 130), (7, 513, 19), (33, 1, 300), (65, 257, 130), (130, 300, 65)]


# --- levels -------------------------------------------------------------------------------


def assert_levels_agree(case, arguments):
    results = [outcome(build(level), case, arguments) for level in ("avx2", "avx512")]
    assert same_bits(*results)


@BOTH_LEVELS
@ALL_CASES
@given(n=sizes, i=sizes, o=sizes, seed=st.integers(0, 99))
def test_avx2_and_avx512_agree(case, dtype, n, i, o, seed):
    assert_levels_agree(case, made(case, n, i, o, dtype, seed))


@BOTH_LEVELS
@ALL_CASES
@pytest.mark.parametrize("size", LARGE, ids=str)
def test_avx2_and_avx512_agree_beyond_one_block(case, dtype, size):
    assert_levels_agree(case, made(case, *size, dtype))


@BOTH_LEVELS
@pytest.mark.parametrize("name", ["exp", "log", "tanh_forward", "sigmoid_forward"])
def test_avx2_and_avx512_agree_on_every_kind_of_float(name):
    floats = np.arange(0, 2**32, 4099, np.uint32).view(np.float32)
    floats = floats[~np.isnan(floats)]
    for x in (floats, floats.astype(np.float64)):
        results = [getattr(build(level), name)(x) for level in ("avx2", "avx512")]
        assert results[0].tobytes() == results[1].tobytes()


# --- rows of a batch ------------------------------------------------------------------------

# By position: arguments and results with a row for each row of the batch, where these are
# not all arguments and the only result.
BY_ROWS = {
    "linear_forward": ([0], [0]),
    "linear_backward": ([0, 1], [0]),
    "softmax_cross_entropy": ([0, 1], [1]),
    "rnn_step_forward": ([0, 1], [0]),
    "rnn_step_backward": ([0, 1, 2], [0, 1]),
    "lstm_step_forward": ([0, 1, 2], [0, 1, 2]),
    "lstm_step_backward": ([0, 1, 2, 3, 4], [0, 1, 2]),
    "gru_step_forward": ([0, 1], [0, 1, 2]),
    "gru_step_backward": ([0, 1, 2, 3], [0, 1, 2]),
}
BY_ROWS |= {c.kernel: ([0, 1], [0]) for c in CASES if c.out and c.kernel not in BY_ROWS}
ROW_CASES = [c for c in CASES if c.kernel in BY_ROWS]


def of_rows(case, arguments, rows):
    """The arguments with only these rows of the batch."""
    taken, _ = BY_ROWS[case.kernel]
    return [a[rows].copy() if k in taken else a for k, a in enumerate(arguments)]


def assert_rows_do_not_know_each_other(core, case, arguments):
    n = len(arguments[0])
    _, given_back = BY_ROWS[case.kernel]
    batch = flat(call(core, case, arguments))
    for rows in [slice(i, i + 1) for i in range(n)] + [slice(1, n), slice(n // 3, None)]:
        part = flat(call(core, case, of_rows(case, arguments, rows)))
        for k in given_back:
            assert same_bits([part[k]], [batch[k][rows].copy()])


@pytest.mark.parametrize("case", ROW_CASES, ids=[c.kernel for c in ROW_CASES])
@given(n=st.integers(1, 20), i=sizes, o=sizes, seed=st.integers(0, 99))
def test_rows_of_a_batch_get_the_bits_they_get_alone(core, case, dtype, n, i, o, seed):
    assert_rows_do_not_know_each_other(core, case, made(case, n, i, o, dtype, seed))


@pytest.mark.parametrize("size", [(9, 257, 130), (7, 600, 19), (13, 3, 300)], ids=str)
def test_rows_of_large_layers_get_the_bits_they_get_alone(core, dtype, size):
    for case in ROW_CASES:
        assert_rows_do_not_know_each_other(core, case, made(case, *size, dtype))


def test_streams_of_a_batch_end_in_the_states_they_reach_alone(core, dtype):
    case = next(c for c in CASES if c.kernel == "char_rnn_gradients")
    inputs, targets, h0, *weights = made(case, 7, 20, 33, dtype)
    last = core.char_rnn_gradients(inputs, targets, h0, *weights)[2]
    for n in range(7):
        alone = core.char_rnn_gradients(inputs[n], targets[n], h0[n], *weights)[2]
        assert same_bits([alone], [last[n].copy()])


# --- runs and places --------------------------------------------------------------------------


@ALL_CASES
def test_every_run_gives_the_same_bits(core, case, dtype):
    arguments = made(case, 17, 33, 65, dtype)
    first = outcome(core, case, arguments)
    assert all(same_bits(first, outcome(core, case, arguments)) for _ in range(3))


def moved(array, offset):
    """A copy that starts `offset` numbers behind a 64-byte line."""
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        return array
    room = aligned_zeros(array.size + offset, array.dtype)[offset:].reshape(array.shape)
    room[...] = array
    return room


@ALL_CASES
def test_bits_do_not_depend_on_the_alignment_of_arrays(core, case, dtype):
    arguments = made(case, 5, 18, 37, dtype)
    expected = outcome(core, case, arguments)
    for offset in range(16):
        places = [moved(a, (offset * (k + 1)) % 16) for k, a in enumerate(arguments)]
        returned = flat(call(core, case, places))
        updated = [places[k] for k in range(len(places)) if case.in_place and k != 1]
        updated = [a for a in updated if isinstance(a, np.ndarray)]
        assert same_bits(returned + updated, expected)


# --- a whole run ------------------------------------------------------------------------------


def trained(core, optimizer, dtype, hidden, streams):
    """Everything that 50 iterations of training change."""
    rng = np.random.default_rng(0)
    vocabulary, steps = 29, 11
    size = flat_size(char_rnn_shapes(vocabulary, hidden))
    weights = aligned_zeros(size, dtype)
    weights[...] = 0.1 * rng.standard_normal(size)
    slots = aligned_zeros((OPTIMIZER_SLOTS[optimizer], size), dtype)
    text = (np.arange(2000) ** 2 % vocabulary).astype(np.uint8)
    h, gradient, counters = (
        np.zeros((streams, hidden), dtype),
        np.zeros(size, dtype),
        np.zeros(2, np.int64),
    )
    losses = np.zeros(50)
    arrays = [weights, gradient, slots, text, counters, h, np.full(50, 0.01), losses]
    done = core.char_rnn_train(
        *arrays, vocabulary=vocabulary, seq_length=steps,
        optimizer=UpdateRule(optimizer, 0.9, 0.999, 1e-8, 0.01), clip_value=5.0, clip_norm=10.0,
    )  # fmt: skip
    assert done == 50
    assert len(set(losses)) == 50
    return arrays


@BOTH_LEVELS
@pytest.mark.parametrize("optimizer", OPTIMIZER_SLOTS)
@pytest.mark.parametrize("hidden", [20, 32])
def test_training_gives_the_same_bits_on_avx2_and_avx512(dtype, optimizer, hidden):
    for streams in (1, 3):
        runs = [trained(build(s), optimizer, dtype, hidden, streams) for s in ("avx2", "avx512")]
        assert same_bits(*runs)


@pytest.mark.parametrize("optimizer", OPTIMIZER_SLOTS)
def test_training_twice_gives_the_same_bits(core, dtype, optimizer):
    assert same_bits(*(trained(core, optimizer, dtype, 17, 2) for _ in range(2)))
