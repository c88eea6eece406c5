"""The random numbers of many seeds are those of each seed alone."""

import numpy as np
import pytest

from nncore import many_seeds
from nncore.many_seeds import Restarted, states_of_seeds, states_of_streams
from nncore.randomness import streams

SEEDS = [0, 1, 7, 2**32 - 1, 2**32, 2**64 - 1, 2**64, 2**100 + 3, 2**128 - 1, *range(900, 1200)]


def state(rng):
    described = rng.bit_generator.state["state"]
    return described["state"], described["inc"]


def test_seeds_have_the_states_that_numpy_gives_them():
    assert states_of_seeds(SEEDS) == [state(np.random.default_rng(seed)) for seed in SEEDS]
    assert states_of_seeds([]) == []


@pytest.mark.parametrize("count", [1, 3])
def test_streams_have_the_states_of_those_of_a_single_seed(count):
    expected = [[state(rng) for rng in streams(seed, count)] for seed in SEEDS]
    assert states_of_streams(SEEDS, count) == expected


@pytest.mark.parametrize("other", [2**128, 2**200, np.random.SeedSequence(5)], ids=type)
def test_other_kinds_of_seeds_have_their_streams_too(other):
    assert states_of_streams([3, other], 2) == [
        [state(rng) for rng in streams(seed, 2)] for seed in (3, other)
    ]


def test_a_generator_among_the_seeds_is_drawn_from_once_for_each_time_it_is_given():
    shared, alone = np.random.default_rng(5), np.random.default_rng(5)
    found = states_of_streams([shared, 3, shared], 2)
    assert found == [[state(rng) for rng in streams(seed, 2)] for seed in (alone, 3, alone)]


def test_the_same_seed_has_the_same_streams_wherever_it_is():
    first, other, again = states_of_streams([4, 9, 4], 2)
    assert first == again != other


@pytest.mark.parametrize("wrong", [-1, True, "7"])
def test_other_things_are_refused_by_name(wrong):
    with pytest.raises((TypeError, ValueError), match="rng must be an int"):
        states_of_streams([0, wrong], 1)


def test_numbers_whose_upper_half_is_0_seed_a_stream_as_in_numpy(monkeypatch):
    class Drawn:
        def __init__(self, numbers):
            self.random_raw = lambda size: numbers

    usual = np.random.default_rng(3).integers(2**63, 2**64, (2, 8), np.uint64)
    usual[1, 5] = 2**32  # halved it is one word, which NumPy hashes without a second one
    drawn = (Drawn(numbers) for numbers in usual)
    monkeypatch.setattr(Restarted, "bits_at", lambda self, state: next(drawn))
    asked = []
    monkeypatch.setattr(many_seeds, "streams", lambda seed, count: asked.append(seed) or [])
    assert len(states_of_streams([11, 12], 2)[0]) == 2
    assert asked == [12]


def test_one_generator_continues_from_any_state():
    source, expected = Restarted(), np.random.default_rng(8)
    (start,) = states_of_seeds([8])
    source.at(start).integers(10, dtype=np.int32)  # leaves half a number over
    numbers = expected.random(5)
    assert source.at(start).random(5).tolist() == numbers.tolist()
    assert source.at(start, 2).random(3).tolist() == numbers[2:].tolist()
