"""The compiled kernels, from the build that fits this processor.

The same names as in `nncore.reference`, whose docstrings they carry. The environment
variable NNCORE_SIMD (base, avx2 or avx512) forces one build; otherwise the best one
that was built and that the processor runs is taken.
"""

import importlib.util
import os
from types import ModuleType

from nncore import reference
from nncore._core.cpu import runnable_levels

LEVELS = ("avx512", "avx2", "base")


def _built(level: str) -> bool:
    return importlib.util.find_spec(f"nncore._core.core_{level}") is not None


def available_levels() -> list[str]:
    """Instruction-set levels that were built and that this processor runs, the best first."""
    return [level for level in runnable_levels() if _built(level)]


def _load() -> tuple[str, ModuleType]:
    """The level that NNCORE_SIMD asks for, or the best, and its build."""
    levels = available_levels()
    wanted = os.environ.get("NNCORE_SIMD") or levels[0]
    if wanted not in levels:
        # By the name the command line tells this in one line and not in a traceback.
        message = f"NNCORE_SIMD is {wanted!r}, wanted one of {', '.join(levels)}"
        raise ImportError(message, name="nncore")
    return wanted, importlib.import_module(f"nncore._core.core_{wanted}")


level, _core = _load()
rows_are_sound = _core.rows_are_sound  # no kernel: what estimators ask before they check rows

__all__ = list(reference.__all__)

for _name in __all__:
    globals()[_name] = getattr(_core, _name)
    globals()[_name].__doc__ = getattr(reference, _name).__doc__
