"""What networks share: one thread at a time changes them, and how they are copied and pickled."""

from __future__ import annotations

import copy
from types import ModuleType
from typing import Any, Literal, TypeVar

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
LEFT_OUT = ("_calls", "_gradient")  # of copies: who is at work, and scratch


class State(dict[str, Any]):
    """Of a random generator, in a pickle: plain numbers, whatever NumPy's own pickles hold."""


def _described(value: Any) -> Any:
    """A value as it is pickled."""
    return State(generator_state(value)) if isinstance(value, np.random.Generator) else value


def _restored(value: Any) -> Any:
    """A value as the model has it: arrays writable, and on 64-byte lines where kernels read."""
    if isinstance(value, State):
        return generator_from(dict(value))
    if not isinstance(value, np.ndarray):
        return value
    array = aligned_zeros(value.shape, value.dtype)
    array[...] = value
    return array


class Model:
    """A network that one thread at a time changes, and that can be copied and pickled."""

    _calls: dict[Call, None]  # those that run, the oldest first
    _weights: Array
    _gradient: Array

    def __init__(self, dtype: npt.DTypeLike, backend: Backend) -> None:
        self._calls = {}
        self._dtype = float_dtype("dtype", dtype)
        self._backend: Backend = one_of("backend", backend, tuple(BACKENDS))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of all numbers."""
        return self._dtype

    @property
    def backend(self) -> Backend:
        """Which code runs."""
        return self._backend

    @property
    def parameters(self) -> dict[str, Array]:
        """Writable views of the weights and biases, by name."""
        raise NotImplementedError

    def _check_parameters(self) -> None:
        """Raise for what no training can mend."""
        for name, array in self.parameters.items():
            if not np.isfinite(array).all():
                raise ValueError(f"parameters[{name!r}] holds NaN or infinities")

    @property
    def _ops(self) -> ModuleType:
        """The backend's functions; not kept, as a module can be neither copied nor pickled."""
        return BACKENDS[self._backend]

    @shared
    def __getstate__(self) -> dict[str, Any]:
        """Settings, numbers and arrays: nothing of the compiled code, so that any level goes on."""
        kept = {name: value for name, value in vars(self).items() if name not in LEFT_OUT}
        return {name: _described(value) for name, value in kept.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._calls = {}
        for name, value in state.items():
            setattr(self, name, _restored(value))
        if "_weights" in state:
            self._gradient = aligned_zeros(self._weights.size, self._weights.dtype)

    def __copy__(self: M) -> M:
        """A network shares nothing with a copy of it, also where a shallow one is asked for."""
        return copy.deepcopy(self)
