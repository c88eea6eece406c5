"""The compiled kernels, from the build that suits this processor best.

Names and docstrings are those of `nncore.reference`. The environment variable NNCORE_SIMD (base,
avx2, avx512 or neon) selects a build; by default the best one that was built and that the processor
can run is used.
"""

import importlib.util
import os
from types import ModuleType

from nncore import reference
from nncore._core.cpu import runnable_levels

LEVELS = ("avx512", "avx2", "neon", "base")


def _built(level: str) -> bool:
    return importlib.util.find_spec(f"nncore._core.core_{level}") is not None


def available_levels() -> list[str]:
    """Return the instruction-set levels that were built and that the processor supports.

    Returns
    -------
    list of str
        The best first.
    """
    return [level for level in runnable_levels() if _built(level)]


def _load() -> tuple[str, ModuleType]:
    """Return the level that NNCORE_SIMD selects, or the best one, and its build."""
    levels = available_levels()
    chosen = os.environ.get("NNCORE_SIMD") or levels[0]
    if chosen not in levels:
        # The command line recognises the name and prints one line instead of a traceback.
        message = f"NNCORE_SIMD must be one of {', '.join(levels)}, got {chosen!r}"
        raise ImportError(message, name="nncore")
    return chosen, importlib.import_module(f"nncore._core.core_{chosen}")


level, _core = _load()
rows_are_valid = _core.rows_are_valid  # not a kernel: estimators use it to check rows

__all__ = list(reference.__all__)

for _name in __all__:
    globals()[_name] = getattr(_core, _name)
    globals()[_name].__doc__ = getattr(reference, _name).__doc__
