"""Other libraries, each in a module `peer_<name>.py` that is read only where it is installed.

Each has a `Trainer` of dense networks, and `can`, which problems it is for; one with a
`predictor` joins their prediction. A library that is not there is in no list: nothing is
skipped, and the tables have no column for it. How to run: see `conftest.py`; with all of
them, in an environment with `pip install torch scikit-learn numba 'jax[cpu]'` besides.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module, metadata
from types import ModuleType

NAMES = {"torch": "PyTorch", "sklearn": "scikit-learn", "numba": "Numba", "jax": "JAX"}
PACKAGES = {"sklearn": "scikit-learn"}  # where the package has another name than the module


def version(name: str) -> str:
    """Empty where the library is not installed."""
    try:
        return metadata.version(PACKAGES.get(name, name))
    except metadata.PackageNotFoundError:
        return ""


@cache
def installed() -> dict[str, ModuleType]:
    """The modules `peer_<name>` of what is here."""
    return {name: import_module(f"peer_{name}") for name in NAMES if version(name)}


def versions() -> str:
    """For example 'PyTorch 2.9.0, Numba 0.62.1'."""
    return ", ".join(f"{NAMES[name]} {version(name)}" for name in installed())
