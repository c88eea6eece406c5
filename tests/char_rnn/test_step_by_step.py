"""CharRNN agrees with min-char-rnn in every iteration (the oracle: min_char_rnn.py).

At a learning rate of 0.1 training is chaotic: a rounding error of 1e-14 grows tenfold every
few iterations, so that two orders of summation soon part. Long runs are therefore compared
one iteration at a time, each from the oracle's own weights, memory and state; at 0.01, where
errors do not grow, as a whole.
"""

import numpy as np
import pytest
from min_char_rnn import MinCharRNN, from_nncore, nats, to_nncore
from texts import prose

from nncore import Adagrad, CharRNN
from nncore.params import views

BACKENDS = ("compiled", "numpy")
TEXT = prose(1009)  # begins again within 100 windows, twice


def pair(text, rng=0, **settings):
    """A built CharRNN and the oracle with the same weights, on the same text."""
    model = CharRNN.min_char_rnn(dtype="float64", rng=rng, **settings).build(text)
    ids = [sorted(set(text)).index(character) for character in text]
    length = len(ids) // model.batch_size
    lines = [ids[n * length : (n + 1) * length] for n in range(model.batch_size)]
    return model, MinCharRNN(lines, from_nncore(model.parameters), model.seq_length)


def put(model, oracle):
    """Set the model to the state of the oracle."""
    for name, weight in to_nncore(oracle.weights).items():
        model.parameters[name][...] = weight
    for name, memory in to_nncore(oracle.memory).items():
        views(model._slots[0], model._shapes)[name][...] = memory
    model._state[...] = np.hstack(oracle.states).T
    model._counters[1] = oracle.position


def assert_at(model, oracle, atol):
    """The model has the state of the oracle."""
    for name, weight in to_nncore(oracle.weights).items():
        np.testing.assert_allclose(model.parameters[name], weight, rtol=0, atol=atol)
    for name, memory in to_nncore(oracle.memory).items():
        ours = views(model._slots[0], model._shapes)[name]
        np.testing.assert_allclose(ours, memory, rtol=atol, atol=atol)
    np.testing.assert_allclose(model._state, np.hstack(oracle.states).T, rtol=0, atol=atol)
    assert model._counters.tolist() == [oracle.iterations, oracle.position]


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_hundred_iterations_follow_min_char_rnn_step_by_step(backend):
    model, oracle = pair(TEXT, backend=backend)
    smooth, wraps = [], 0
    for _ in range(100):
        put(model, oracle)
        before = oracle.position
        loss = oracle.iterate()
        model.fit(TEXT, iterations=1)
        assert model.history.loss[-1] == pytest.approx(loss, rel=0, abs=1e-8)
        assert_at(model, oracle, atol=1e-8)
        smooth.append(oracle.smooth_loss)
        wraps += oracle.position < before
    assert wraps == 2
    np.testing.assert_allclose(model.history.smooth_loss, smooth, rtol=0, atol=1e-8)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("learning_rate", "iterations"), [(0.1, 5), (0.01, 100)])
def test_whole_runs_follow_min_char_rnn_until_rounding_errors_grow(
    learning_rate, iterations, backend
):
    model, oracle = pair(TEXT, rng=1, backend=backend, optimizer=Adagrad(learning_rate))
    oracle.learning_rate = learning_rate
    losses = [oracle.iterate() for _ in range(iterations)]
    model.fit(TEXT, iterations=iterations)
    np.testing.assert_allclose(model.history.loss, losses, rtol=0, atol=1e-8)
    assert_at(model, oracle, atol=1e-8)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("length", [26, 27, 50, 51, 52, 53, 76, 77])
def test_the_text_restarts_with_a_zero_state_where_min_char_rnn_does(length, backend):
    text = prose(length)
    model, oracle = pair(text, hidden_size=9, backend=backend)
    losses = [oracle.iterate() for _ in range(7)]
    model.fit(text, iterations=7)
    np.testing.assert_allclose(model.history.loss, losses, rtol=0, atol=1e-8)
    assert_at(model, oracle, atol=1e-8)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("streams", [2, 3, 8])
def test_streams_are_equal_parts_of_the_text_and_their_gradients_are_averaged(streams, backend):
    text = prose(streams * 100 + streams - 1)  # the remainder belongs to no stream
    model, oracle = pair(text, hidden_size=12, batch_size=streams, seq_length=10, backend=backend)
    losses = [oracle.iterate() for _ in range(12)]
    model.fit(text, iterations=12)
    np.testing.assert_allclose(model.history.loss, losses, rtol=0, atol=1e-8)
    assert_at(model, oracle, atol=1e-8)


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_are_clipped_one_by_one(backend):
    model, oracle = pair(TEXT, hidden_size=12, clip=0.05, backend=backend)
    oracle.clip = 0.05
    for _ in range(3):
        oracle.iterate()
    model.fit(TEXT, iterations=3)
    assert_at(model, oracle, atol=1e-8)
    assert max(memory.max() for memory in oracle.memory.values()) == pytest.approx(3 * 0.05**2)


def test_the_loss_starts_at_that_of_uniform_guessing():
    model = CharRNN.min_char_rnn(rng=0)
    model.fit(TEXT, iterations=1)
    guess = np.log(len(set(TEXT))) * 25
    assert model.history.loss[0] == pytest.approx(guess, rel=1e-3)
    assert model.history.smooth_loss[0] == pytest.approx(guess, rel=1e-5)


def test_the_min_char_rnn_option_has_the_settings_of_the_original():
    model = CharRNN.min_char_rnn(rng=0).build(TEXT)
    assert (model.hidden_size, model.seq_length, model.batch_size) == (100, 25, 1)
    assert model.optimizer == Adagrad(learning_rate=0.1, epsilon=1e-8)
    assert (model.clip, model.clip_norm) == (5.0, None)
    assert {model.schedule(step, 100) for step in range(100)} == {1.0}
    for name in ("wxh", "whh", "why"):
        weights = model.parameters[name]
        assert weights.std() == pytest.approx(0.01, rel=0.1)
        assert abs(weights.mean()) < 0.001
    assert not model.parameters["bh"].any()
    assert not model.parameters["by"].any()


def test_min_char_rnn_can_be_varied():
    model = CharRNN.min_char_rnn(hidden_size=7, clip=None, clip_norm=1.0)
    assert (model.hidden_size, model.clip, model.clip_norm) == (7, None, 1.0)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("dtype", "rel"), [("float64", 1e-12), ("float32", 1e-5)])
def test_evaluate_is_the_mean_loss_of_every_character_after_the_first(backend, dtype, rel):
    text = prose(500)
    model = CharRNN(20, cell="tanh", dtype=dtype, backend=backend, rng=3).build(text)
    losses = nats(from_nncore(model.parameters), model.vocabulary.encode(text))
    result = model.evaluate(text)
    assert result.characters == len(text) - 1 == len(losses)
    assert result.nats_per_char == pytest.approx(np.mean(losses), rel=rel)
    assert result.bits_per_char == pytest.approx(np.mean(losses) / np.log(2), rel=rel)
    assert result.perplexity == pytest.approx(np.exp(np.mean(losses)), rel=rel * 10)
