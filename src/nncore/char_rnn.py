"""A recurrent network that reads text a character at a time and learns what comes next.

The network, its loss and its training loop are those of Karpathy's min-char-rnn (2015);
`CharRNN.min_char_rnn()` is exactly that program, and `CharRNN()` has better defaults,
several streams of text, held-out text, schedules and more ways to sample.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType, ModuleType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nncore import arguments, checkpoint, kernels, reference
from nncore.data import TextSource, Vocabulary, VocabularyKind, read_text
from nncore.errors import CheckpointError, DivergenceError
from nncore.optimizers import Adagrad, Adam, Optimizer, optimizer_from
from nncore.params import Array, aligned_zeros, char_rnn_shapes, flat_size, views
from nncore.randomness import Seed, generator, generator_from, generator_state, streams
from nncore.schedules import Constant, CosineDecay, Schedule, schedule_from, schedule_settings
from nncore.training import (
    Callback,
    CallLength,
    Growing,
    History,
    LastGood,
    TrainingEvent,
    progress_bar,
    smoothed,
)

Backend = Literal["compiled", "numpy"]
WeightInit = Literal["scaled", "small"]
BACKENDS: dict[str, ModuleType] = {"compiled": kernels, "numpy": reference}
DIVERGED = 4.0  # a smoothed loss this many times that of blind guessing has run away


@dataclass(frozen=True)
class Evaluation:
    """How well a network predicts a text: each character after the first, from all before it."""

    characters: int
    nats_per_char: float

    @property
    def bits_per_char(self) -> float:
        """Mean of -log2 p(next character)."""
        return self.nats_per_char / math.log(2)

    @property
    def perplexity(self) -> float:
        """exp of the mean loss: among how many equally likely characters it hesitates."""
        return math.exp(min(self.nats_per_char, 700.0))


def _positive_int(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, got {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return int(value)


def _limit(name: str, value: float | None) -> float:
    """A clipping limit as the kernels take it: 0 for none."""
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a positive number or None, got {type(value).__name__}")
    if not value > 0:
        raise ValueError(f"{name} must be a positive number or None, got {value}")
    return float(value)


def _one_of(name: str, value: Any, choices: Sequence[str]) -> Any:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
    return value


class CharRNN:
    """A character-level recurrent network.

    Parameters
    ----------
    hidden_size : units of the recurrent layer (H).
    seq_length : time steps of a window, over which gradients flow back (T).
    batch_size : parallel streams that the text is cut into (N); their gradients are averaged.
    optimizer : an object of `nncore.optimizers`.
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

    def __init__(
        self,
        hidden_size: int = 128,
        seq_length: int = 50,
        batch_size: int = 8,
        optimizer: Optimizer = Adam(0.004),  # noqa: B008  # immutable
        *,
        schedule: Schedule = CosineDecay(final=0.05),  # noqa: B008  # immutable
        clip: float | None = None,
        clip_norm: float | None = 5.0,
        weight_init: WeightInit = "scaled",
        vocabulary: Vocabulary | VocabularyKind = "characters",
        dtype: npt.DTypeLike = "float32",
        backend: Backend = "compiled",
        rng: Seed = None,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"optimizer must be an nncore optimizer such as nncore.Adam(), "
                f"got {type(optimizer).__name__}"
            )
        if not callable(schedule):
            raise TypeError(f"schedule must be callable, got {type(schedule).__name__}")
        self.hidden_size = _positive_int("hidden_size", hidden_size)
        self.seq_length = _positive_int("seq_length", seq_length)
        self.batch_size = _positive_int("batch_size", batch_size)
        self.optimizer = optimizer
        self.schedule = schedule
        self.clip = clip
        self.clip_norm = clip_norm
        self._limits = {
            "clip_value": _limit("clip", clip),
            "clip_norm": _limit("clip_norm", clip_norm),
        }
        self.weight_init: WeightInit = _one_of("weight_init", weight_init, ("scaled", "small"))
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64, got {self.dtype}")
        self.backend: Backend = _one_of("backend", backend, tuple(BACKENDS))
        self.history = History(self.seq_length)
        self._ops = BACKENDS[self.backend]
        self._init_rng, self._sample_rng = streams(rng, 2)
        self._asked_vocabulary = vocabulary
        self._vocabulary: Vocabulary | None = None
        if isinstance(vocabulary, Vocabulary) or vocabulary == "bytes":
            self.build(vocabulary if isinstance(vocabulary, Vocabulary) else Vocabulary.bytes())
        else:
            _one_of("vocabulary", vocabulary, ("characters", "bytes"))

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

    def __repr__(self) -> str:
        size = "no vocabulary yet" if self._vocabulary is None else f"V={self._vocabulary.size}"
        return (
            f"<CharRNN H={self.hidden_size} T={self.seq_length} N={self.batch_size}, {size}, "
            f"{self.optimizer}, {self.history.iterations} updates>"
        )

    # --- parameters ---------------------------------------------------------------

    def build(self, source: Vocabulary | TextSource) -> CharRNN:
        """Fix the vocabulary (or take it from a text) and draw initial weights; returns itself.

        `fit` does this by itself at its first call.
        """
        if self._vocabulary is not None:
            raise ValueError("the network is built already; make a new one for another vocabulary")
        vocabulary = source if isinstance(source, Vocabulary) else Vocabulary.of(source)
        self._shapes = char_rnn_shapes(vocabulary.size, self.hidden_size)
        self._weights = aligned_zeros(flat_size(self._shapes), self.dtype)
        self._gradient = aligned_zeros(self._weights.size, self.dtype)
        slots = arguments.OPTIMIZERS[self.optimizer.rule().kind]
        self._slots = aligned_zeros((slots, self._weights.size), self.dtype)
        self._counters = np.zeros(2, np.int64)  # updates so far, position in the streams
        self._state = aligned_zeros((self.batch_size, self.hidden_size), self.dtype)
        self._run = np.zeros(2, np.int64)  # the last run: updates before it, updates planned
        self._text_mark: list[int] = []
        self._vocabulary = vocabulary
        self._draw_weights()
        return self

    def _draw_weights(self) -> None:
        rng, parameters = self._init_rng, self.parameters
        for name in ("wxh", "whh", "why"):
            normal = rng.standard_normal(parameters[name].shape)
            if self.weight_init == "small":
                parameters[name][...] = 0.01 * normal
            elif name == "whh":
                parameters[name][...] = np.linalg.qr(normal)[0]
            elif name == "wxh":
                parameters[name][...] = 0.5 * normal
            else:
                parameters[name][...] = normal / math.sqrt(self.hidden_size)

    def _built(self) -> Vocabulary:
        if self._vocabulary is None:
            raise ValueError("the network has no vocabulary yet: fit it, or build(text) it")
        return self._vocabulary

    @property
    def vocabulary(self) -> Vocabulary:
        """The characters that the network knows."""
        return self._built()

    @property
    def parameters(self) -> Mapping[str, Array]:
        """Writable views: wxh (V, H), whh (H, H), why (H, V), bh (H,), by (V,)."""
        self._built()
        return MappingProxyType(views(self._weights, self._shapes))

    # --- training -----------------------------------------------------------------

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
    ) -> History:
        """Train on a text, `epochs` times through it or for `iterations` updates.

        text: a string, a `pathlib.Path` or several, or an open file. The last
        validation_fraction of it is held out, and measured after every epoch. Called again,
        training goes on from where it is, in the same text at the same position. resume=True
        finishes a run that was broken off, its schedule included; epochs and iterations are then
        those of that run.

        callbacks are called every few milliseconds with a `TrainingEvent`; one that returns True
        ends the run. Ctrl-C ends it between two updates, with KeyboardInterrupt; the network
        stays usable. Returns the network's history.

        Raises ValueError for a text that is too short or has characters that the vocabulary
        lacks, and `DivergenceError`, with the last good parameters put back, when training
        diverges.
        """
        train, held_out = self._encode(text, validation_fraction)
        epoch_length = self._epoch_length(train)
        if not resume:
            self._run[:] = self._counters[0], self._planned(epochs, iterations, epoch_length)
        elif not self._done() < self._run[1]:
            raise ValueError("there is no run to resume: the last one was finished")
        self._go_to(train)
        Loop(self, train, held_out, epoch_length, callbacks, progress).run()
        return self.history

    @staticmethod
    def _planned(epochs: float, iterations: int | None, epoch_length: int) -> int:
        if iterations is not None:
            return _positive_int("iterations", iterations)
        if isinstance(epochs, bool) or not isinstance(epochs, int | float):
            raise TypeError(f"epochs must be a number, got {type(epochs).__name__}")
        if not 0 < epochs < math.inf:
            raise ValueError(f"epochs must be above 0, got {epochs}")
        return max(1, round(epochs * epoch_length))

    def _encode(self, text: TextSource, validation_fraction: float) -> tuple[Array, Array]:
        """Ids to train on and ids held out; the first text gives the vocabulary."""
        if not 0 <= validation_fraction < 1:
            raise ValueError(f"validation_fraction must be in [0, 1), got {validation_fraction}")
        ids, vocabulary = read_text(text, self._vocabulary or self._asked_vocabulary)
        if vocabulary.size < 2:
            raise ValueError(
                f"text has the single character {vocabulary.characters!r}: nothing to learn"
            )
        train, held_out = np.split(ids, [len(ids) - int(len(ids) * validation_fraction)])
        needed = self.batch_size * (self.seq_length + 1)
        if len(train) < needed:
            raise ValueError(
                f"text has {len(train)} characters to train on; {self.batch_size} stream(s) of "
                f"windows of {self.seq_length} need at least {needed}: give more text, or a "
                f"smaller batch_size or seq_length"
            )
        if validation_fraction and len(held_out) < 2:
            raise ValueError(
                f"validation_fraction of {validation_fraction} leaves {len(held_out)} of "
                f"{len(ids)} characters to measure on; wanted at least 2"
            )
        if self._vocabulary is None:
            self.build(vocabulary)
        return train, held_out

    def _done(self) -> int:
        """Updates of the last run that were made."""
        return int(self._counters[0] - self._run[0])

    def _epoch_length(self, ids: Array) -> int:
        """Windows from the beginning of the text until it begins again."""
        length = len(ids) // self.batch_size
        return max(1, -(-(length - self.seq_length - 1) // self.seq_length))

    def _go_to(self, ids: Array) -> None:
        """Stay where training stopped if this is the same text, else begin at its start."""
        sample = ids[:: max(1, len(ids) // 4096)].astype(np.int64)
        mark = [len(ids), int(np.dot(sample, np.arange(1, len(sample) + 1)))]
        if mark != self._text_mark:
            self._text_mark = mark
            self._counters[1] = 0
            self._state[...] = 0

    def _train(self, ids: Array, rates: Array, losses: Array) -> int:
        """One call of the backend: len(losses) updates, or fewer if one diverges."""
        done: int = self._ops.char_rnn_train(
            self._weights,
            self._gradient,
            self._slots,
            ids,
            self._counters,
            self._state,
            rates,
            losses,
            vocabulary=self._built().size,
            seq_length=self.seq_length,
            optimizer=self.optimizer.rule(),
            **self._limits,
        )
        return done

    # --- use ----------------------------------------------------------------------

    def evaluate(self, text: TextSource) -> Evaluation:
        """How well the network predicts a text, from a zero state on; nothing is changed."""
        ids = self._built().encode(text)
        if len(ids) < 2:
            raise ValueError(f"text has {len(ids)} character(s), wanted at least 2")
        return self._evaluate(ids)

    def _evaluate(self, ids: Array) -> Evaluation:
        h = aligned_zeros((1, self.hidden_size), self.dtype)
        nats = self._ops.char_rnn_evaluate(self._weights, ids, h, vocabulary=self._built().size)
        return Evaluation(len(ids) - 1, nats / (len(ids) - 1))

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
        _positive_int("length", length)
        draw = self._drawing(prime, temperature, top_k, top_p, rng)
        return self._built().decode(draw(length))

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
        draw = self._drawing(prime, temperature, top_k, top_p, rng)
        decode = self._built().decode
        return (decode(draw(1)) for _ in iter(int, 1))

    def _drawing(
        self, prime: str | bytes, temperature: float, top_k: int, top_p: float, rng: Seed
    ) -> Any:
        """A function that draws the next n ids; arguments are checked before it is used."""
        vocabulary = self._built()
        numbers = self._sample_rng if rng is None else generator(rng)
        h = aligned_zeros((1, self.hidden_size), self.dtype)
        last = self._read_prime(prime, h, numbers)
        settings: dict[str, Any] = {
            "vocabulary": vocabulary.size,
            "temperature": float(temperature),
            "top_k": top_k,
            "top_p": float(top_p),
        }
        self._ops.char_rnn_sample(self._weights, h, last, np.empty(0), **settings)

        def draw(n: int) -> Array:
            nonlocal last
            ids: Array = self._ops.char_rnn_sample(
                self._weights, h, last, numbers.random(n), **settings
            )
            last = int(ids[-1])
            return ids

        return draw

    def _read_prime(self, prime: str | bytes, h: Array, numbers: np.random.Generator) -> int:
        """Move the state through all of the prime but its last character, and return that."""
        if not isinstance(prime, str | bytes):
            raise TypeError(f"prime must be a string, got {type(prime).__name__}")
        vocabulary = self._built()
        ids = vocabulary.encode(prime, "prime")
        if not len(ids):  # begin as after a line break, where there is one
            newline = vocabulary.characters.find("\n")
            return newline if newline >= 0 else int(numbers.integers(vocabulary.size))
        self._ops.char_rnn_evaluate(self._weights, ids, h, vocabulary=vocabulary.size)
        return int(ids[-1])

    # --- files --------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to one safetensors file: the network, and what `fit` needs to go on."""
        vocabulary = self._built()
        arrays = {f"parameters.{name}": array for name, array in self.parameters.items()}
        for i, slot in enumerate(self._slots):
            for name, array in views(slot, self._shapes).items():
                arrays[f"optimizer.{i}.{name}"] = array
        arrays |= {"state": self._state, "counters": self._counters, "run": self._run}
        history = self.history
        arrays |= {
            "history.loss": history.loss,
            "history.smooth_loss": history.smooth_loss,
            "history.validation_iteration": history.validation_iteration,
            "history.validation_bits_per_char": history.validation_bits_per_char,
        }
        header = {
            "settings": self._settings(),
            "vocabulary": vocabulary.characters,
            "vocabulary_kind": vocabulary.kind,
            "text_mark": self._text_mark,
            "seconds": history.seconds,
            "sample_rng": generator_state(self._sample_rng),
        }
        checkpoint.save(path, "CharRNN", arrays, header)

    def _settings(self) -> dict[str, Any]:
        return {
            "hidden_size": self.hidden_size,
            "seq_length": self.seq_length,
            "batch_size": self.batch_size,
            "optimizer": self.optimizer.settings(),
            "schedule": schedule_settings(self.schedule),
            "clip": self.clip,
            "clip_norm": self.clip_norm,
            "weight_init": self.weight_init,
            "dtype": self.dtype.name,
        }

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, backend: Backend = "compiled") -> CharRNN:
        """The network that `save` wrote, ready to sample, or to train on with the same bits.

        A schedule that was a function of your own is not in the file; set `schedule` again.
        Raises `CheckpointError` for a file that is damaged or of another kind.
        """
        with checkpoint.reader(path, "CharRNN") as file:
            try:
                model = cls._from_settings(file, backend)
            except (TypeError, ValueError, KeyError, OverflowError, MemoryError) as error:
                raise CheckpointError(f"{file.path} has damaged settings: {error}") from None
            model._read_arrays(file)
        return model

    @classmethod
    def _from_settings(cls, file: checkpoint.Reader, backend: Backend) -> CharRNN:
        settings = dict(file.field("settings", dict))
        settings["optimizer"] = optimizer_from(settings["optimizer"])
        schedule = settings["schedule"]
        settings["schedule"] = Constant() if schedule is None else schedule_from(schedule)
        kind = file.field("vocabulary_kind", str)
        vocabulary = Vocabulary.bytes() if kind == "bytes" else Vocabulary(file.header["vocabulary"])
        # Before anything of that size is allocated:
        shapes = char_rnn_shapes(vocabulary.size, _positive_int("hidden_size", settings["hidden_size"]))
        for name, shape in shapes.items():
            file.check(f"parameters.{name}", shape, np.dtype(settings["dtype"]))
        file.check("state", (settings["batch_size"], settings["hidden_size"]), np.dtype(settings["dtype"]))
        model = cls(**settings, vocabulary=vocabulary, backend=backend, rng=0)
        model._sample_rng = generator_from(file.field("sample_rng", dict))
        model._text_mark = [int(number) for number in file.field("text_mark", list)]
        return model

    def _read_arrays(self, file: checkpoint.Reader) -> None:
        for name, array in self.parameters.items():
            array[...] = file.array(f"parameters.{name}", array.shape, self.dtype)
        for i, slot in enumerate(self._slots):
            for name, array in views(slot, self._shapes).items():
                array[...] = file.array(f"optimizer.{i}.{name}", array.shape, self.dtype)
        self._state[...] = file.array("state", self._state.shape, self.dtype)
        integers, floats = np.dtype(np.int64), np.dtype(np.float64)
        self._counters[...] = file.array("counters", (2,), integers)
        self._run[...] = file.array("run", (2,), integers)
        if (self._counters < 0).any():
            raise CheckpointError(f"{file.path}: counters are negative")
        history = self.history
        history.loss = file.array("history.loss", (None,), floats)
        history.smooth_loss = file.array("history.smooth_loss", history.loss.shape, floats)
        at = file.array("history.validation_iteration", (None,), integers)
        history.validation_iteration = at
        history.validation_bits_per_char = file.array(
            "history.validation_bits_per_char", at.shape, floats
        )
        history.seconds = float(file.field("seconds", (int, float)))


class Loop:
    """One run of `CharRNN.fit`: compiled calls of a few milliseconds, and what stands between."""

    def __init__(
        self,
        model: CharRNN,
        train: Array,
        held_out: Array,
        epoch_length: int,
        callbacks: Sequence[Callback],
        progress: bool,
    ) -> None:
        self.model = model
        self.train = train
        self.held_out = held_out
        self.epoch_length = epoch_length
        self.callbacks = callbacks
        self.progress = progress
        self.window = model.batch_size * model.seq_length  # characters of one update
        self.guess = math.log(model.vocabulary.size) * model.seq_length
        self.keep = 0.999 ** (self.window / 25)  # min-char-rnn's 0.999 for its 25 characters
        history = model.history
        self.losses = Growing(history.loss)
        self.smooth = Growing(history.smooth_loss)
        self.smooth_loss = float(history.smooth_loss[-1]) if history.iterations else self.guess
        self.good = LastGood(
            [model._weights, model._slots, model._state, model._counters]
        )

    def run(self) -> None:
        planned = int(self.model._run[1])
        call = CallLength()
        stop = False
        with progress_bar(self.progress, (planned - self.model._done()) * self.window) as bar:
            try:
                while not stop and (first := self.model._done()) < planned:
                    seconds = self._call(call, first, planned)
                    self._note(seconds)
                    stop = self._report(self.model._done() - first, seconds, bar)
            finally:
                self._publish()

    def _call(self, call: CallLength, first: int, planned: int) -> float:
        """One compiled call, which ends where the epoch does; the seconds it took."""
        model = self.model
        n = min(call.updates, self.epoch_length - first % self.epoch_length, planned - first)
        rates = [model.schedule(step, planned) for step in range(first, first + n)]
        losses = np.empty(n)
        self.good.mark()
        call.start()
        try:
            model._train(self.train, model.optimizer.learning_rate * np.array(rates), losses)
        finally:
            done = model._done() - first  # right also where Ctrl-C broke in
            self._extend(losses[:done])
        seconds = call.stop(n)
        if done:
            self.good.confirm()
        if done < n or self.smooth_loss > DIVERGED * self.guess:
            self._diverged(losses[min(done, n - 1)])
        return seconds

    def _extend(self, losses: Array) -> None:
        if not len(losses):
            return
        smooth = smoothed(self.smooth_loss, losses, self.keep)
        self.smooth_loss = float(smooth[-1])
        self.losses.extend(losses)
        self.smooth.extend(smooth)

    def _diverged(self, loss: float) -> None:
        at = int(self.model._counters[0])
        self.good.restore()
        raise DivergenceError(
            f"training diverged at update {at}: the loss is {loss:.4g} nats a window, "
            f"{self.guess:.4g} by blind guessing. The parameters of update "
            f"{self.model._counters[0]} were put back. Try a smaller learning rate (it is "
            f"{self.model.optimizer.learning_rate:g}), a smaller clip or clip_norm, or a "
            f"schedule with warm-up"
        )

    def _note(self, seconds: float) -> None:
        """Time spent, and the held-out text where an epoch or the run has ended."""
        model, done = self.model, self.model._done()
        model.history.seconds += seconds
        if len(self.held_out) and (done % self.epoch_length == 0 or done == model._run[1]):
            history = model.history
            bits = model._evaluate(self.held_out).bits_per_char
            history.validation_iteration = np.append(
                history.validation_iteration, model._counters[0]
            )
            history.validation_bits_per_char = np.append(history.validation_bits_per_char, bits)

    def _report(self, done: int, seconds: float, bar: Any) -> bool:
        """Draw the bar and call the callbacks; did one of them ask to stop?"""
        bits = self.smooth_loss / (self.model.seq_length * math.log(2))
        bar(done * self.window, {"loss": f"{self.smooth_loss:.2f}", "bits/char": f"{bits:.3f}"})
        if not self.callbacks:
            return False
        self._publish()
        event = TrainingEvent(
            model=self.model,
            iteration=self.model._done(),
            iterations=int(self.model._run[1]),
            smooth_loss=self.smooth_loss,
            bits_per_char=bits,
            characters_per_second=done * self.window / max(seconds, 1e-9),
        )
        return any([callback(event) is True for callback in self.callbacks])

    def _publish(self) -> None:
        history = self.model.history
        history.loss = self.losses.array()
        history.smooth_loss = self.smooth.array()
