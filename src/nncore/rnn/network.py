"""A recurrent network for sequences of vectors, whose whole epochs run in compiled code."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from nncore.guards import exclusive
from nncore.optimizers import Optimizer
from nncore.rnn.history import RNNHistory
from nncore.rnn.prediction import RNNPrediction, Steps
from nncore.rnn.run import RNNRun
from nncore.schedules import Constant
from nncore.training.epochs.settings import EpochEvent, EpochFitSettings

if TYPE_CHECKING:
    from nncore.schedules import OnPlateau, Schedule
    from nncore.training.epochs.settings import EarlyStopping


class RNN(RNNPrediction):
    """A recurrent network for sequences of vectors: LSTM, GRU or tanh layers, and an output layer.

    Parameters
    ----------
    layer_sizes : sequence of int
        Numbers of inputs, of units of each recurrent layer, and of outputs.
    cell : {"lstm", "gru", "tanh"}
        The cell of the recurrent layers. `nncore.reference` has the formulas.
    output_activation : str
        The activation of the output layer, a name in `nncore.registry.ACTIVATIONS`, such as
        "identity", "sigmoid" or "softmax".
    loss : str
        A name in `nncore.registry.MLP_LOSSES`, such as "squared_error", "huber" (delta 1),
        "binary_cross_entropy" (sigmoid or softmax outputs) or "softmax_cross_entropy" (softmax
        outputs, or identity for logits; targets are labels or one-hot rows).
    returns : {"last", "sequence"}
        Whether a sequence has the outputs of its last step, or those of every step.
    l2 : float
        Penalty added to the loss: l2 / 2 * sum of w**2 over all weights, without the biases.
    dropout : float
        Dropout rate: the probability, in [0, 1), with which an output of a recurrent layer, except
        the last one, is set to 0 during training. The other outputs are divided by 1 - dropout.
    weight_init : "auto" or mapping
        "auto" draws Glorot's weights for inputs and outputs, and an orthogonal recurrent matrix for
        each gate; the biases of an LSTM's forget gate are 1, all others 0. Otherwise a mapping of
        the names of all parameters to arrays.
    dtype : {"float32", "float64"}
        Type of parameters and computation.
    backend : {"compiled", "numpy"}
        "numpy" is the same network in plain NumPy.
    rng : int, SeedSequence, Generator or None
        Seed of the initial weights, the order of sequences and dropout; None draws one from the
        operating system. The same seed gives the same bits.

    Attributes
    ----------
    history : RNNHistory
        Record of the training.

    Notes
    -----
    The outputs of a step are f(h @ why + by), where h are the outputs of the last recurrent layer.
    The loss is the mean over the rows of outputs (one for each sequence, or for each step) of the
    sum over outputs, in nats if it is a cross-entropy. Sequences of different lengths are never
    padded: each has the same outputs, bit for bit, as alone.

    Threads, copies, pickles and files are as for `MLP`: different networks can train in parallel
    threads, any number of threads can predict with a network, and other threads that fit, save,
    copy or pickle it while it is trained get RuntimeError.

    References
    ----------
    Hochreiter and Schmidhuber 1997, Long short-term memory. Cho et al. 2014, Learning phrase
    representations using RNN encoder-decoder (GRU). Elman 1990, Finding structure in time (tanh).

    Examples
    --------
    >>> import numpy as np
    >>> import nncore
    >>> X, Y = nncore.windows(np.sin(0.3 * np.arange(300)), 12)
    >>> net = nncore.RNN([1, 16, 1], "lstm", rng=0)
    >>> history = net.fit(X, Y, epochs=30, optimizer=nncore.Adam(0.01))
    >>> net.loss(X, Y) < 0.01
    True
    >>> net.forecast(X[-1], 5).shape
    (5, 1)
    """

    @exclusive
    def fit(
        self,
        X: Steps,
        Y: Steps,
        *,
        optimizer: Optimizer | None = None,
        epochs: int = 100,
        batch_size: int = 32,
        shuffle: bool = True,
        schedule: Schedule | OnPlateau | None = None,
        clip: float | None = None,
        clip_norm: float | None = None,
        sample_weight: npt.ArrayLike | None = None,
        validation_data: Sequence[Any] | None = None,
        validation_fraction: float = 0.0,
        early_stopping: EarlyStopping | None = None,
        callbacks: Sequence[Callable[[EpochEvent], object]] = (),
        progress: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: float = 60.0,
        resume: bool = False,
    ) -> RNNHistory:
        """Train on sequences of inputs, and targets at their ends or at every step.

        If `fit` is called again, training continues from the current parameters and, if the
        optimizer is of the same kind, with its state. The initial states of every sequence are
        zero.

        Parameters
        ----------
        X : array-like of shape (N, T, I), or list of arrays of shape (T_n, I)
            Sequences of inputs, of equal lengths or of different ones, which are not padded. A
            C-ordered array of the network's dtype is read in place; others are converted once.
        Y : array-like of shape (N, O) or (N,), or list of arrays
            Targets; labels or one-hot rows for softmax cross-entropy. With returns="sequence" of
            shape (N, T, O) or (N, T), or arrays of shape (T_n, O) or (T_n,). For a single output,
            the axis O can be left out.
        optimizer : Optimizer, optional
            By default `Adam()`.
        epochs : int
            Number of passes through the sequences.
        batch_size : int
            Number of sequences per update; N or more means that each update uses all of them.
        shuffle : bool
            Whether to draw a new order of the sequences for every epoch.
        schedule : callable or OnPlateau, optional
            Factor on the learning rate, as schedule(step, total) over the updates of this run.
        clip : float, optional
            Limit of the absolute value of each gradient.
        clip_norm : float, optional
            Limit of the Euclidean norm of all gradients together.
        sample_weight : array-like of shape (N,), optional
            Weights of the sequences. They are divided by their mean over the sequences to train on,
            so that their effect does not depend on batch_size.
        validation_data : tuple (X, Y) or (X, Y, sample_weight), optional
            Sequences that are evaluated after every epoch.
        validation_fraction : float
            Fraction of the sequences, drawn at random, that is held out for validation, in [0, 1).
        early_stopping : EarlyStopping, optional
            Criterion for stopping early. The best parameters are restored at the end.
        callbacks : sequence of callable
            Called after every epoch with an `EpochEvent`; one that returns True stops the run,
            which can be resumed.
        progress : bool
            Whether to show a progress bar on stderr.
        checkpoint : path, optional
            A file to which the network and the state of the run are saved every `checkpoint_every`
            seconds, at the end and at Ctrl-C. It is replaced only when the new one is completely
            written.
        checkpoint_every : float
            Seconds between two checkpoints, at least 0.
        resume : bool
            Whether to finish the last run of this network, which a callback, an error or Ctrl-C
            ended, possibly before the network was loaded. It ends with the same bits as an
            uninterrupted run. Data and settings must be the same as in that run.

        Returns
        -------
        RNNHistory
            `RNN.history`, extended by this run.

        Raises
        ------
        ValueError, TypeError
            If data or settings do not fit, or a parameter is not finite.
        IndexError
            If a label is outside 0..O-1.
        DivergenceError
            If the objective becomes non-finite. The last good parameters are restored or, with
            early stopping, the best ones.
        RuntimeError
            If another thread is fitting, saving or copying the network, or in a callback of this
            network's `fit`.
        KeyboardInterrupt
            At Ctrl-C, which stops between two updates; the network stays usable.

        Notes
        -----
        Compiled training treats subnormal numbers as 0.
        """
        settings = EpochFitSettings(
            optimizer,
            epochs,
            batch_size,
            shuffle,
            Constant() if schedule is None else schedule,
            clip,
            clip_norm,
            early_stopping,
            callbacks=callbacks,
            progress=progress,
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
            resume=resume,
        )
        data, held_out = self._run_data(
            settings, X, Y, sample_weight, validation_data, validation_fraction
        )
        if not self.history.epochs:
            self._check_classes(data.y)
        self._check_parameters()
        RNNRun(self, data, held_out, settings).run()
        return self.history

    # --- files --------------------------------------------------------------------

    @classmethod
    def _files(cls) -> ModuleType:
        from nncore.rnn import file

        return file

    @exclusive
    def start_from(self, path: str | os.PathLike[str]) -> RNN:
        """Start from the weights of a model file.

        The optimizer state, the history and the random generators are not loaded. To continue with
        all of these, use `load`, and `fit` with resume=True.

        Parameters
        ----------
        path : str or os.PathLike
            A file written by `save`.

        Returns
        -------
        RNN
            This network.

        Raises
        ------
        ValueError
            If this network was already trained or has other layers or another cell.
        CheckpointError
            If the file is damaged or contains a model of another kind.
        OSError
            If the file cannot be read.
        RuntimeError
            If another thread is fitting, saving or copying the network, or in a callback of this
            network's `fit`.
        """
        self._take_weights_of(RNN.load(path), str(os.fspath(path)))
        return self
