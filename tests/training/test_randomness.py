"""Random numbers: streams that are independent, and whose state a file can hold."""

import json

import numpy as np
import pytest

from nncore import randomness
from nncore.randomness import (
    WORDS,
    generator,
    generator_from,
    generator_from_words,
    generator_state,
    state_words,
    streams,
)


def numbers(rngs):
    return [rng.random(4).tolist() for rng in rngs]


def test_streams_of_one_seed_differ_and_repeat():
    first, again, other = (numbers(streams(seed, 3)) for seed in (7, 7, 8))
    assert first == again
    assert len({row[0] for row in first + other}) == 6


@pytest.mark.parametrize("top", [2**63, 2**33, 3])  # of the numbers that seed the streams
def test_streams_are_seeded_as_numpy_seeds_them_from_integers(top, monkeypatch):
    seeds = np.random.default_rng(5).integers(0, top, size=(50, 4))

    class Drawn:
        def integers(self, low, high, size):
            assert (low, high, size) == (0, 2**63, seeds.shape)
            return seeds

    monkeypatch.setattr(randomness, "generator", lambda rng: Drawn())
    states = [rng.bit_generator.state for rng in streams(None, 50)]
    assert states == [np.random.PCG64(seed).state for seed in seeds]


@pytest.mark.parametrize("seed", [0, 7, 2**40])
def test_streams_of_a_seed_are_those_of_its_generator(seed):
    both = streams(seed, 30), streams(np.random.default_rng(seed), 30)
    assert numbers(both[0]) == numbers(both[1])


@pytest.mark.parametrize("seed", [0, 7, 2**32, 2**100 + 3])
def test_a_seed_gives_the_numbers_of_numpys_default_generator(seed):
    drawn = generator(seed).bit_generator.state
    assert drawn == np.random.default_rng(seed).bit_generator.state


def test_the_first_streams_do_not_depend_on_how_many_there_are():
    assert numbers(streams(7, 2)) == numbers(streams(7, 5))[:2]


@pytest.mark.parametrize("seed", [7, np.random.SeedSequence(7), np.random.default_rng(7)], ids=type)
def test_seeds_of_all_kinds_are_taken(seed):
    assert generator(seed).random() == np.random.default_rng(7).random()


def test_a_generator_is_taken_as_it_is():
    rng = np.random.default_rng(7)
    assert generator(rng) is rng


def test_without_a_seed_numbers_come_from_the_system():
    assert generator(None).random() != generator(None).random()


def test_a_stream_continues_from_its_state_in_json():
    (rng,) = streams(7, 1)
    rng.integers(10, dtype=np.int32)  # leaves half a number over for the next one
    state = json.loads(json.dumps(generator_state(rng)))
    copy = generator_from(state)
    assert copy.integers(10**9, size=5, dtype=np.int32).tolist() == (
        rng.integers(10**9, size=5, dtype=np.int32).tolist()
    )


@pytest.mark.parametrize("integers", [0, 1])
def test_a_stream_continues_from_its_state_in_words(integers):
    (rng,) = streams(7, 1)
    rng.integers(10, size=integers, dtype=np.int32)
    words = state_words(rng)
    assert len(words) == WORDS
    assert all(0 <= word < 2**64 for word in words)
    copy = generator_from_words(np.array(words, np.uint64).tolist())
    assert generator_state(copy) == generator_state(rng)


@pytest.mark.parametrize(
    "change", [{3: 2}, {4: 2}, {5: 2**32}, {0: 2**64}], ids=["even", "flag", "half", "large"]
)
def test_words_of_something_else_are_refused(change):
    words = state_words(streams(7, 1)[0])
    for at, value in change.items():
        words[at] = value
    with pytest.raises(ValueError, match="not a PCG64 state"):
        generator_from_words(words)
    with pytest.raises(ValueError, match="not a PCG64 state"):
        generator_from_words(words[:5])


@pytest.mark.parametrize("state", [{}, {"bit_generator": "MT19937"}, {"bit_generator": "PCG64"}])
def test_a_state_of_something_else_is_refused(state):
    with pytest.raises(ValueError, match="not a PCG64 state"):
        generator_from(state)
