"""The arrays of a character RNN and its evaluation, the base of all its other parts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt

from nncore.arguments.char_rnn_train_call import CharRNNTrainCall
from nncore.char_rnn import initial_weights
from nncore.char_rnn.history import CharRNNRunState, History
from nncore.char_rnn.settings import DEFAULT_SCHEDULE, CharRNNSettings, WeightInit
from nncore.char_rnn.text import Vocabulary, VocabularyKind
from nncore.char_rnn.text_sources import TextSource
from nncore.guards import exclusive
from nncore.model import Backend
from nncore.optimizers import Optimizer
from nncore.params import Array, aligned_zeros, char_rnn_shapes, flat_size, views
from nncore.randomness import generator_from, generator_state, jumped, streams
from nncore.registry import OPTIMIZER_SLOTS
from nncore.schedules import Schedule

if TYPE_CHECKING:
    from nncore.randomness import Seed


@dataclass(frozen=True)
class Evaluation:
    """Result of `CharRNN.evaluate`, which predicts each character from all characters before it.

    Attributes
    ----------
    characters : int
        Number of predicted characters: all but the first.
    nats_per_char : float
        Mean of -ln p(next character).
    skipped : int
        Number of characters outside the vocabulary that were left out of the text.
    """

    characters: int
    nats_per_char: float
    skipped: int = 0

    @property
    def bits_per_char(self) -> float:
        """Mean of -log2 p(next character)."""
        return self.nats_per_char / math.log(2)

    @property
    def perplexity(self) -> float:
        """exp(nats_per_char): the number of equally likely characters with the same uncertainty."""
        return math.exp(min(self.nats_per_char, 700.0))


class CharRNNState(CharRNNSettings):
    """A character RNN without the training, sampling and files that `CharRNN` adds."""

    def __init__(
        self,
        hidden_size: int = 128,
        seq_length: int = 64,
        batch_size: int = 32,
        optimizer: Optimizer | None = None,
        *,
        cell: str = "gru",
        layers: int = 1,
        dropout: float = 0.0,
        schedule: Schedule = DEFAULT_SCHEDULE,
        clip: float | None = None,
        clip_norm: float | None = 1.0,
        weight_init: WeightInit = "scaled",
        vocabulary: Vocabulary | VocabularyKind = "characters",
        dtype: npt.DTypeLike = "float32",
        backend: Backend = "compiled",
        rng: Seed = None,
    ) -> None:
        super().__init__(
            hidden_size,
            seq_length,
            batch_size,
            optimizer,
            cell,
            layers,
            dropout,
            schedule,
            clip,
            clip_norm,
            weight_init,
            vocabulary,
            dtype,
            backend,
        )
        self.history = History(self.seq_length)
        self._run: CharRNNRunState | None = None  # the last run of fit
        self._init_rng, self._sample_rng = streams(rng, 2)
        # From another stream of the same seed: a third draw would change what a Generator that is
        # passed as rng gives next.
        self._hash_seed = int(jumped(self._init_rng).integers(2**63))  # of dropout
        self._vocabulary: Vocabulary | None = None
        if vocabulary != "characters":
            self.build(vocabulary if isinstance(vocabulary, Vocabulary) else Vocabulary.of_bytes())

    def __repr__(self) -> str:
        size = "no vocabulary yet" if self._vocabulary is None else f"V={self._vocabulary.size}"
        plain = (self.cell, self.layers) == ("tanh", 1)
        stack = (
            f"H={self.hidden_size}" if plain else f"{self.cell} {self.layers}x{self.hidden_size}"
        )
        return (
            f"<CharRNN {stack} T={self.seq_length} N={self.batch_size}, {size}, "
            f"{self.optimizer}, {self.history.iterations} updates>"
        )

    # --- parameters ---------------------------------------------------------------

    @exclusive
    def build(self, source: Vocabulary | TextSource) -> Self:
        """Set the vocabulary and draw the initial weights, as the first call of `fit` does.

        Parameters
        ----------
        source : Vocabulary or text
            A vocabulary, or a text, as for `fit`, whose characters become the vocabulary.

        Returns
        -------
        CharRNN
            This network.

        Raises
        ------
        ValueError
            If the network is already built, or the text is empty.
        RuntimeError
            If another thread is fitting, saving or copying the network, or in a callback of this
            network's `fit`.
        """
        self._build(source if isinstance(source, Vocabulary) else Vocabulary.of(source))
        return self

    def _build(self, vocabulary: Vocabulary, weights: Array | float | None = None) -> None:
        """Allocate all arrays; set the weights, or draw them if there are none."""
        if self._vocabulary is not None:
            raise ValueError("the network is already built; make a new one for another vocabulary")
        self._shapes = char_rnn_shapes(vocabulary.size, self.hidden_size, **self._stack)
        self._weights = aligned_zeros(flat_size(self._shapes), self.dtype)
        self._gradient = aligned_zeros(self._weights.size, self.dtype)
        state_vectors = OPTIMIZER_SLOTS[self.optimizer.rule().kind]
        self._slots = aligned_zeros((state_vectors, self._weights.size), self.dtype)
        self._counters = np.zeros(2, np.int64)  # updates so far, position in the streams
        self._state = aligned_zeros((self.batch_size, self._state_size), self.dtype)
        self._state_vectors = state_vectors
        if weights is None:
            rng = generator_from(generator_state(self._init_rng))  # a copy: the same if drawn again
            parameters = views(self._weights, self._shapes)
            initial_weights.draw(parameters, self.cell, self.weight_init, rng)
        else:
            self._weights[...] = weights
        self._vocabulary = vocabulary  # last: after MemoryError or Ctrl-C the network is not built

    @property
    def finished(self) -> bool:
        """Whether the last run of `fit` was finished, so that there is nothing to resume."""
        return self._run is None or self._run.ended

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary of the network; ValueError before the first `fit` or `build`."""
        if self._vocabulary is None:
            raise ValueError("the network has no vocabulary yet: call fit or build first")
        return self._vocabulary

    @property
    def parameters(self) -> dict[str, Array]:
        """Writable views of the parameters, by name.

        These are wxh (V, GH), whh (H, GH), why (H, V), bh (GH,) and by (V,), where G is the number
        of gates of the cell: 1 for "tanh", 4 for "lstm", 3 for "gru". A GRU also has bn (H,). The
        layers after the first have wxh2 (H, GH), whh2, bh2, bn2, and so on.

        Change the arrays in place. The dict is a new one each time; replacing an entry of it has
        no effect on the network.
        """
        self.vocabulary  # noqa: B018  # raises if there are no parameters yet
        return views(self._weights, self._shapes)

    def _train(self, ids: Array, rates: Array, losses: Array) -> int:
        """Make len(losses) updates, or fewer if one diverges, and return how many."""
        call = CharRNNTrainCall(
            weights=self._weights,
            gradient=self._gradient,
            slots=self._slots,
            text=ids,
            counters=self._counters,
            h=self._state,
            rates=rates,
            losses=losses,
            vocabulary=self.vocabulary.size,
            seq_length=self.seq_length,
            optimizer=self.optimizer.rule(),
            clip_value=self.clip or 0.0,
            clip_norm=self.clip_norm or 0.0,
            **self._stack,
            dropout=self.dropout,
            seed=self._hash_seed,
        )
        return call.run(self._ops)

    def _evaluate(self, ids: Array, skipped: int = 0) -> Evaluation:
        """Evaluate the network on ids, of a text without `skipped` characters."""
        h = aligned_zeros((1, self._state_size), self.dtype)
        size = self.vocabulary.size
        nats = self._ops.char_rnn_evaluate(self._weights, ids, h, vocabulary=size, **self._stack)
        return Evaluation(len(ids) - 1, nats / (len(ids) - 1), skipped)
