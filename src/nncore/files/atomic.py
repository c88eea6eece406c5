"""Files that are replaced only when the new one is completely written."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from pathlib import Path

from nncore.files.paths import check_regular, name_of

TEMPORARY = ".nncore-saving-"
STALE_SECONDS = 3600.0
NEW_FILE = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)


def check_target(path: str | os.PathLike[str], argument: str = "path") -> None:
    """Raise OSError if a file cannot be written, before a long training rather than after it."""
    name = name_of(path, argument)
    target = _end_of_links(name)
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder, not a file", name)
    if target.exists():  # devices such as /dev/null must not be replaced
        check_regular(target)
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "is in a folder that does not exist", name)
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(errno.EACCES, "is in a folder that is not writable", name)


def _end_of_links(name: str) -> Path:
    """Return the target of symbolic links, which may not exist; OSError for circular links."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        os.stat(name)
    # A path that is not a link is not made absolute, as a folder above the current one may not
    # be accessible.
    return Path(os.path.realpath(name) if os.path.islink(name) else name)


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that, even after a crash, it is either the old one or the new one.

    A replaced file keeps its permissions, and a link to it stays a link. Raises OSError with the
    name of the file if it cannot be written.
    """
    check_target(path)
    target = _end_of_links(name_of(path))
    mode = target.stat().st_mode & 0o777 if target.exists() else None
    temporary = target.with_name(f"{TEMPORARY}{os.urandom(6).hex()}")
    try:
        handle = os.open(temporary, NEW_FILE, 0o666 if mode is None else mode)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, error.strerror, os.fspath(path)) from error
        raise
    _sync_folder(target.parent)
    _remove_stale(target.parent)


def _remove_stale(folder: Path) -> None:
    """Remove temporary files that killed processes have left."""
    for stale in folder.glob(f"{TEMPORARY}*"):
        with contextlib.suppress(OSError):
            if time.time() - stale.stat().st_mtime > STALE_SECONDS:
                stale.unlink()


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, if the system can open a folder."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    with contextlib.suppress(OSError):
        os.fsync(handle)
    os.close(handle)
