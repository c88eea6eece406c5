"""Checks of paths, whose errors are OSError with the name of the file."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator


def name_of(path: str | os.PathLike[str], argument: str = "path") -> str:
    """Return a path as a string; OSError, not ValueError, for names that no file can have."""
    if not isinstance(path, str | bytes | os.PathLike):
        raise TypeError(f"{argument} must be a str or an os.PathLike, got {type(path).__name__}")
    try:
        name = os.fsdecode(path)
        possible = b"\0" not in os.fsencode(name)
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise OSError(errno.EINVAL, "is not a name that a file can have", name)
    return name


def check_regular(path: str | os.PathLike[str]) -> None:
    """Raise OSError unless a path is a regular file; folders are left to `open`."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "is a device or a pipe, not a file", os.fspath(path))


@contextlib.contextmanager
def naming_errors(name: str) -> Iterator[None]:
    """Add a file name to any OSError without one that is raised within the block."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = name or None
        raise
