"""A multi-layer perceptron whose whole epochs run in compiled code."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import numpy.typing as npt

from nncore.guards import exclusive
from nncore.mlp.history import MLPHistory
from nncore.mlp.prediction import MLPPrediction
from nncore.mlp.run import MLPRun
from nncore.optimizers import Optimizer
from nncore.schedules import Constant
from nncore.sparse import SparseLike
from nncore.training.epochs.settings import EpochEvent, EpochFitSettings

if TYPE_CHECKING:
    from nncore.schedules import OnPlateau, Schedule
    from nncore.training.epochs.settings import EarlyStopping


class MLP(MLPPrediction):
    """A multi-layer perceptron of any depth, whose layers compute a = f(a_before @ w + b).

    Parameters
    ----------
    layer_sizes : sequence of int
        Numbers of inputs, of units of each hidden layer, and of outputs.
    hidden_activation : str or sequence of str
        A name in `nncore.registry.ACTIVATIONS`, such as "identity", "sigmoid", "tanh", "relu",
        "leaky_relu" (slope 0.01), "elu", "softplus", "silu" (swish) or "gelu" (exact), for all
        hidden layers, or one for each. `nncore.reference` has the formulas.
    output_activation : str
        The activation of the last layer, one of the same names, such as "softmax".
    loss : str
        A name in `nncore.registry.MLP_LOSSES`, such as "squared_error", "absolute_error", "huber"
        (delta 1), "hinge" (targets -1 and 1), "binary_cross_entropy" (sigmoid or softmax outputs)
        or "softmax_cross_entropy" (softmax outputs, or identity for logits; targets are labels or
        one-hot rows). `nncore.reference` has the formulas.
    l1, l2 : float
        Penalties added to the loss: l1 * sum of |w| and l2 / 2 * sum of w**2 over all weights,
        without the biases.
    dropout : float or sequence of float
        Dropout rate: the probability, in [0, 1), with which an output of a hidden layer is set to 0
        during training; one number for all hidden layers, or one for each. The other outputs are
        divided by 1 - dropout.
    weight_init : str, callable or mapping
        "auto" (He's for ReLU and similar functions, LeCun's for SELU, otherwise Glorot's), a name
        in `nncore.initializers.INITIALIZERS`, a function (rng, inputs, outputs) -> (w, b), or a
        mapping of the names of all parameters to arrays.
    dtype : {"float32", "float64"}
        Type of parameters and computation.
    backend : {"compiled", "numpy"}
        "numpy" is the same network in plain NumPy.
    rng : int, SeedSequence, Generator or None
        Seed of the initial weights, the order of rows and dropout; None draws one from the
        operating system. The same seed gives the same bits.

    Attributes
    ----------
    history : MLPHistory
        Record of the training.

    Notes
    -----
    The loss is the mean over rows of the sum over outputs, in nats if it is a cross-entropy.
    Cross-entropies are computed from the logits when `output_activation` is the matching one,
    sigmoid or softmax.

    Different networks can train in parallel threads, and any number of threads can predict with a
    network, even while it is trained; they use the current parameters, possibly in the middle of an
    update. While a thread runs `fit`, other threads that fit, save, copy or pickle the network get
    RuntimeError; callbacks may save, copy and pickle it.

    Copies and pickles are complete and independent, and continue training with the same bits.
    Unpickling can run code, so unpickle only what you trust; `load` is safe for any file.

    Examples
    --------
    >>> import numpy as np
    >>> import nncore
    >>> X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> Y = np.array([0, 1, 1, 0])
    >>> net = nncore.MLP([2, 8, 1], "tanh", "sigmoid", "binary_cross_entropy", rng=0)
    >>> history = net.fit(X, Y, epochs=1000, batch_size=4, optimizer=nncore.Adam(0.05))
    >>> net.predict_class(X)
    array([0, 1, 1, 0])
    """

    @exclusive
    def fit(
        self,
        X: npt.ArrayLike | SparseLike,
        Y: npt.ArrayLike,
        *,
        optimizer: Optimizer | None = None,
        epochs: int = 100,
        batch_size: int = 32,
        shuffle: bool = True,
        schedule: Schedule | OnPlateau | None = None,
        clip: float | None = None,
        clip_norm: float | None = None,
        sample_weight: npt.ArrayLike | None = None,
        validation_data: Sequence[npt.ArrayLike | SparseLike] | None = None,
        validation_fraction: float = 0.0,
        early_stopping: EarlyStopping | None = None,
        callbacks: Sequence[Callable[[EpochEvent], object]] = (),
        progress: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: float = 60.0,
        resume: bool = False,
    ) -> MLPHistory:
        """Train on rows of inputs and targets.

        If `fit` is called again, training continues from the current parameters and, if the
        optimizer is of the same kind, with its state.

        Parameters
        ----------
        X : array-like or SciPy sparse matrix of shape (N, I)
            Rows of inputs. Arrays of float32 and float64, including memory maps, are read in place;
            others are converted, large ones a few batches at a time. Sparse matrices are not
            converted to dense ones, but give the same bits.
        Y : array-like of shape (N, O) or (N,)
            Targets; labels or one-hot rows for softmax cross-entropy. For a single output, the
            shape (N,) is also accepted.
        optimizer : Optimizer, optional
            By default `Adam()`.
        epochs : int
            Number of passes through the rows.
        batch_size : int
            Number of rows per update; N or more means that each update uses all rows.
        shuffle : bool
            Whether to draw a new order of the rows for every epoch.
        schedule : callable or OnPlateau, optional
            Factor on the learning rate, as schedule(step, total) over the updates of this run.
        clip : float, optional
            Limit of the absolute value of each gradient.
        clip_norm : float, optional
            Limit of the Euclidean norm of all gradients together.
        sample_weight : array-like of shape (N,), optional
            Weights of the rows. They are divided by their mean over the rows to train on, so that
            their effect does not depend on batch_size.
        validation_data : tuple (X, Y) or (X, Y, sample_weight), optional
            Rows that are evaluated after every epoch.
        validation_fraction : float
            Fraction of the rows, drawn at random, that is held out for validation, in [0, 1).
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
        MLPHistory
            `MLP.history`, extended by this run.

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
        MLPRun(self, data, held_out, settings).run()
        return self.history

    # --- files --------------------------------------------------------------------

    @classmethod
    def _files(cls) -> ModuleType:
        from nncore.mlp import file

        return file

    @exclusive
    def start_from(self, path: str | os.PathLike[str]) -> MLP:
        """Start from the weights of a model file.

        The optimizer state, the history and the random generators are not loaded. To continue with
        all of these, use `load`, and `fit` with resume=True.

        Parameters
        ----------
        path : str or os.PathLike
            A file written by `save`.

        Returns
        -------
        MLP
            This network.

        Raises
        ------
        ValueError
            If this network was already trained or has other layers.
        CheckpointError
            If the file is damaged or contains a model of another kind.
        OSError
            If the file cannot be read.
        RuntimeError
            If another thread is fitting, saving or copying the network, or in a callback of this
            network's `fit`.
        """
        self._take_weights_of(MLP.load(path), str(os.fspath(path)))
        return self
