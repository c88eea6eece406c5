"""The random numbers of many seeds, without a new generator for each.

NumPy takes ten microseconds or more to make a generator from a seed. In a population, the training
of a small network can take less. Here its hash functions take the seeds of all networks at once,
and one generator continues from each of the states. The numbers are those of `randomness.streams`.

References
----------
O'Neill 2015, Developing a seed_seq alternative; O'Neill 2014, PCG: a family of simple fast
space-efficient statistically good algorithms for random number generation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from nncore.params import Array
from nncore.randomness import streams

if TYPE_CHECKING:
    from nncore.randomness import Seed

State: TypeAlias = tuple[int, int]  # the state and the increment of a PCG64 generator

POOL = 4  # words of 32 bits, in which a seed is hashed
HASH_POOL, HASH_STATE = (0x43B0D7E5, 0x931E8875), (0x8B51F9DD, 0x58F38DED)
MIX = np.uint32(0xCA01F9DD), np.uint32(0x4973F715)
HALF = np.uint32(16)
MULTIPLIER = 0x2360ED051FC65DA44385DF649FCCF645
BITS_128 = (1 << 128) - 1


class Restarted:
    """One generator that continues from any state."""

    def __init__(self) -> None:
        self.bits: Any = np.random.PCG64(0)
        self.generator = np.random.Generator(self.bits)

    def at(self, state: State, ahead: int = 0) -> np.random.Generator:
        """Return the generator in a state, or so many numbers after it."""
        self.bits_at(state)
        if ahead:
            self.bits.advance(ahead)
        return self.generator

    def bits_at(self, state: State) -> Any:
        """Return the generator's source of bits in a state."""
        self.bits.state = {
            "bit_generator": "PCG64",
            "state": {"state": state[0], "inc": state[1]},
            "has_uint32": 0,
            "uinteger": 0,
        }
        return self.bits


def states_of_streams(seeds: Sequence[Seed], count: int) -> list[list[State]]:
    """Return the states of the generators `streams(seed, count)` for each seed."""
    small = [seed for seed in seeds if type(seed) is int and 0 <= seed <= BITS_128]
    if not seeds or len(small) < len(seeds):
        return [[_state(rng) for rng in streams(seed, count)] for seed in seeds]
    source = Restarted()
    drawn = [source.bits_at(state).random_raw(4 * count) for state in states_of_seeds(small)]
    words = (np.stack(drawn) >> np.uint64(1)).astype("<u8").view("<u4").reshape(-1, 8)
    states = _states(words.astype(np.uint32))
    found = [states[k : k + count] for k in range(0, len(states), count)]
    for k in np.flatnonzero(~words[:, 1::2].all(axis=1)).tolist():  # NumPy omits an upper half of 0
        found[k // count] = [_state(rng) for rng in streams(seeds[k // count], count)]
    return found


def states_of_seeds(seeds: Sequence[int]) -> list[State]:
    """Return the states of NumPy's generators from seeds below 2**128."""
    words = [[seed >> shift & 0xFFFFFFFF for shift in (0, 32, 64, 96)] for seed in seeds]
    return _states(np.array(words, np.uint32).reshape(-1, POOL))


def _state(rng: np.random.Generator) -> State:
    described: Any = rng.bit_generator.state
    return described["state"]["state"], described["state"]["inc"]


def _states(words: Array) -> list[State]:
    """Return the states from the words (M, W) of seeds, W at least 4, as NumPy's PCG64 has them."""
    pool, constant = [], HASH_POOL[0]
    for i in range(POOL):
        hashed, constant = _hashed(words[:, i], constant, HASH_POOL[1])
        pool.append(hashed)
    for i in range(words.shape[1]):
        for j in range(POOL):
            if i != j:
                value = pool[i] if i < POOL else words[:, i]
                hashed, constant = _hashed(value, constant, HASH_POOL[1])
                pool[j] = _mixed(pool[j], hashed)
    halves: list[Array] = []
    constant = HASH_STATE[0]
    for i in range(8):
        hashed, constant = _hashed(pool[i % POOL], constant, HASH_STATE[1])
        halves.append(hashed.astype(np.uint64))
    pairs = zip(halves[::2], halves[1::2], strict=True)
    numbers = [(low | high << np.uint64(32)).tolist() for low, high in pairs]
    return [_started(a << 64 | b, c << 64 | d) for a, b, c, d in zip(*numbers, strict=True)]


def _hashed(value: Array, constant: int, multiplier: int) -> tuple[Array, int]:
    """Return hashed words, and the constant for the next ones."""
    after = constant * multiplier & 0xFFFFFFFF
    value = (value ^ np.uint32(constant)) * np.uint32(after)
    return np.asarray(value ^ value >> HALF), after


def _mixed(x: Array, y: Array) -> Array:
    result: Array = x * MIX[0] - y * MIX[1]
    return np.asarray(result ^ result >> HALF)


def _started(first: int, sequence: int) -> State:
    """Return the state of PCG64 that starts from two numbers of 128 bits."""
    increment = (sequence << 1 | 1) & BITS_128
    return ((increment + first) * MULTIPLIER + increment) & BITS_128, increment
