"""Sampling of text from a character RNN, one or many characters at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore.char_rnn.evaluation import CharRNNEvaluation
from nncore.char_rnn.text import Vocabulary
from nncore.checks import number, positive_int
from nncore.params import Array, aligned_zeros
from nncore.randomness import generator

if TYPE_CHECKING:
    from nncore.randomness import Seed

# Work of one call, about 10 ms, and of a draw for each character of the vocabulary, without and
# with sorting; in multiplications of a state by a weight.
PART_WORK = 1 << 26
DRAW_WORK, SORT_WORK = 200, 2000


@dataclass(frozen=True)
class SamplingOptions:
    """Options for drawing the next character; see `CharRNN.sample`."""

    temperature: float
    top_k: int
    top_p: float

    def __post_init__(self) -> None:
        for name in ("temperature", "top_p"):
            number(name, getattr(self, name))

    @property
    def sorts(self) -> bool:
        """Whether the characters are sorted before one is drawn."""
        return self.top_k > 0 or self.top_p < 1


class CharRNNSampler:
    """A text being generated: the state, the last character and the random numbers."""

    def __init__(
        self,
        ops: ModuleType,
        weights: Array,
        vocabulary: Vocabulary,
        h: Array,
        stack: dict[str, Any],
        products: int,
        prime: str | bytes,
        rng: np.random.Generator,
        options: SamplingOptions,
    ) -> None:
        self.ops = ops
        self.weights = weights
        self.vocabulary = vocabulary
        self.h = h  # (1, S), updated by every character
        self.network = {"vocabulary": vocabulary.size, **stack}
        self.products = products  # multiplications of a step
        self.rng = rng
        self.settings = asdict(options)
        self.last = self._read(prime)
        self._draw(0)  # checks the options now instead of at the first character
        self.most = max(1, PART_WORK // self._work(options))  # draws of one call

    def _read(self, prime: str | bytes) -> int:
        """Feed all characters of the prime but the last to the network; return the last."""
        if not isinstance(prime, str | bytes):
            raise TypeError(f"prime must be a string, got {type(prime).__name__}")
        ids = self.vocabulary.encode(prime, "prime")
        if not len(ids):  # start as after a line break, if the vocabulary has one
            newline = self.vocabulary.characters.find("\n")
            return newline if newline >= 0 else int(self.rng.integers(self.vocabulary.size))
        self.ops.char_rnn_evaluate(self.weights, ids, self.h, **self.network)
        return int(ids[-1])

    def draw(self, n: int) -> Array:
        """Return the next n ids, drawn in parts between which Ctrl-C works."""
        parts = [self._draw(min(self.most, n - start)) for start in range(0, n, self.most)]
        return np.concatenate(parts)

    def _work(self, options: SamplingOptions) -> int:
        """Return the work of one draw, in multiplications."""
        size = self.vocabulary.size
        return self.products + size * (SORT_WORK if options.sorts else DRAW_WORK)

    def _draw(self, n: int) -> Array:
        """Return the next n ids, drawn in one call."""
        ids: Array = self.ops.char_rnn_sample(
            self.weights,
            self.h,
            self.last,
            self.rng.random(n),
            **self.network,
            **self.settings,
        )
        self.last = int(ids[-1]) if n else self.last
        return ids

    def __iter__(self) -> Iterator[Array]:
        while True:
            yield self.draw(1)


class CharRNNSampling(CharRNNEvaluation):
    """A character RNN that generates text, without the training and files of `CharRNN`."""

    def sample(
        self,
        length: int,
        prime: str | bytes = "",
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        rng: Seed = None,
    ) -> str | bytes:
        """Generate text.

        Parameters
        ----------
        length : int
            Number of characters to generate.
        prime : str or bytes
            Text to continue.
        temperature : float
            Divides the logits: below 1 the text is more predictable; 0 always takes the most
            likely character.
        top_k : int
            Draw only from the k most likely characters; 0 for all.
        top_p : float
            Draw only from the smallest set of these, most likely first, whose probabilities add up
            to at least top_p, in (0, 1].
        rng : int, SeedSequence, Generator or None
            Seed of this sample. None continues with the network's generator.

        Returns
        -------
        str or bytes
            The text without the prime; bytes if the vocabulary is of bytes.

        Raises
        ------
        ValueError
            If `prime` has characters outside the vocabulary, which are listed, or the network has
            no vocabulary yet.
        """
        positive_int("length", length)
        sampler = self._sampler(prime, rng, temperature, top_k, top_p)
        return self.vocabulary.decode(sampler.draw(length))

    def generate(
        self,
        prime: str | bytes = "",
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        rng: Seed = None,
    ) -> Iterator[str | bytes]:
        """Generate text without end, one character at a time.

        Parameters
        ----------
        prime, temperature, top_k, top_p, rng
            As for `sample`.

        Returns
        -------
        iterator of str or bytes
        """
        sampler = self._sampler(prime, rng, temperature, top_k, top_p)
        return map(self.vocabulary.decode, sampler)

    def _sampler(
        self, prime: str | bytes, rng: Seed, temperature: float, top_k: int, top_p: float
    ) -> CharRNNSampler:
        """Return a sampler that has read the prime."""
        vocabulary = self.vocabulary  # first, as it raises if there are no weights yet
        return CharRNNSampler(
            self._ops,
            self._weights,
            vocabulary,
            aligned_zeros((1, self._state_size), self.dtype),
            self._stack,
            sum(
                math.prod(shape)
                for name, shape in self._shapes.items()
                if name[0] == "w" and name != "wxh"
            ),
            prime,
            self._sample_rng if rng is None else generator(rng),
            SamplingOptions(temperature, top_k, top_p),
        )
