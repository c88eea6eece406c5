"""Sampling: which characters are drawn, how often, and where the next call continues."""

import itertools
import math
import time
import types

import numpy as np
import pytest
from builds import NOT_SANITIZED, SLOWER
from min_char_rnn import advance, from_nncore
from texts import prose

from nncore import CharRNN, Vocabulary, kernels
from nncore import model as model_module
from nncore.char_rnn.sampling import PART_WORK

BACKENDS = ("compiled", "numpy")
TEXT = prose(400)


def network(backend="compiled", text="abcdef", **settings):
    """A built network whose logits differ by a few units."""
    settings = {"hidden_size": 8, "cell": "tanh", "dtype": "float64", "rng": 4} | settings
    model = CharRNN(backend=backend, **settings).build(text)
    model.parameters["why"][...] *= 3
    return model


def probabilities(model, prime, temperature=1.0):
    """The probabilities of the character after a prime, by the step-by-step oracle."""
    weights = from_nncore(model.parameters)
    h = np.zeros_like(weights["b_h"])
    for i in model.vocabulary.encode(prime):
        h, p = advance(weights, i, h)
    heated = p.ravel() ** (1 / temperature)
    return heated / heated.sum()


def counts(model, prime, draws, **settings):
    """How often each character is drawn first after a prime."""
    rng = np.random.default_rng(8)
    drawn = "".join(model.sample(1, prime, rng=rng, **settings) for _ in range(draws))
    return np.array([drawn.count(c) for c in model.vocabulary.characters])


def chi_square(counted, expected):
    """Of the characters that can be drawn at all; the others must not be."""
    possible = expected > 0
    assert not counted[~possible].any()
    desired = counted.sum() * expected[possible]
    return float(((counted[possible] - desired) ** 2 / desired).sum())


# --- how often ----------------------------------------------------------------------------------

LIMIT = 20.5  # of chi square with 5 degrees of freedom: passed once in a thousand


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_characters_are_drawn_as_often_as_softmax_says(temperature, backend):
    model = network(backend)
    expected = probabilities(model, "fade", temperature)
    counted = counts(model, "fade", 1500, temperature=temperature)
    assert expected.max() > 1.5 * np.median(expected)
    assert chi_square(counted, expected) < LIMIT
    assert chi_square(counted, np.full(6, 1 / 6)) > LIMIT


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_top_k_draws_from_the_k_most_likely(k, backend):
    model = network(backend)
    expected = probabilities(model, "be")
    expected[np.argsort(expected)[:-k]] = 0
    assert chi_square(counts(model, "be", 1000, top_k=k), expected / expected.sum()) < LIMIT


@pytest.mark.parametrize("k", [6, 7, 1000, 2**70])
def test_top_k_of_all_and_more_changes_nothing_but_the_order(k):
    expected = probabilities(network(), "be")
    assert chi_square(counts(network(), "be", 1000, top_k=k), expected) < LIMIT


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("p", [0.3, 0.5, 0.7, 0.9])
def test_top_p_draws_from_the_fewest_characters_with_probability_p(p, backend):
    model = network(backend)
    expected = probabilities(model, "cab")
    order = np.argsort(-expected)
    kept = order[: int(np.searchsorted(np.cumsum(expected[order]), p)) + 1]
    assert 1 <= len(kept) < 6
    only = np.zeros(6)
    only[kept] = expected[kept]
    assert chi_square(counts(model, "cab", 1000, top_p=p), only / only.sum()) < LIMIT


@pytest.mark.parametrize("backend", BACKENDS)
def test_top_p_applies_within_the_top_k(backend):
    model = network(backend)
    expected = probabilities(model, "cab")
    second = np.sort(expected)[-2] / np.sort(expected)[-3:].sum()
    first = np.sort(expected)[-1] / np.sort(expected)[-3:].sum()
    drawn = counts(model, "cab", 500, top_k=3, top_p=first + second / 2)
    assert np.count_nonzero(drawn) == 2


# --- the most likely ------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "settings", [{"temperature": 0}, {"top_k": 1}, {"top_p": 1e-9}, {"temperature": 1e-9}]
)
def test_settings_without_randomness_take_the_most_likely_character(settings, backend):
    model = network(backend)
    text = "fed"
    for _ in range(30):
        text += "abcdef"[int(np.argmax(probabilities(model, text)))]
    assert {model.sample(30, "fed", rng=seed, **settings) for seed in range(5)} == {text[3:]}


@pytest.mark.parametrize("backend", BACKENDS)
def test_of_equally_likely_characters_the_first_is_taken(backend):
    model = network(backend)
    model.parameters["why"][...] = 0
    model.parameters["by"][...] = [0, 1, 1, 0, 1, 0]
    for settings in ({"temperature": 0}, {"top_k": 1}, {"top_p": 1e-9}):
        assert model.sample(5, **settings) == "bbbbb"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_tiny_and_huge_logits_and_temperatures_draw_characters(scale, backend):
    for settings in ({"temperature": 1e-300}, {"temperature": 1e300}, {}, {"top_p": 0.5}):
        model = network(backend)
        model.parameters["why"][...] *= scale
        assert set(model.sample(20, **settings)) <= set("abcdef")


# --- both backends, both ways -------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [{}, {"temperature": 0.6}, {"top_k": 4}, {"top_p": 0.8}, {"top_k": 5, "top_p": 0.9}],
    ids=repr,
)
def test_backends_draw_the_same_characters(settings):
    texts = [
        network(backend, TEXT, hidden_size=20).sample(500, "A", rng=3, **settings)
        for backend in BACKENDS
    ]
    assert texts[0] == texts[1]
    assert len(set(texts[0])) > 5


@pytest.mark.parametrize("backend", BACKENDS)
def test_generate_yields_the_characters_that_sample_draws(backend):
    settings = {"temperature": 0.9, "top_k": 5, "rng": 11}
    model = network(backend)
    pieces = list(itertools.islice(model.generate("ab", **settings), 60))
    assert {len(piece) for piece in pieces} == {1}
    assert "".join(pieces) == model.sample(60, "ab", **settings)


def test_long_samples_are_drawn_in_parts_of_one_text():
    model = network(hidden_size=500, weight_init="small")
    length = 2 * (PART_WORK // 500**2) + 1
    pieces = itertools.islice(model.generate(rng=1), length)
    assert model.sample(length, rng=1) == "".join(pieces)


@NOT_SANITIZED
@pytest.mark.parametrize("drawing", [{}, {"top_k": 3}, {"top_p": 0.5}], ids=repr)
@pytest.mark.parametrize(
    ("hidden", "size", "length"), [(4, 2, 300_000), (4, 3000, 400), (300, 20, 2500)]
)
def test_a_call_is_short_enough_for_ctrl_c(hidden, size, length, drawing, monkeypatch):
    text = "".join(map(chr, range(1000, 1000 + size)))
    model = network(hidden_size=hidden, text=text, dtype="float32")
    calls = []

    def draw(*args, **kwargs):
        begin = time.thread_time()  # what other work on the machine does not lengthen
        ids = kernels.char_rnn_sample(*args, **kwargs)
        calls.append(time.thread_time() - begin)
        return ids

    backend = types.SimpleNamespace(char_rnn_sample=draw)
    monkeypatch.setitem(model_module.BACKENDS, "compiled", backend)
    model.sample(length, rng=1, **drawing)
    assert len(calls) > 2
    print(f"the middle one of {len(calls)} calls took {1e3 * float(np.median(calls)):.1f} ms")
    assert np.median(calls) < 0.1 * SLOWER  # 0.01 on an idle machine


def test_the_seed_is_that_of_one_sample():
    model = network()
    assert model.sample(50, rng=1) == model.sample(50, rng=1) != model.sample(50, rng=2)
    assert model.sample(50, rng=np.random.SeedSequence(1)) == model.sample(50, rng=1)


def test_without_a_seed_samples_differ_but_follow_from_the_seed_of_the_network():
    model, same = network(), network()
    first, second = model.sample(50), model.sample(50)
    assert first != second
    assert [same.sample(50), same.sample(50)] == [first, second]


def test_a_generator_is_drawn_from_once_for_each_character():
    rng, other = np.random.default_rng(5), np.random.default_rng(5)
    network().sample(7, "a", rng=rng)
    other.random(7)
    assert rng.random() == other.random()


# --- primes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_sample_continues_its_prime(backend):
    model = network(backend)
    whole = model.sample(40, "fade", temperature=0)
    for length in (1, 10, 39):
        assert model.sample(40 - length, "fade" + whole[:length], temperature=0) == whole[length:]


def test_long_primes_are_read_to_their_end():
    model = network()
    for length in (63, 64, 65, 66, 130):
        prime = ("fade" * 40)[:length]
        most_likely = "abcdef"[int(np.argmax(probabilities(model, prime)))]
        assert model.sample(1, prime, temperature=0) == most_likely


@pytest.mark.parametrize("backend", BACKENDS)
def test_without_a_prime_a_sample_begins_after_a_line_break(backend):
    model = network(backend, "abc\ndef")
    assert model.sample(30, rng=2) == model.sample(30, "\n", rng=2)


def test_without_a_prime_and_line_breaks_a_sample_begins_anywhere():
    model = network()
    assert len({model.sample(1, rng=seed, temperature=0) for seed in range(40)}) > 1
    assert model.sample(30, rng=2) == model.sample(30, "", rng=2)


def test_a_prime_of_unknown_characters_lists_them():
    for use in (network().generate, lambda prime: network().sample(5, prime)):
        with pytest.raises(
            ValueError, match=r"prime has 3 character\(s\) outside the vocabulary: XYé"
        ):
            use("aXbYé")


@pytest.mark.parametrize("prime", [None, 5, ["a"], ("a",)], ids=repr)
def test_a_prime_is_a_string(prime):
    with pytest.raises(TypeError, match="prime must be a string, got"):
        network().sample(5, prime)


# --- bytes --------------------------------------------------------------------------------------


def test_a_network_of_bytes_writes_bytes():
    model = CharRNN(vocabulary="bytes", rng=0)
    drawn = model.sample(50, b"\xff\x00", rng=1)
    assert isinstance(drawn, bytes)
    assert len(drawn) == 50
    assert b"".join(itertools.islice(model.generate(b"\xff\x00", rng=1), 50)) == drawn
    assert model.sample(9, "é", rng=1) == model.sample(9, "é".encode(), rng=1)


def test_a_prime_of_bytes_is_utf8_to_a_network_of_characters():
    model = network(text="aéb")
    assert model.sample(9, "é".encode(), rng=1) == model.sample(9, "é", rng=1)
    with pytest.raises(ValueError, match="UTF-8"):
        model.sample(9, b"\xff")


def test_more_than_256_characters_are_drawn():
    characters = "".join(map(chr, range(5000, 5400)))
    model = CharRNN(vocabulary=Vocabulary(characters), weight_init="small", rng=0)
    drawn = model.sample(2000, rng=1)
    assert set(drawn) <= set(characters)
    assert len(set(drawn)) > 350


# --- arguments ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"temperature": -1}, ValueError, "temperature must be 0 or a positive number, got -1"),
        ({"temperature": math.nan}, ValueError, "temperature must be 0 or a positive number"),
        ({"temperature": math.inf}, ValueError, "temperature must be 0 or a positive number"),
        ({"temperature": "1"}, TypeError, "temperature must be a number, got str"),
        ({"temperature": None}, TypeError, "temperature must be a number, got NoneType"),
        ({"top_k": -1}, ValueError, "top_k must be 0 .* or a positive integer, got -1"),
        ({"top_k": 1.5}, TypeError, "top_k must be an integer, got float"),
        ({"top_p": 0}, ValueError, "top_p must be above 0 and at most 1, got 0"),
        ({"top_p": 1.1}, ValueError, "top_p must be above 0 and at most 1, got 1.1"),
        ({"top_p": math.nan}, ValueError, "top_p must be above 0 and at most 1, got nan"),
        ({"top_p": True}, TypeError, "top_p must be a number, got bool"),
    ],
)
def test_bad_arguments_are_named_at_once(settings, error, message):
    with pytest.raises(error, match=message):
        network().sample(5, **settings)
    with pytest.raises(error, match=message):
        network().generate(**settings)  # not only when the first character is requested


@pytest.mark.parametrize(
    ("length", "error", "message"),
    [
        (0, ValueError, "length must be at least 1, got 0"),
        (-3, ValueError, "length must be at least 1, got -3"),
        (2.0, TypeError, "length must be an integer, got float"),
        ("5", TypeError, "length must be an integer, got str"),
    ],
)
def test_a_length_is_a_positive_integer(length, error, message):
    with pytest.raises(error, match=message):
        network().sample(length)
