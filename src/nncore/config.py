"""Versions, processor and instruction-set level of this installation, for bug reports."""

from __future__ import annotations

import os
import platform
import sys

import numpy as np

from nncore import kernels
from nncore._version import __version__


def processor() -> str:
    """Return the name of the processor, or its architecture if the system does not know more."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def config() -> dict[str, str]:
    """Return versions, processor and instruction-set level.

    Returns
    -------
    dict of str to str
        In the order in which `show_config` prints them.
    """
    forced = os.environ.get("NNCORE_SIMD")
    return {
        "nncore": __version__,
        "level": kernels.level + (" (forced by NNCORE_SIMD)" if forced else ""),
        "levels available": ", ".join(kernels.available_levels()),
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "system": platform.platform(),
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "installed in": os.path.dirname(__file__),
    }


def show_config() -> None:
    """Print the versions, the processor and the instruction-set level in use.

    The level is the best one that the processor supports, unless the environment variable
    NNCORE_SIMD forces another.
    """
    for name, value in config().items():
        print(f"{name:>16}  {value}")
