"""char_rnn_gradients compared with min-char-rnn, one character at a time (min_char_rnn.py).

Weights are scaled so that rounding errors do not grow from step to step.
"""

import numpy as np
import pytest
from cases import char_rnn_arguments
from hypothesis import given
from hypothesis import strategies as st
from min_char_rnn import from_nncore, to_nncore, window

from nncore import reference

NAMES = ("wxh", "whh", "why", "bh", "by")


def min_char_rnn(inputs, targets, h0, *parameters):
    """Loss, gradients and last state of one stream, in nncore's orientation."""
    weights = from_nncore(dict(zip(NAMES, parameters, strict=True)))
    loss, gradients, last = window(weights, inputs, targets, h0.reshape(-1, 1))
    return loss, to_nncore(gradients), last[:, 0]


def assert_same(result, expected):
    loss, gradients, last = result
    desired_loss, desired, desired_last = expected
    np.testing.assert_allclose(loss, desired_loss, rtol=1e-10)
    np.testing.assert_allclose(last, desired_last, rtol=1e-10, atol=1e-12)
    for name in NAMES:
        assert gradients[name].shape == desired[name].shape
        scale = np.abs(desired[name]).max()
        np.testing.assert_allclose(gradients[name], desired[name], rtol=0, atol=1e-10 * scale)


def one_stream(streams, index):
    """Arguments of one stream of a batch."""
    inputs, targets, h0, *weights = streams
    return (inputs[index], targets[index], h0[index], *weights)


sizes = {
    "steps": st.integers(1, 30),
    "vocabulary": st.integers(2, 70),
    "hidden": st.integers(1, 130) | st.sampled_from([15, 16, 17, 31, 32, 33, 64, 100, 128]),
    "seed": st.integers(0, 99),
}


@given(**sizes)
def test_one_stream_is_min_char_rnn(core, steps, vocabulary, hidden, seed):
    rng = np.random.default_rng(seed)
    batch = char_rnn_arguments(rng, 1, steps, vocabulary, hidden, np.float64)
    given_ = one_stream(batch, 0)
    expected = min_char_rnn(*given_)
    assert_same(core.char_rnn_gradients(*given_), expected)
    assert_same(reference.char_rnn_gradients(*given_), expected)


def test_a_window_long_enough_for_checks_of_signals_keeps_its_gradients(core):
    given_ = char_rnn_arguments(np.random.default_rng(0), 1, 70, 3, 640, np.float64)
    assert_same(core.char_rnn_gradients(*given_), reference.char_rnn_gradients(*given_))


@given(streams=st.integers(1, 9), **sizes)
def test_a_batch_is_the_mean_of_its_streams(core, streams, steps, vocabulary, hidden, seed):
    rng = np.random.default_rng(seed)
    batch = char_rnn_arguments(rng, streams, steps, vocabulary, hidden, np.float64)
    alone = [min_char_rnn(*one_stream(batch, n)) for n in range(streams)]
    mean_loss = np.mean([loss for loss, _, _ in alone])
    mean = {name: np.mean([g[name] for _, g, _ in alone], axis=0) for name in NAMES}
    expected = mean_loss, mean, np.array([last for _, _, last in alone])
    assert_same(core.char_rnn_gradients(*batch), expected)
    assert_same(reference.char_rnn_gradients(*batch), expected)


def test_gradients_clipped_as_in_the_seed(core):
    given_ = one_stream(char_rnn_arguments(np.random.default_rng(3), 1, 25, 20, 16, np.float64), 0)
    loss, gradients, last = core.char_rnn_gradients(*given_)
    desired_loss, expected, desired_last = min_char_rnn(*given_)
    limit = 0.5 * max(np.abs(g).max() for g in expected.values())
    for gradient in gradients.values():
        core.clip_by_value(gradient, limit)
    clipped = {name: np.clip(g, -limit, limit) for name, g in expected.items()}
    assert_same((loss, gradients, last), (desired_loss, clipped, desired_last))


@pytest.mark.parametrize("module", ["core", "reference"])
@pytest.mark.parametrize(
    ("streams", "steps", "vocabulary", "hidden"),
    [
        (1, 0, 3, 4),
        (2, 0, 3, 4),
        (1, 3, 4, 0),
        (2, 0, 4, 0),
        (1, 0, 0, 2),
        (1, 0, 0, 0),
        (2, 3, 1, 1),
    ],
)
def test_windows_and_layers_of_size_zero_are_handled(
    core, module, dtype, streams, steps, vocabulary, hidden
):
    run = core if module == "core" else reference
    given_ = list(char_rnn_arguments(np.random.default_rng(0), streams, 0, 1, 0, dtype))
    shapes = [
        (vocabulary, hidden),
        (hidden, hidden),
        (hidden, vocabulary),
        (hidden,),
        (vocabulary,),
    ]
    given_[:2] = [np.zeros((streams, steps), int)] * 2
    given_[2:] = [np.ones((streams, hidden), dtype), *(np.zeros(s, dtype) for s in shapes)]
    loss, gradients, last = run.char_rnn_gradients(*given_)
    assert loss == pytest.approx(steps * np.log(max(1, vocabulary)))
    assert [gradients[name].shape for name in NAMES] == shapes
    if steps == 0:
        np.testing.assert_array_equal(last, given_[2])
        assert not any(g.any() for g in gradients.values())
