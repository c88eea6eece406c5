"""A recurrent network that reads text a character at a time and learns what comes next.

The network, its loss and its training loop are those of Karpathy's min-char-rnn (2015);
`CharRNN.min_char_rnn()` is exactly that program, and `CharRNN()` has better defaults,
several streams of text, held-out text, schedules and more ways to sample.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore.char_rnn.run import CharRNNRun
from nncore.char_rnn.sampling import CharRNNSampler, Drawing
from nncore.char_rnn.state import CharRNNState
from nncore.char_rnn.text import read_text
from nncore.char_rnn.text_sources import TextSource, text_name
from nncore.checks import LARGEST, functions, number, one_of, positive_int
from nncore.guards import exclusive, shared
from nncore.model import BACKENDS, Backend
from nncore.optimizers import Adagrad
from nncore.params import Array, aligned_zeros
from nncore.randomness import generator
from nncore.schedules import Constant
from nncore.training import Callback, Checkpoints, History

if TYPE_CHECKING:
    from nncore.randomness import Seed


class CharRNN(CharRNNState):
    """A character-level recurrent network.

    Networks train in parallel in threads, and any number of threads may sample from one network
    and evaluate it, also while it is trained (by the parameters of that moment, which may be
    amid an update). While a thread is at `fit`, RuntimeError meets other threads that fit,
    build, save, copy or pickle the network; callbacks may save, copy and pickle it. Copies and
    pickles hold all there is, go on with the same bits and share nothing. A pickle is as safe
    as whoever made it; `load` trusts no file. Of the settings, `optimizer`, `schedule`, `clip`
    and `clip_norm` can be set between runs of `fit`.

    Parameters
    ----------
    hidden_size : units of the recurrent layer (H).
    seq_length : time steps of a window, over which gradients flow back (T).
    batch_size : parallel streams that the text is cut into (N); their gradients are averaged.
    optimizer : an object of `nncore.optimizers`; None: Adam with a step size of 1 / hidden_size,
        at most 0.01.
    schedule : factor on the optimizer's learning rate during a run of `fit`, as
        schedule(step, total); see `nncore.schedules`.
    clip, clip_norm : limit of each gradient's size, and of their common Euclidean norm; None:
        no limit.
    weight_init : "scaled" draws inputs of unit size and an orthogonal recurrent matrix,
        "small" 0.01 times normal numbers, as min-char-rnn does.
    vocabulary : "characters" (taken from the first text), "bytes", or a `Vocabulary`.
    dtype : "float32" or "float64".
    backend : "compiled", or "numpy" for the same trainer in plain NumPy.
    rng : seed (int, SeedSequence, Generator) of initial weights and of sampling; None: from the
        system. The same seed gives the same bits.
    """

    @classmethod
    def min_char_rnn(cls, **overrides: Any) -> CharRNN:
        """Karpathy's min-char-rnn, exactly: keyword arguments override its settings.

        One stream, 100 units, windows of 25, Adagrad 0.1, gradients clipped to +-5, weights of
        0.01 times normal numbers, the state reset where the text begins again.
        """
        settings: dict[str, Any] = {
            "hidden_size": 100,
            "seq_length": 25,
            "batch_size": 1,
            "optimizer": Adagrad(0.1),
            "schedule": Constant(),
            "clip": 5.0,
            "clip_norm": None,
            "weight_init": "small",
        }
        return cls(**{**settings, **overrides})

    @exclusive
    def start_from(self, path: str | os.PathLike[str]) -> CharRNN:
        """Begin with the vocabulary and the weights of a model file; returns itself.

        Nothing else of the file is taken: optimizer state, history and position begin anew.
        `load` and fit(resume=True) go on with everything. Raises ValueError if this network has
        weights already or is of another size, CheckpointError for a bad file.
        """
        other = type(self).load(path)
        if other.hidden_size != self.hidden_size:
            raise ValueError(
                f"the model in {os.fspath(path)} has {other.hidden_size} units, this network "
                f"{self.hidden_size}"
            )
        self._build(other.vocabulary, draw=False)
        for name, array in self.parameters.items():
            array[...] = other.parameters[name]
        return self

    # --- training -----------------------------------------------------------------

    @exclusive
    def fit(
        self,
        text: TextSource,
        epochs: float = 1,
        *,
        iterations: int | None = None,
        validation_fraction: float = 0.0,
        callbacks: Sequence[Callback] = (),
        progress: bool = False,
        resume: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: float = 60.0,
    ) -> History:
        """Train on a text, `epochs` times through it, or for `iterations` updates where given.

        text: a string, bytes, a `pathlib.Path` or several, or an open file. The last
        validation_fraction of it is held out, and measured after every epoch. Called again,
        training goes on from where it is, in the same text at the same position. resume=True
        finishes a run that was broken off, its schedule included; epochs and iterations are then
        those of that run.

        checkpoint: a file that everything is saved to every checkpoint_every seconds, at the end
        and at Ctrl-C, replacing the one before only when all is written; a network loaded from it
        finishes the run by resume=True with the same bits as if it had not been broken off.

        callbacks are called a few dozen times a second with a `TrainingEvent`; one that returns
        True ends the run. Ctrl-C ends it between two updates, with KeyboardInterrupt; the network
        stays usable. Returns the network's history.

        Raises ValueError for a text that is too short or has characters that the vocabulary lacks,
        and for parameters that are NaN or infinite, and `DivergenceError`, with the last good
        parameters put back, when training diverges. RuntimeError while another thread fits, saves
        or copies the network, and in a callback of its own `fit`.
        """
        callbacks = functions("callbacks", callbacks)
        checkpoints = Checkpoints(checkpoint, checkpoint_every)
        if resume and self.finished:
            raise ValueError("there is no run to resume: the last one was finished")
        epochs, iterations = self._checked_length(epochs, iterations)
        train, held_out = self._encode(text, number("validation_fraction", validation_fraction))
        epoch_length = self._epoch_length(len(train))
        self._check_parameters()
        if not resume:
            planned = max(1, round(min(epochs * epoch_length, float(LARGEST))))
            self._run[:] = self._counters[0], iterations or planned
        elif self._done() and self._mark(train) != self._text_mark:
            raise ValueError(
                "resume=True finishes the run that was broken off: text and validation_fraction "
                "must be those that it began with"
            )
        self._go_to(train)
        CharRNNRun(self, train, held_out, epoch_length, callbacks, progress, checkpoints).run()
        return self.history

    @staticmethod
    def _checked_length(epochs: float, iterations: int | None) -> tuple[float, int | None]:
        """How long to train; iterations count where they are given."""
        if iterations is not None:
            return 1.0, positive_int("iterations", iterations)
        epochs = number("epochs", epochs)
        if not 0 < epochs < math.inf:
            raise ValueError(f"epochs must be above 0 and finite, got {epochs}")
        return epochs, None

    def _encode(self, text: TextSource, validation_fraction: float) -> tuple[Array, Array]:
        """Ids to train on and ids held out; the first text gives the vocabulary."""
        if not 0 <= validation_fraction < 1:
            raise ValueError(f"validation_fraction must be in [0, 1), got {validation_fraction}")
        ids, vocabulary = read_text(text, self._vocabulary or self._asked_vocabulary)
        if vocabulary.size < 2:
            raise ValueError(
                f"{text_name(text)} has the single character {vocabulary.characters!r}: "
                f"nothing to learn"
            )
        train, held_out = np.split(ids, [len(ids) - int(len(ids) * validation_fraction)])
        needed = self.batch_size * (self.seq_length + 1)
        if len(train) < needed:
            raise ValueError(
                f"{text_name(text)} has {len(train)} characters to train on; {self.batch_size} "
                f"stream(s) of windows of {self.seq_length} need at least {needed}: give more "
                f"text, or a smaller batch_size or seq_length"
            )
        if validation_fraction and len(held_out) < 2:
            raise ValueError(
                f"validation_fraction of {validation_fraction} leaves {len(held_out)} of "
                f"{len(ids)} characters to measure on; wanted at least 2"
            )
        if self._vocabulary is None:
            self._build(vocabulary)
        return train, held_out

    def _epoch_length(self, characters: int) -> int:
        """Windows from the beginning of a text until it begins again."""
        length = characters // self.batch_size
        return max(1, -(-(length - self.seq_length - 1) // self.seq_length))

    @staticmethod
    def _mark(ids: Array) -> list[int]:
        """Numbers that tell whether a text is the same."""
        sample = ids[:: max(1, len(ids) // 4096)].astype(np.int64)
        return [len(ids), int(np.dot(sample, np.arange(1, len(sample) + 1)))]

    def _go_to(self, ids: Array) -> None:
        """Stay where training stopped if this is the same text, else begin at its start."""
        mark = self._mark(ids)
        if mark != self._text_mark:
            self._counters[1] = 0
            self._state[...] = 0
            self._text_mark = mark  # last: Ctrl-C before it makes the next fit do this again

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
        """Text of `length` characters as the network would go on after `prime`.

        temperature divides the logits: below 1 is more cautious, 0 always takes the likeliest.
        Only the top_k likeliest characters (0: all), and of these the fewest that together hold
        top_p of the probability, are drawn from. rng seeds this sample alone; None goes on with
        the network's own numbers. Returns a string (without the prime), or bytes with a
        vocabulary of bytes. Raises ValueError listing characters of `prime` that the
        vocabulary lacks.
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
        """Like `sample`, but a generator that yields one character after another, for ever."""
        sampler = self._sampler(prime, rng, temperature, top_k, top_p)
        return map(self.vocabulary.decode, sampler)

    def _sampler(
        self, prime: str | bytes, rng: Seed, temperature: float, top_k: int, top_p: float
    ) -> CharRNNSampler:
        vocabulary = self.vocabulary  # first: it raises where there are no weights yet
        return CharRNNSampler(
            self._ops,
            self._weights,
            vocabulary,
            aligned_zeros((1, self.hidden_size), self.dtype),
            prime,
            self._sample_rng if rng is None else generator(rng),
            Drawing(temperature, top_k, top_p),
        )

    # --- files --------------------------------------------------------------------

    @shared
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to one safetensors file: the network, and what `fit` needs to go on.

        The old file is replaced when all is on the disk. Raises OSError with the file's name where
        it cannot be written, ValueError for weights that are NaN or infinite; the old file stays.
        """
        from nncore.char_rnn import file as char_rnn_file

        char_rnn_file.save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, backend: Backend = "compiled") -> CharRNN:
        """The network that `save` wrote, ready to sample, or to train on with the same bits.

        A schedule that was a function of your own is not in the file; set `schedule` again.
        Raises `CheckpointError` for a file that is damaged or of another kind.
        """
        from nncore.char_rnn import file as char_rnn_file

        one_of("backend", backend, tuple(BACKENDS))
        return char_rnn_file.load(cls, path, backend)
