"""Names of files, and what stands there: all that is wrong with one is an OSError."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator


def name_of(path: str | os.PathLike[str], argument: str = "path") -> str:
    """The path as a string; OSError, where Python has a ValueError, for what no file is called."""
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
    """Raise OSError unless there is a file that has an end; a folder is left to `open`."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "is a device or a pipe, not a file", os.fspath(path))


@contextlib.contextmanager
def naming_errors(name: str) -> Iterator[None]:
    """Within, an OSError that names no file, as those of reading and writing, gets this name."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = name or None
        raise
