"""Model files: one safetensors file with arrays by name and a JSON header, nothing else.

Reading one runs no code. What the header claims (format, kind, shapes, dtypes) is checked
before an array is read, and all that can be wrong with a file is a `CheckpointError`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nncore.errors import CheckpointError
from nncore.params import Array

FORMAT_VERSION = 1
TEMPORARY = ".nncore-saving-"
STALE_SECONDS = 3600.0
NEW_FILE = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)


def save(
    path: str | os.PathLike[str], kind: str, arrays: dict[str, Array], header: dict[str, Any]
) -> None:
    """Write arrays and a JSON header to a file, replacing an old one only when all is written."""
    from safetensors.numpy import save as serialise

    header = {"kind": kind, "version": FORMAT_VERSION, **header}
    # One entry: several would be written in an order that changes from one save to the next.
    metadata = {"nncore": json.dumps(header, ensure_ascii=True, allow_nan=False)}
    data = serialise({name: np.ascontiguousarray(a) for name, a in arrays.items()}, metadata)
    write_atomically(path, data)


def check_target(path: str | os.PathLike[str]) -> None:
    """Raise OSError where no file can be written: better before a long training than after it."""
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder, not a file", str(target))
    if target.exists() and not target.is_file():  # replacing /dev/null would be a catastrophe
        raise OSError(errno.EINVAL, "is a device or a pipe, not a file", str(target))
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "is in a folder that does not exist", str(target))
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(errno.EACCES, "is in a folder that may not be written", str(target))


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """After this, or a crash in the middle of it, the file is the old one or the new one.

    A file that is replaced keeps its permissions, a link to one stays a link.
    """
    check_target(path)
    target = Path(os.path.realpath(path))
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
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _sync_folder(target.parent)
    _sweep(target.parent)


def _sweep(folder: Path) -> None:
    """Remove temporary files that killed processes have left."""
    for stale in folder.glob(f"{TEMPORARY}*"):
        with contextlib.suppress(OSError):
            if time.time() - stale.stat().st_mtime > STALE_SECONDS:
                stale.unlink()


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system lets a folder be opened."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    with contextlib.suppress(OSError):
        os.fsync(handle)
    os.close(handle)


class Reader:
    """An open model file: its header, and arrays that are checked before they are read."""

    def __init__(self, file: Any, path: str, kind: str) -> None:
        self._file = file
        self.path = path
        self.header = self._read_header()
        if self.field("kind", str) != kind:
            raise CheckpointError(f"{path} holds a {self.header['kind']}, wanted a {kind}")
        if self.field("version", int) != FORMAT_VERSION:
            raise CheckpointError(
                f"{path} has format version {self.header['version']}, this nncore reads "
                f"{FORMAT_VERSION}: a newer nncore is needed"
            )
        self.names = set(file.keys())

    def _read_header(self) -> dict[str, Any]:
        text = (self._file.metadata() or {}).get("nncore")
        if text is None:
            raise CheckpointError(f"{self.path} holds no nncore model")
        try:
            header = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise CheckpointError(f"{self.path} has a damaged header: {error}") from None
        if not isinstance(header, dict):
            raise CheckpointError(f"{self.path} has a damaged header: not an object")
        return header

    def field(self, name: str, kind: type | tuple[type, ...]) -> Any:
        """A value of the header, which must be of this type."""
        value = self.header.get(name)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise CheckpointError(f"{self.path}: header field {name!r} is missing or damaged")
        return value

    def check(self, name: str, shape: tuple[int | None, ...], dtype: np.dtype[Any]) -> None:
        """Raise unless the file has an array of this shape (None: any length) and dtype."""
        if name not in self.names:
            raise CheckpointError(f"{self.path} lacks the array {name!r}")
        part = self._file.get_slice(name)
        found = tuple(part.get_shape())
        fits = len(found) == len(shape) and all(
            want in (None, have) for want, have in zip(shape, found, strict=True)
        )
        if not fits or part.get_dtype() != SAFETENSORS_NAMES[dtype.name]:
            raise CheckpointError(
                f"{self.path}: array {name!r} is {part.get_dtype()} {found}, "
                f"wanted {SAFETENSORS_NAMES[dtype.name]} {shape}"
            )

    def array(self, name: str, shape: tuple[int | None, ...], dtype: np.dtype[Any]) -> Array:
        """An array, checked and read."""
        self.check(name, shape, dtype)
        return np.asarray(self._file.get_tensor(name))


SAFETENSORS_NAMES = {"float32": "F32", "float64": "F64", "int64": "I64"}


@contextlib.contextmanager
def reader(path: str | os.PathLike[str], kind: str) -> Iterator[Reader]:
    """Open a model file for reading; a damaged one raises CheckpointError."""
    from safetensors import SafetensorError, safe_open

    name = os.fspath(path)
    with open(name, "rb"):  # a missing file or a folder: Python's own error
        pass
    try:
        with safe_open(name, framework="numpy") as file:
            yield Reader(file, name, kind)
    except SafetensorError as error:
        raise CheckpointError(f"{name} is no model file, or a damaged one: {error}") from None
