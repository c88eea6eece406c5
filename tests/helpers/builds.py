"""The builds of the kernels that run here, and the limits of the slow ones."""

import importlib
import os

import pytest

from nncore import kernels

LEVELS = kernels.available_levels()
# Times as long as an optimised build takes.
SLOWER = 5 if {"NNCORE_DEBUG", "NNCORE_SANITIZED"} & os.environ.keys() else 1
NOT_SANITIZED = pytest.mark.skipif(
    "NNCORE_SANITIZED" in os.environ,
    reason="the sanitizers make everything slower, and keep what is freed for a while",
)
BOTH_LEVELS = pytest.mark.skipif(
    not {"avx2", "avx512"} <= set(LEVELS),
    reason="needs AVX2 and AVX-512, built and run by this processor",
)


def build(level):
    """The compiled kernels of one level, independently of the level of `kernels`."""
    return importlib.import_module(f"nncore._core.core_{level}")
