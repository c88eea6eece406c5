"""A multi-layer perceptron whose whole epochs run in compiled code."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nncore.checks import number, one_of
from nncore.guards import exclusive, shared
from nncore.mlp import data as mlp_data
from nncore.mlp.history import MLPHistory
from nncore.mlp.run import MLPRun
from nncore.mlp.settings import EpochEvent, RunSettings
from nncore.mlp.state import ROWS, MLPState
from nncore.mlp.trace import Trace, trace
from nncore.model import BACKENDS, Backend
from nncore.optimizers import Optimizer
from nncore.randomness import generator_from, generator_state
from nncore.schedules import Constant
from nncore.sparse import SparseLike, is_sparse, sparse_rows

if TYPE_CHECKING:
    from nncore.mlp.settings import EarlyStopping
    from nncore.schedules import OnPlateau, Schedule


class MLP(MLPState):
    """A multi-layer perceptron: layers a = f(a_before @ w + b), of any depth.

    Networks train in parallel in threads, and any number of threads may predict with one
    network, also while it is trained (by the parameters of that moment, which may be amid an
    update). While a thread is at `fit`, RuntimeError meets other threads that fit, save, copy
    or pickle the network; callbacks may do all but fit. Copies and pickles hold all there is,
    go on with the same bits and share nothing. A pickle is as safe as whoever made it; `load`
    trusts no file.

    Parameters
    ----------
    layer_sizes : numbers of inputs, of the units of each hidden layer, and of outputs.
    hidden_activation : a name of `nncore.registry.ACTIVATIONS`, such as "identity", "sigmoid",
        "tanh", "relu", "leaky_relu" (slope 0.01), "elu", "softplus", "silu" (swish), "gelu"
        (exact) or "softmax", whose formulas `nncore.reference` has; one for all hidden layers,
        or one each.
    output_activation : the same for the last layer.
    loss : a name of `nncore.registry.MLP_LOSSES`, such as "squared_error", "absolute_error",
        "huber" (delta 1), "hinge" (targets -1 and 1), "binary_cross_entropy" (outputs by sigmoid
        or softmax) or "softmax_cross_entropy" (outputs by softmax, or identity for logits;
        targets are labels or one-hot rows). `nncore.reference` has their formulas.
        Each is the mean over rows of the sum over outputs, in nats where it is a
        cross-entropy. The cross-entropies are computed from the logits when the matching
        activation, sigmoid or softmax, is asked for.
    l1, l2 : penalties added to the loss: l1 * sum of |w| and l2 / 2 * sum of w**2 over all
        weights; biases are free.
    dropout : share of each hidden layer's outputs dropped in training (the rest is scaled up
        to match); one for all, or one each.
    weight_init : "auto" (He's for relu and functions like it, LeCun's for selu, else Glorot's), a
        name of `nncore.initializers.INITIALIZERS`, a function (rng, inputs, outputs) -> (w, b), or
        a mapping of all parameters to arrays.
    dtype : "float32" or "float64".
    backend : "compiled", or "numpy" for the same network in plain NumPy.
    rng : seed (int, SeedSequence, Generator) of initial weights, shuffling and dropout; None:
        from the system. The same seed gives the same bits.
    """

    def trace(self, x: npt.ArrayLike | SparseLike, y: npt.ArrayLike) -> Trace:
        """Every intermediate of one forward and backward pass, by name: x, z1, a1, ..., loss, dz2.

        x (N, I) or a single row (I,), y its targets as in `loss`, and the same errors. Arrays of
        the trace: z1, a1, ... and their gradients da2, dz2, dw2, db2, da1, ... of the objective.
        """
        rows = sparse_rows("X", x).toarray() if is_sparse(x) else mlp_data.numeric("X", x)
        single = rows.ndim == 1
        if single and y is not None:
            y = np.asarray(y)[None]
        data = self._data(rows[None] if single else rows, y)
        return trace(self, mlp_data.converted(data.x, self._dtype), data.y)

    # --- training -----------------------------------------------------------------

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
        """Train for `epochs` times through the rows of X (N, I), in batches of batch_size.

        Y: targets (N, O), or labels (N,) or one-hot rows for softmax cross-entropy; (N,) will do
        for one output. optimizer: None is Adam(). Batches are drawn anew every epoch unless
        shuffle is False; a batch_size of N or more takes all rows at once. schedule: factor on
        the learning rate, as schedule(step, total) over the updates of this run, or an
        `OnPlateau`. clip, clip_norm: limit of each gradient's size, and of their common
        Euclidean norm. sample_weight (N,): what each row counts, in any unit: the weights are
        divided by their mean over the rows to train on, so that they act at every batch_size.
        validation_data: (X, Y) or (X, Y, sample_weight), measured after every epoch, or
        validation_fraction: a random part of the rows held out for that. early_stopping: an
        `EarlyStopping`; the best parameters are then put back. callbacks get an `EpochEvent` after
        every epoch; one that returns True ends training.

        checkpoint: a file that everything is saved to every checkpoint_every seconds, at the end
        and at Ctrl-C, replacing the one before only when all is written. resume=True finishes a
        run that was broken off, in this network or in one that was loaded, and ends with the same
        bits as if it had not been; give it the same data and settings.

        X is read where it lies if it is an array of float32 or float64 (a memory map, too), and
        converted a few batches at a time otherwise. It may be a SciPy sparse matrix or array, as
        that of validation_data: only its non-zero numbers are then computed with, and the
        results have the bits of dense ones. Called again, training goes on: with the
        optimizer's state if it is of the same kind. Ctrl-C ends it between two updates, with
        KeyboardInterrupt; the network stays usable. Compiled training takes subnormal numbers
        for 0. Returns the network's history.

        Raises ValueError or TypeError for data and settings that do not fit, ValueError for
        parameters that are NaN or infinite, and `DivergenceError`, with the last good parameters
        put back (with early stopping the best), when the objective is no longer finite. IndexError
        for labels that are no class. RuntimeError while another thread fits, saves or copies the
        network, and in a callback of its own `fit`.
        """
        settings = RunSettings(
            optimizer=optimizer,
            epochs=epochs,
            batch_size=batch_size,
            shuffle=shuffle,
            schedule=Constant() if schedule is None else schedule,
            clip=clip,
            clip_norm=clip_norm,
            early_stopping=early_stopping,
            callbacks=callbacks,
            progress=progress,
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
            resume=resume,
        )
        data = self._data(X, Y, sample_weight)
        held_out, split_rng = None, self._split_rng
        fraction = number("validation_fraction", validation_fraction)
        if validation_data is not None:
            if fraction:
                raise ValueError("give validation_data or validation_fraction, not both")
            if not isinstance(validation_data, tuple | list) or len(validation_data) not in (2, 3):
                raise TypeError("validation_data must be (X, Y) or (X, Y, sample_weight)")
            names = tuple(f"validation_data: {name}" for name in ROWS)
            X_val, Y_val, weight = (*validation_data, None)[:3]
            held_out = self._data(X_val, Y_val, weight, names)
        elif fraction:
            settings.split = generator_state(self._split_rng)
            if settings.resume and self._run and self._run.split:
                settings.split = self._run.split  # the same rows again
            split_rng = generator_from(settings.split)
            data, held_out = data.split(fraction, split_rng)
        if not self.history.epochs:
            self._check_classes(data.y)
        self._check_parameters()
        run = MLPRun(self, data, held_out, settings)
        self._split_rng = split_rng  # not before: a call that is refused changes nothing
        run.run()
        return self.history

    # --- files --------------------------------------------------------------------

    @shared
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to one safetensors file: network, optimizer state, history.

        The old file is replaced when all is on the disk. Raises OSError with the file's name where
        it cannot be written, ValueError for weights that are NaN or infinite; the old file stays.
        """
        from nncore.mlp import file as mlp_file

        mlp_file.save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, backend: Backend = "compiled") -> MLP:
        """The network that `save` wrote, ready to predict, or to train on with the same bits.

        Raises `CheckpointError` for a file that is damaged or of another kind.
        """
        from nncore.mlp import file as mlp_file

        one_of("backend", backend, tuple(BACKENDS))
        return mlp_file.load(cls, path, backend)

    @exclusive
    def start_from(self, path: str | os.PathLike[str]) -> MLP:
        """Begin with the weights of a model file; returns itself.

        Nothing else of the file is taken: optimizer state, history and random numbers begin anew.
        `load` and fit(resume=True) go on with everything. Raises ValueError if this network was
        trained already or has other layers, CheckpointError for a bad file.
        """
        other = MLP.load(path)
        if self.history.updates:
            raise ValueError(f"the network was trained already: {self.history.updates} updates")
        if other.layer_sizes != self.layer_sizes:
            raise ValueError(
                f"the model in {os.fspath(path)} has layers of {other.layer_sizes}, this network "
                f"{self.layer_sizes}"
            )
        for name, array in self.parameters.items():
            array[...] = other.parameters[name]
        return self
