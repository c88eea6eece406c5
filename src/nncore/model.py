"""The base class of all networks: dtype, backend, copies and pickles."""

from __future__ import annotations

import copy
import os
from types import ModuleType
from typing import Any, Literal, Self, TypeVar

import numpy as np
import numpy.typing as npt

from nncore import kernels, reference
from nncore.checks import float_dtype, one_of
from nncore.guards import Call, shared
from nncore.params import Array, aligned_zeros
from nncore.randomness import generator_from, generator_state

M = TypeVar("M", bound="Model")
Backend = Literal["compiled", "numpy"]
BACKENDS: dict[str, ModuleType] = {"compiled": kernels, "numpy": reference}
# Of copies and pickles: running calls, scratch memory, and tables with the codes of activations
LEFT_OUT = ("_calls", "_gradient", "_layers", "_loss_layers")


class State(dict[str, Any]):
    """State of a random generator in a pickle: plain numbers, independent of NumPy's pickles."""


def described(value: Any) -> Any:
    """Return an attribute in the form in which it is pickled."""
    return State(generator_state(value)) if isinstance(value, np.random.Generator) else value


def _restored(value: Any) -> Any:
    """Return an attribute from its pickled form, arrays writable and 64-byte aligned."""
    if isinstance(value, State):
        return generator_from(dict(value))
    if not isinstance(value, np.ndarray):
        return value
    array = aligned_zeros(value.shape, value.dtype)
    array[...] = value
    return array


class Model:
    """Base class of networks, which one thread at a time can change, and which can be copied.

    Parameters
    ----------
    dtype : {"float32", "float64"}
        Type of parameters and computation.
    backend : {"compiled", "numpy"}
        The implementation of the computation.
    """

    _calls: dict[Call, None]  # the running ones, oldest first
    _weights: Array
    _gradient: Array

    def __init__(self, dtype: npt.DTypeLike, backend: Backend) -> None:
        self._calls = {}
        self._dtype = float_dtype("dtype", dtype)
        self._backend: Backend = one_of("backend", backend, tuple(BACKENDS))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of parameters and computation, float32 or float64."""
        return self._dtype

    @property
    def backend(self) -> Backend:
        """The implementation of the computation, "compiled" or "numpy"."""
        return self._backend

    @property
    def parameters(self) -> dict[str, Array]:
        """Writable views of the weights and biases, by name."""
        raise NotImplementedError

    def _check_parameters(self) -> None:
        """Raise ValueError if a parameter is not finite."""
        for name, array in self.parameters.items():
            if not np.isfinite(array).all():
                raise ValueError(f"parameters[{name!r}] contains NaN or infinity")

    @property
    def _ops(self) -> ModuleType:
        """The backend's functions; looked up, as modules can be neither copied nor pickled."""
        return BACKENDS[self._backend]

    @shared
    def __getstate__(self) -> dict[str, Any]:
        """Return settings, numbers and arrays, but nothing that depends on the compiled code."""
        kept = {name: value for name, value in vars(self).items() if name not in LEFT_OUT}
        return {name: described(value) for name, value in kept.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._calls = {}
        for name, value in state.items():
            setattr(self, name, _restored(value))
        if "_weights" in state:
            self._gradient = aligned_zeros(self._weights.size, self._weights.dtype)

    @classmethod
    def _files(cls) -> ModuleType:
        """Return the module that saves and loads this class, which is imported at its first use."""
        raise NotImplementedError

    @shared
    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the network, with all that `fit` needs to continue, to one safetensors file.

        An old file is replaced only when the new one is completely on the disk.

        Parameters
        ----------
        path : str or os.PathLike
            The file.

        Raises
        ------
        OSError
            If the file cannot be written.
        ValueError
            If a weight is NaN or infinite.
        RuntimeError
            If another thread is fitting the network.
        """
        self._files().save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, backend: Backend = "compiled") -> Self:
        """Load a network from a file written by `save`.

        The network continues training with the same bits. A schedule of a `CharRNN` that is a
        user-defined function is not saved; set `schedule` again.

        Parameters
        ----------
        path : str or os.PathLike
            The file.
        backend : {"compiled", "numpy"}
            Backend of the network. A file can be loaded with either, that of a `Population` only
            with "compiled".

        Returns
        -------
        MLP, RNN, CharRNN or Population
            A network of the class that `load` was called on.

        Raises
        ------
        CheckpointError
            If the file is damaged or contains a model of another kind.
        OSError
            If the file cannot be read.
        """
        one_of("backend", backend, tuple(BACKENDS))
        model: Self = cls._files().load(cls, path, backend)
        return model

    def __copy__(self: M) -> M:
        """Return a deep copy, as networks never share arrays with their copies."""
        return copy.deepcopy(self)
