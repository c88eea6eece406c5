"""Sampling of text from a character RNN, one or many characters at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from types import ModuleType

import numpy as np

from nncore.char_rnn.text import Vocabulary
from nncore.checks import number
from nncore.params import Array

# Work of one call, about 10 ms, and of a draw for each character of the vocabulary, without and
# with sorting; in multiplications of a state by a weight.
PART_WORK = 1 << 26
DRAW_WORK, SORT_WORK = 200, 2000


@dataclass(frozen=True)
class SamplingOptions:
    """How the next character is drawn from the network's probabilities; see `CharRNN.sample`."""

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
        prime: str | bytes,
        rng: np.random.Generator,
        options: SamplingOptions,
    ) -> None:
        self.ops = ops
        self.weights = weights
        self.vocabulary = vocabulary
        self.h = h  # (1, H), updated by every character
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
        self.ops.char_rnn_evaluate(self.weights, ids, self.h, vocabulary=self.vocabulary.size)
        return int(ids[-1])

    def draw(self, n: int) -> Array:
        """Return the next n ids, drawn in parts between which Ctrl-C works."""
        parts = [self._draw(min(self.most, n - start)) for start in range(0, n, self.most)]
        return np.concatenate(parts)

    def _work(self, options: SamplingOptions) -> int:
        """Return the work of one draw, in multiplications."""
        hidden, size = self.h.size, self.vocabulary.size
        return hidden * (hidden + size) + size * (SORT_WORK if options.sorts else DRAW_WORK)

    def _draw(self, n: int) -> Array:
        """Return the next n ids, drawn in one call."""
        ids: Array = self.ops.char_rnn_sample(
            self.weights,
            self.h,
            self.last,
            self.rng.random(n),
            vocabulary=self.vocabulary.size,
            **self.settings,
        )
        self.last = int(ids[-1]) if n else self.last
        return ids

    def __iter__(self) -> Iterator[Array]:
        while True:
            yield self.draw(1)
