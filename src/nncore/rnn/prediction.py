"""Prediction and evaluation of a recurrent network."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt

from nncore.checks import positive_int
from nncore.params import Array, aligned_zeros, views
from nncore.rnn.sequences import Sequences, sequences
from nncore.rnn.state import RNNState
from nncore.rnn.trace import trace
from nncore.trace import Trace
from nncore.training.epochs.checks import numeric

Steps = npt.ArrayLike | list[Any]  # (N, T, ...), or a list of arrays (T_n, ...)
Outputs = Array | list[Array]


class RNNPrediction(RNNState):
    """A recurrent network without the training and files that `RNN` adds."""

    @overload
    def predict(
        self, X: Steps, state: npt.ArrayLike | None = ..., return_state: Literal[False] = ...
    ) -> Outputs: ...
    @overload
    def predict(
        self, X: Steps, state: npt.ArrayLike | None = ..., *, return_state: Literal[True]
    ) -> tuple[Outputs, Array]: ...
    def predict(
        self, X: Steps, state: npt.ArrayLike | None = None, return_state: bool = False
    ) -> Outputs | tuple[Outputs, Array]:
        """Predict the outputs for sequences of vectors.

        Parameters
        ----------
        X : array-like of shape (N, T, I), or list of arrays of shape (T_n, I)
            Sequences of inputs, of equal lengths or of different ones.
        state : array-like of shape (N, S), optional
            The states with which the sequences begin, from an earlier call: a sequence that is read
            in parts, down to single steps, has the same outputs, bit for bit. By default zeros.
        return_state : bool
            Whether to return the states after the last steps as well.

        Returns
        -------
        outputs : ndarray of shape (N, O), or list of ndarray
            Outputs, of the network's dtype; with returns="sequence" of shape (N, T, O) or, for a
            list, arrays of shape (T_n, O). A sequence has the same outputs, bit for bit, alone and
            together with any others.
        state : ndarray of shape (N, S)
            Only with return_state: the states of all recurrent layers, one layer after the
            other; those of an LSTM layer are its hidden states and then its cell states.

        Raises
        ------
        ValueError
            If X or state has another shape.
        TypeError
            If X or state is not numeric.

        Notes
        -----
        A sequence with NaN gives NaN from that step on; numbers too large for the network's dtype
        can give NaN.
        """
        given = sequences("X", X, self._sizes[0])
        states = self._states(state, given.count)
        outputs = self._run_steps(given.packed(self._dtype), given.starts, states)
        result = outputs if self._last else given.unpacked(outputs)
        return (result, states) if return_state else result

    def _states(self, state: npt.ArrayLike | None, count: int) -> Array:
        """Return new states (N, S): zeros, or a copy of given ones."""
        result = aligned_zeros((count, self._state_size), self._dtype)
        if state is not None:
            array = numeric("state", state)
            if array.shape != result.shape:
                raise ValueError(
                    f"state has shape {array.shape}, expected {result.shape}: a row for each "
                    f"sequence, as predict returns with return_state=True"
                )
            with np.errstate(all="ignore"):
                result[...] = array
        return result

    def _run_steps(self, x: Array, starts: Array, states: Array) -> Array:
        """Return the rows of outputs for packed steps; the states change in place."""
        network = self._kernel_network(self._output_activation)
        outputs: Array = self._ops.rnn_predict(self._weights, x, starts, states, **network)
        return outputs

    def forecast(self, x: npt.ArrayLike, steps: int) -> Array:
        """Predict the continuation of series, by feeding the outputs back as inputs.

        Parameters
        ----------
        x : array-like of shape (T, I) or (N, T, I)
            A series, or several of equal lengths, of which the outputs are the next values.
        steps : int
            Number of values to predict.

        Returns
        -------
        ndarray of shape (steps, I) or (N, steps, I)
            The first is the output for the last step of x, the next is the output for the first,
            and so on, as `predict` returns them: for a loss of logits with identity outputs, the
            logits are fed back.

        Raises
        ------
        ValueError
            If x has another shape, or the network does not have as many outputs as inputs.
        TypeError
            If x is not numeric or steps is not an integer.
        """
        if self._sizes[0] != self._sizes[-1]:
            raise ValueError(
                f"forecast feeds outputs back as inputs, but the network has {self._sizes[0]} "
                f"input(s) and {self._sizes[-1]} output(s)"
            )
        count, array = positive_int("steps", steps), numeric("x", x)
        given = sequences("x", array[None] if array.ndim == 2 else array, self._sizes[0])
        result = self._continued(given, count)
        return result[0] if array.ndim == 2 else result

    def _continued(self, given: Sequences, steps: int) -> Array:
        """Return the next values (N, steps, I) of series."""
        states = self._states(None, given.count)
        rows = self._run_steps(given.packed(self._dtype), given.starts, states)
        values = rows if self._last else rows[given.starts[1:] - 1]
        result = np.empty((given.count, steps, self._sizes[-1]), self._dtype)
        one_step = np.arange(given.count + 1, dtype=np.int64)
        for step in range(steps):
            if step:
                values = self._run_steps(values, one_step, states)
            result[:, step] = values
        return result

    def predict_class(self, X: Steps) -> Outputs:
        """Predict the classes of sequences, or of each step with returns="sequence".

        Parameters
        ----------
        X : array-like of shape (N, T, I), or list of arrays of shape (T_n, I)
            Sequences of inputs.

        Returns
        -------
        ndarray of int of shape (N,), or list of ndarray
            With returns="sequence" of shape (N, T) or, for a list, arrays of shape (T_n,).
            The index of the largest output. For a single output, 1 if it is above 0.5, or above 0
            with a tanh output or a hinge loss, and 0 otherwise.

        Raises
        ------
        ValueError, TypeError
            As in `predict`; also if an output is NaN, because X has NaN or numbers too large for
            the network's dtype.
        """
        given = sequences("X", X, self._sizes[0])
        found = self._classes_for(given)
        return found if self._last else given.unpacked(found)

    def _classes_for(self, given: Sequences) -> Array:
        """Return the classes of all rows of outputs."""
        states = self._states(None, given.count)
        outputs = self._run_steps(given.packed(self._dtype), given.starts, states)
        return self._classes(outputs, "sequence {}".format if self._last else given.place)

    def accuracy(self, X: Steps, Y: Steps) -> float:
        """Return the fraction of sequences, or of steps, classified correctly by `predict_class`.

        Parameters
        ----------
        X : array-like of shape (N, T, I), or list of arrays of shape (T_n, I)
            Sequences of inputs.
        Y : array-like of shape (N,) or (N, O), or list of arrays
            Labels, or rows with the largest entry in the column of the class; with
            returns="sequence" of shape (N, T) or (N, T, O), or arrays of shape (T_n,) or (T_n, O).
            For a single output, the classes are 0 and 1, or -1 and 1 with a tanh output or a hinge
            loss.

        Returns
        -------
        float

        Raises
        ------
        ValueError, TypeError
            If X or Y does not fit the network.
        IndexError
            If a label is outside 0..O-1.
        """
        given = self._finite_sequences("X", X)
        expected = self._classes_of(*self._rows_of_targets("Y", Y, given))
        return float(np.mean(self._classes_for(given) == expected))

    def loss(self, X: Steps, Y: Steps, *, sample_weight: npt.ArrayLike | None = None) -> float:
        """Return the objective, without dropout: the mean loss of the outputs plus the penalty.

        Parameters
        ----------
        X, Y, sample_weight
            As for `loss_and_gradients`.

        Returns
        -------
        float

        Raises
        ------
        ValueError, TypeError, IndexError
            As in `loss_and_gradients`.
        """
        return self._evaluate(self._data(X, Y, sample_weight))[0] + self._penalty()

    def _penalty(self) -> float:
        """Return the penalty of all weights without the biases."""
        if not self._l2:  # 0 times an infinite weight would be NaN
            return 0.0
        weights = (w for w in self.parameters.values() if w.ndim == 2)
        with np.errstate(all="ignore"):
            return self._l2 / 2 * sum(float(np.square(w, dtype=np.float64).sum()) for w in weights)

    def loss_and_gradients(
        self, X: Steps, Y: Steps, *, sample_weight: npt.ArrayLike | None = None
    ) -> tuple[float, dict[str, Array]]:
        """Return the objective and its gradients with respect to all parameters, without dropout.

        Parameters
        ----------
        X : array-like of shape (N, T, I), or list of arrays of shape (T_n, I)
            Sequences of inputs.
        Y : array-like of shape (N, O) or (N,), or list of arrays
            Targets; labels or one-hot rows for softmax cross-entropy. With returns="sequence" of
            shape (N, T, O) or (N, T), or arrays of shape (T_n, O) or (T_n,).
        sample_weight : array-like of shape (N,), optional
            Weights of the sequences in the mean.

        Returns
        -------
        objective : float
            The mean loss of the rows of outputs plus the penalty.
        gradients : dict of str to ndarray
            Gradients under the names of `parameters`.

        Raises
        ------
        ValueError, TypeError
            If X, Y or sample_weight does not fit the network, or is not finite.
        IndexError
            If a label is outside 0..O-1.
        """
        data = self._data(X, Y, sample_weight)
        loss, flat = self._ops.rnn_gradients(
            self._weights,
            data.x,
            data.starts,
            data.y,
            loss=self._kernel_loss,
            sample_weight=data.weight,
            **self._kernel_network(self._kernel_activation),
        )
        gradients = views(flat, self._shapes)
        self._penalise(gradients)
        return loss + self._penalty(), gradients

    def trace(self, x: npt.ArrayLike, y: npt.ArrayLike) -> Trace:
        """Return every intermediate result of one forward and backward pass, by name.

        Parameters
        ----------
        x : array-like of shape (N, T, I) or (T, I)
            Sequences of equal lengths, or a single one.
        y : array-like
            Their targets, as for `loss`.

        Returns
        -------
        Trace
            x, the parameters, gates, h, c, gates2, ... of shape (N, T, ...), z, a, loss, and the
            gradients of the objective da, dz, dgates2, dgates, dwxh, ..., computed in NumPy.

        Raises
        ------
        ValueError, TypeError, IndexError
            As in `loss`.
        """
        array = numeric("X", x)
        single = array.ndim == 2
        if single and y is not None:
            y = np.asarray(y)[None]
        return trace(self, self._data(array[None] if single else array, y), self._penalty())
