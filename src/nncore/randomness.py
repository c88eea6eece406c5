"""Random numbers without global state: every use gets a stream of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:  # np.random loads at its first use, which an import is not
    Seed: TypeAlias = int | np.random.SeedSequence | np.random.Generator | None


def generator(rng: Seed) -> np.random.Generator:
    """A generator from a seed; a Generator is taken as it is, None draws from the system."""
    try:
        if isinstance(rng, bool | np.bool_):
            raise TypeError
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"rng must be an int, a SeedSequence, a Generator or None, got {rng!r}"
        ) from None


def streams(rng: Seed, count: int) -> list[np.random.Generator]:
    """Independent generators from one seed: PCG64, whose state a checkpoint can hold."""
    seeds = generator(rng).integers(0, 2**63, size=(count, 4))
    return [np.random.Generator(np.random.PCG64(seed)) for seed in seeds]


def generator_state(rng: np.random.Generator) -> dict[str, Any]:
    """The state of a generator of `streams`, as JSON can hold it."""
    return dict(rng.bit_generator.state)


def generator_from(state: dict[str, Any]) -> np.random.Generator:
    """The generator that `generator_state` described."""
    bits: Any = np.random.PCG64(0)
    try:
        bits.state = state
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not a PCG64 state: {error}") from None
    return np.random.Generator(bits)
