"""Random numbers without global state: every use has an independent stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:  # np.random is loaded at its first use, not when nncore is imported
    Seed: TypeAlias = int | np.random.SeedSequence | np.random.Generator | None


def generator(rng: Seed) -> np.random.Generator:
    """Return a generator.

    Parameters
    ----------
    rng : int, SeedSequence, Generator or None
        A seed, or a Generator, which is returned unchanged. None draws a seed from the operating
        system.

    Returns
    -------
    numpy.random.Generator

    Raises
    ------
    TypeError, ValueError
        If rng is of another type, or negative.
    """
    try:
        if isinstance(rng, bool | np.bool_):
            raise TypeError
        if isinstance(rng, int):  # twice as fast as default_rng, with the same numbers
            return np.random.Generator(np.random.PCG64(np.random.SeedSequence(rng)))
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"rng must be an int, a SeedSequence, a Generator or None, got {rng!r}"
        ) from None


def streams(rng: Seed, count: int) -> list[np.random.Generator]:
    """Return `count` independent generators from one seed: PCG64, whose state files can hold."""
    source = generator(rng)
    if isinstance(rng, int):  # what `integers` makes of PCG64's numbers, with less overhead
        raw: Any = source.bit_generator
        seeds = raw.random_raw((count, 4)) >> np.uint64(1)
    else:
        seeds = source.integers(0, 2**63, size=(count, 4))
    words = seeds.astype("<u8").view("<u4")  # NumPy converts other integers to these, slowly
    if not words[:, 1::2].all():  # it omits an upper half of 0
        words = seeds
    return [np.random.Generator(np.random.PCG64(seed)) for seed in words]


def jumped(rng: np.random.Generator) -> np.random.Generator:
    """Return a generator far ahead in the sequence of one made by `streams`, without a draw."""
    bits: Any = rng.bit_generator
    return np.random.Generator(bits.jumped())


def generator_state(rng: np.random.Generator) -> dict[str, Any]:
    """Return the state of a generator made by `streams`, in a form that JSON can represent."""
    return dict(rng.bit_generator.state)


def generator_from(state: dict[str, Any]) -> np.random.Generator:
    """Return the generator that `generator_state` described; ValueError for another state."""
    bits: Any = np.random.PCG64(0)
    try:
        bits.state = state
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"not a PCG64 state: {error}") from None
    return np.random.Generator(bits)


WORDS = 6  # numbers that `state_words` returns


def state_words(rng: np.random.Generator) -> list[int]:
    """Return the state of a generator made by `streams`, as numbers below 2**64."""
    described = generator_state(rng)
    halves = [
        half for name in ("state", "inc") for half in divmod(described["state"][name], 1 << 64)
    ]
    return [*halves, described["has_uint32"], described["uinteger"]]


def generator_from_words(words: list[int]) -> np.random.Generator:
    """Return the generator that `state_words` described; ValueError for another state."""
    if len(words) != WORDS or words[4] not in (0, 1) or words[5] >= 1 << 32 or words[3] % 2 == 0:
        raise ValueError(f"not a PCG64 state: {words}")
    state = {"state": (words[0] << 64) + words[1], "inc": (words[2] << 64) + words[3]}
    return generator_from(
        {"bit_generator": "PCG64", "state": state, "has_uint32": words[4], "uinteger": words[5]}
    )
