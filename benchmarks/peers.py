"""Other libraries, each in a module `peer_<name>.py` that is imported only if it is installed.

Each has a `Trainer` of dense networks, and `can`, which returns whether it supports a problem.
A module with a `predictor` is also timed in prediction. The tables have no columns for libraries
that are not installed. How to run: see `conftest.py`; all of them need
`pip install torch scikit-learn numba 'jax[cpu]'`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module, metadata
from types import ModuleType

NAMES = {"torch": "PyTorch", "sklearn": "scikit-learn", "numba": "Numba", "jax": "JAX"}
RECURRENT = ("torch", "numba", "jax")  # those with recurrent cells, in modules `recurrent_<name>`
PACKAGES = {"sklearn": "scikit-learn"}  # if its name is not that of the module


def version(name: str) -> str:
    """Return the module in a list, which is empty if the library is not installed."""
    try:
        return metadata.version(PACKAGES.get(name, name))
    except metadata.PackageNotFoundError:
        return ""


@cache
def installed(prefix: str = "peer", names: Iterable[str] = tuple(NAMES)) -> dict[str, ModuleType]:
    """The modules `<prefix>_<name>` of the installed libraries."""
    return {name: import_module(f"{prefix}_{name}") for name in names if version(name)}


def versions() -> str:
    """For example 'PyTorch 2.9.0, Numba 0.62.1'."""
    return ", ".join(f"{NAMES[name]} {version(name)}" for name in installed())
