"""A recurrent network that reads text one character at a time and predicts the next one.

The loss and the training loop are those of Karpathy's min-char-rnn (2015), and so is the network
with one layer of tanh. `CharRNN.min_char_rnn()` is exactly that program; `CharRNN()` is a GRU with
better defaults. There are also LSTM cells, several layers, dropout, several parallel streams of
text, held-out text, schedules and more sampling options.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from nncore.char_rnn.data import Data, check_fraction, split
from nncore.char_rnn.fit_settings import Callback, CharRNNFitSettings
from nncore.char_rnn.history import History
from nncore.char_rnn.run import CharRNNRun
from nncore.char_rnn.sampling import CharRNNSampling
from nncore.char_rnn.text import read_text
from nncore.char_rnn.text_sources import TextSource, text_name
from nncore.checks import number
from nncore.guards import exclusive
from nncore.optimizers import Adagrad
from nncore.schedules import Constant
from nncore.training import unfinished


class CharRNN(CharRNNSampling):
    """A character-level recurrent network.

    The first recurrent layer reads one-hot characters, the others read the outputs of the layer
    below. The logits of the next character are h @ why + by, where h are the outputs of the last
    layer. The loss is the cross-entropy in nats. The formulas of the layers are in the notes.

    Parameters
    ----------
    hidden_size : int
        Number of units of each recurrent layer (H).
    seq_length : int
        Number of time steps of a window, through which gradients are propagated back (T).
    batch_size : int
        Number of parallel streams into which the text is cut (N); their gradients are averaged.
    optimizer : Optimizer, optional
        By default `AdamW` with a weight decay of 0.08 and a learning rate of 2 / hidden_size, at
        most 0.015; for "tanh" 1 / hidden_size, at most 0.01.
    cell : {"tanh", "lstm", "gru"}
        Formula of the recurrent layers.
    layers : int
        Number of recurrent layers (L), from 1 to 16.
    dropout : float
        Fraction of the outputs of each layer but the last that is set to 0 before the next layer
        reads them, in [0, 1); the others are divided by 1 - dropout. It is applied only in `fit`,
        and drawn again for each step of each window.
    schedule : callable
        Factor on the optimizer's learning rate during a run of `fit`, as schedule(step, total);
        see `nncore.schedules`.
    clip : float or None
        Limit of the absolute value of each gradient; None for no limit.
    clip_norm : float or None
        Limit of the Euclidean norm of all gradients together; None for no limit.
    weight_init : {"scaled", "small"}
        "scaled" draws normal weights of a standard deviation suited to their layer, and an
        orthogonal recurrent matrix for each gate. "small" draws normal weights of standard
        deviation 0.01, as min-char-rnn does. Biases start at 0, except those of the LSTM's forget
        gate, which start at 1.
    vocabulary : {"characters", "bytes"} or Vocabulary
        "characters" means the characters of the first text, "bytes" the 256 bytes.
    dtype : {"float32", "float64"}
        Type of parameters and computation.
    backend : {"compiled", "numpy"}
        "numpy" is the same network in plain NumPy.
    rng : int, SeedSequence, Generator or None
        Seed of the initial weights, of sampling and of dropout; None draws one from the operating
        system. The same seed gives the same bits.

    Attributes
    ----------
    history : History
        Record of the training.

    Notes
    -----
    A layer computes its outputs h from its inputs x and its outputs h_prev in the previous step.
    With the cell "tanh"::

        h = tanh(x @ wxh + h_prev @ whh + bh)

    With "lstm", c is a second state, s_i to s_o are the blocks of H columns of
    ``x @ wxh + h_prev @ whh + bh``, and ``*`` is the elementwise product::

        i, f, o = sigmoid(s_i), sigmoid(s_f), sigmoid(s_o)
        g = tanh(s_g)
        c = f * c_prev + i * g
        h = o * tanh(c)

    With "gru", s_r, s_z and s_n are the blocks of ``x @ wxh + bh``, and u_r, u_z and u_n those of
    ``h_prev @ whh``::

        r, z = sigmoid(s_r + u_r), sigmoid(s_z + u_z)
        n = tanh(s_n + r * (u_n + bn))
        h = (1 - z) * n + z * h_prev

    The order of the gates, and the place of r, are those of PyTorch. The parameters of the second
    layer are wxh2, whh2 and bh2, and so on.

    `optimizer`, `schedule`, `clip` and `clip_norm` can be set between runs of `fit`.

    Different networks can train in parallel threads, and any number of threads can sample from a
    network and evaluate it, even while it is trained; they use the current parameters, possibly in
    the middle of an update. While a thread runs `fit`, other threads that fit, build, save, copy or
    pickle the network get RuntimeError; callbacks may save, copy and pickle it.

    Copies and pickles are complete and independent, and continue training with the same bits.
    Unpickling can run code, so unpickle only what you trust; `load` is safe for any file.

    References
    ----------
    Elman 1990, Finding structure in time (tanh). Hochreiter and Schmidhuber 1997, Long short-term
    memory; Gers, Schmidhuber and Cummins 2000, Learning to forget: continual prediction with LSTM.
    Cho et al. 2014, Learning phrase representations using RNN encoder-decoder for statistical
    machine translation (GRU). Zaremba, Sutskever and Vinyals 2014, Recurrent neural network
    regularization (dropout between layers).

    Examples
    --------
    >>> import nncore
    >>> model = nncore.CharRNN(hidden_size=16, rng=0)
    >>> history = model.fit("to be or not to be " * 200, epochs=5)
    >>> text = model.sample(40, prime="to ", temperature=0.5)
    """

    @classmethod
    def min_char_rnn(cls, **overrides: Any) -> CharRNN:
        """Return a network with exactly the settings of Karpathy's min-char-rnn.

        One stream, a layer of 100 tanh units, windows of 25 steps, Adagrad with a learning rate of
        0.1, gradients clipped to [-5, 5], normal weights of standard deviation 0.01, and a state
        that is reset where the text starts over.

        Parameters
        ----------
        **overrides
            Settings of `CharRNN` that replace those of min-char-rnn.

        Returns
        -------
        CharRNN

        References
        ----------
        Karpathy 2015, https://gist.github.com/karpathy/d4dee566867f8291f086
        """
        settings: dict[str, Any] = {
            "hidden_size": 100,
            "seq_length": 25,
            "batch_size": 1,
            "cell": "tanh",
            "optimizer": Adagrad(0.1),
            "schedule": Constant(),
            "clip": 5.0,
            "clip_norm": None,
            "weight_init": "small",
        }
        return cls(**{**settings, **overrides})

    @exclusive
    def start_from(self, path: str | os.PathLike[str]) -> CharRNN:
        """Start from the vocabulary and the weights of a model file.

        The optimizer state, the history and the position in the text are not loaded. To continue
        with all of these, use `load`, and `fit` with resume=True.

        Parameters
        ----------
        path : str or os.PathLike
            A file written by `save`.

        Returns
        -------
        CharRNN
            This network.

        Raises
        ------
        ValueError
            If this network already has weights, or other cells, layers or units than the file.
        CheckpointError
            If the file is damaged or contains a model of another kind.
        OSError
            If the file cannot be read.
        RuntimeError
            If another thread is fitting, saving or copying the network, or in a callback of this
            network's `fit`.
        """
        other = type(self).load(path)
        for name, what in (("cell", "cells"), ("layers", "layer(s)"), ("hidden_size", "units")):
            found, expected = getattr(other, name), getattr(self, name)
            if found != expected:
                raise ValueError(
                    f"the model in {os.fspath(path)} has {found} {what}, expected {expected} as in "
                    f"this network"
                )
        self._build(other.vocabulary, other._weights)
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
        """Train on a text.

        If `fit` is called again, training continues from the current parameters and, in the same
        text, at the same position.

        Parameters
        ----------
        text : str, bytes, os.PathLike, file or list of paths and files
            The text; paths are read. See `nncore.char_rnn.text`.
        epochs : float
            Number of passes through the text, above 0.
        iterations : int, optional
            Number of updates, instead of `epochs`.
        validation_fraction : float
            Fraction of the text, at its end, that is held out and evaluated after every epoch,
            in [0, 1).
        callbacks : sequence of callable
            Called a few dozen times per second with a `TrainingEvent`; one that returns True
            stops the run, which can be resumed.
        progress : bool
            Whether to show a progress bar on stderr.
        resume : bool
            Whether to finish the last run, which a callback, an error or Ctrl-C ended, with its
            schedule. `epochs` and `iterations` are then ignored; those of that run apply.
        checkpoint : path, optional
            A file to which the network and the state of the run are saved every `checkpoint_every`
            seconds, at the end and at Ctrl-C. It is replaced only when the new one is completely
            written. A network loaded from it finishes the run with `resume=True`, with the same
            bits as if it had not been interrupted.
        checkpoint_every : float
            Seconds between two checkpoints, at least 0.

        Returns
        -------
        History
            `CharRNN.history`, extended by this run.

        Raises
        ------
        ValueError
            If the text is too short or has characters outside the vocabulary, or a parameter is
            not finite.
        DivergenceError
            If training diverges. The last good parameters are restored.
        RuntimeError
            If another thread is fitting, saving or copying the network, or in a callback of this
            network's `fit`.
        KeyboardInterrupt
            At Ctrl-C, which stops between two updates; the network stays usable.
        """
        settings = CharRNNFitSettings(
            epochs,
            iterations,
            callbacks=callbacks,
            progress=progress,
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
            resume=resume,
        )
        if settings.resume:
            unfinished(self._run)  # before a text is read
        data = self._data(text, number("validation_fraction", validation_fraction))
        self._check_parameters()
        CharRNNRun(self, data, settings).run()
        return self.history

    def _data(self, text: TextSource, validation_fraction: float) -> Data:
        """Return the ids of a text; build the network if this is the first one."""
        check_fraction(validation_fraction)
        ids, vocabulary = read_text(text, self._vocabulary or self._asked_vocabulary)
        if vocabulary.size < 2:
            raise ValueError(
                f"{text_name(text)} must have at least 2 different characters, got only "
                f"{vocabulary.characters!r}"
            )
        data = split(text, ids, validation_fraction, self)
        if self._vocabulary is None:
            self._build(vocabulary)
        return data

    # --- files --------------------------------------------------------------------

    @classmethod
    def _files(cls) -> ModuleType:
        from nncore.char_rnn import file

        return file
