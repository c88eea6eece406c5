"""Model files: one safetensors file with arrays by name and a JSON header, nothing else.

Reading one runs no code. What the header claims (sizes, places, kind, shapes, dtypes) is
checked before anything of that size is made, a loaded model takes at most twice the memory
that its file has bytes (and `CONSTANT`), and all that can be wrong with a file is a
`CheckpointError`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from nncore.errors import CheckpointError
from nncore.files.paths import check_regular, name_of, naming_errors
from nncore.files.safetensors import HEADER_LIMIT, parsed, places, read_header
from nncore.params import Array, Shapes, views

FORMAT_VERSION = 1
CONSTANT = 1 << 26  # bytes: the largest header, read as Python objects, and padding of arrays
CHUNK = 1 << 20  # bytes read at once
# Of updates and epochs: a file holds no larger counts. At a microsecond each that is 142 years;
# what is loaded can go on from there, and be saved and loaded again.
MOST_COUNTED = 1 << 52
LONGEST_SHOWN = 300  # characters of an error that may come from the file
TEMPORARY = ".nncore-saving-"
STALE_SECONDS = 3600.0
NEW_FILE = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)

# Of a history: for each array the one that it is as long as, and its dtype.
Columns = dict[str, tuple[str, np.dtype[Any]]]


def save(
    path: str | os.PathLike[str], kind: str, arrays: dict[str, Array], header: dict[str, Any]
) -> None:
    """Write arrays and a JSON header to a file, replacing an old one only when all is written.

    Raises ValueError, with nothing written, for what `load` would refuse.
    """
    from safetensors.numpy import save as serialise

    for name, array in arrays.items():
        if not sound(name, array):
            raise ValueError(f"{name} holds NaN or infinities: no model to save")

    header = {"kind": kind, "version": FORMAT_VERSION, **header}
    # One entry: several would be written in an order that changes from one save to the next.
    metadata = {"nncore": json.dumps(header, ensure_ascii=True, allow_nan=False)}
    data = serialise({name: np.ascontiguousarray(a) for name, a in arrays.items()}, metadata)
    length = int.from_bytes(data[:8], "little")
    if length > HEADER_LIMIT:  # thousands of layers
        raise ValueError(f"the file's header would have {length} bytes, at most {HEADER_LIMIT} may")
    write_atomically(path, data)


def trained(parameters: dict[str, Array], slots: Array, shapes: Shapes) -> dict[str, Array]:
    """Parameters and the optimizer's memory of each, by their names in a file."""
    arrays = {f"parameters.{name}": array for name, array in parameters.items()}
    for i, slot in enumerate(slots):
        arrays |= {f"optimizer.{i}.{name}": array for name, array in views(slot, shapes).items()}
    return arrays


def recorded(history: object, columns: Columns) -> dict[str, Array]:
    """The arrays of a history by their names in a file; ValueError for what no file may have.

    People can put others in their place, and would find out when the file is loaded.
    """
    arrays = {}
    for name, (like, dtype) in columns.items():
        array = arrays[f"history.{name}"] = getattr(history, name)
        if not isinstance(array, np.ndarray):
            raise ValueError(f"history.{name} is no array but a {type(array).__name__}")
        shape = (None,) if like == name else getattr(history, like).shape
        wrong = _misfit(array.dtype, array.shape, dtype, shape)
        if wrong:
            raise ValueError(f"history.{name} is {wrong}: no model to save")
    return arrays


def _misfit(
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    wanted_dtype: np.dtype[Any],
    wanted: tuple[int | None, ...],
) -> str:
    """What an array is and what it should be (None: any length); nothing where it is that."""
    fits = len(shape) == len(wanted) and all(
        want in (None, have) for want, have in zip(wanted, shape, strict=True)
    )
    if fits and dtype == wanted_dtype:
        return ""
    return f"{dtype.name} {shape}, wanted {wanted_dtype.name} {wanted}"


def sound(name: str, array: Array) -> bool:
    """Are these numbers that a model can have? Training leaves no others behind.

    A history may hold anything: NaN is where nothing was measured. An optimizer's state may
    hold infinities: a squared gradient beyond all numbers is one, and makes a step of 0.
    """
    if name.startswith("history."):
        return True
    if name.startswith("optimizer."):
        return not np.isnan(array).any()
    return bool(np.isfinite(array).all())


def check_target(path: str | os.PathLike[str], argument: str = "path") -> None:
    """Raise OSError where no file can be written: better before a long training than after it."""
    name = name_of(path, argument)
    target = _end_of_links(name)
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder, not a file", name)
    if target.exists():  # replacing /dev/null would be a catastrophe
        check_regular(target)
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "is in a folder that does not exist", name)
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(errno.EACCES, "is in a folder that may not be written", name)


def _end_of_links(name: str) -> Path:
    """The file that is to be written, which need not be there; OSError for links in a circle."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        os.stat(name)
    # No longer than it was where there is no link: a folder may be closed to those who come
    # from above, and open to those who are in it.
    return Path(os.path.realpath(name) if os.path.islink(name) else name)


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """After this, or a crash in the middle of it, the file is the old one or the new one.

    A file that is replaced keeps its permissions, a link to one stays a link. Raises OSError
    with the file's name where it cannot be written, be it for a full disk.
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

    def __init__(self, file: BinaryIO, path: str, kind: str) -> None:
        self._file = file
        self.path = path
        size = os.fstat(file.fileno()).st_size
        try:
            layout, start = read_header(file, size)
        except ValueError as error:
            raise self.damage("is no model file, or a damaged one", error) from None
        self.header = self._own_header(layout)
        self._check_kind(kind)
        try:
            self._places = places(layout, start, size)
        except ValueError as error:
            raise self.damage("is damaged", error) from None
        self._unread = set(self._places)

    def damage(self, what: str, error: Exception) -> CheckpointError:
        """The exception for what was found in the file, which may have written its text."""
        return CheckpointError(f"{self.path} {what}: {_shown(str(error), LONGEST_SHOWN)}")

    def _own_header(self, layout: dict[str, Any]) -> dict[str, Any]:
        metadata = layout.get("__metadata__")
        text = metadata.get("nncore") if isinstance(metadata, dict) else None
        if not isinstance(text, str):
            raise CheckpointError(f"{self.path} holds no nncore model")
        try:
            header = parsed(text)
        except ValueError as error:
            raise self.damage("has a damaged header", error) from None
        if not isinstance(header, dict):
            raise CheckpointError(f"{self.path} has a damaged header: not an object")
        return header

    def _check_kind(self, kind: str) -> None:
        found, version = self.field("kind", str), self.field("version", int)
        if found != kind:
            raise CheckpointError(f"{self.path} holds a {_shown(found, 40)}, wanted a {kind}")
        shown = _shown(str(version), 40)
        if version > FORMAT_VERSION:
            raise CheckpointError(
                f"{self.path} has format version {shown}, this nncore reads "
                f"{FORMAT_VERSION}: a newer nncore is needed"
            )
        if version < 1:
            raise CheckpointError(f"{self.path} has format version {shown}, which never was")

    @property
    def names(self) -> set[str]:
        """Of all arrays."""
        return set(self._places)

    def field(self, name: str, kind: type | tuple[type, ...]) -> Any:
        """A value of the header, which must be of this type."""
        value = self.header.get(name)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise CheckpointError(f"{self.path}: header field {name!r} is missing or damaged")
        return value

    def check(self, name: str, shape: tuple[int | None, ...], dtype: np.dtype[Any]) -> None:
        """Raise unless the file has an array of this shape (None: any length) and dtype."""
        if name not in self._places:
            raise CheckpointError(f"{self.path} lacks the array {name!r}")
        place = self._places[name]
        wrong = _misfit(place.dtype, place.shape, dtype.newbyteorder("<"), shape)
        if wrong:
            raise CheckpointError(f"{self.path}: array {name!r} is {wrong}")

    def check_trained(self, shapes: Shapes, slots: int, dtype: np.dtype[Any]) -> None:
        """Raise unless the file has what `trained` gives, before anything of its size is made."""
        for name, shape in shapes.items():
            self.check(f"parameters.{name}", shape, dtype)
            for i in range(slots):
                self.check(f"optimizer.{i}.{name}", shape, dtype)

    def array(self, name: str, shape: tuple[int | None, ...], dtype: np.dtype[Any]) -> Array:
        """An array, checked and read."""
        self.check(name, shape, dtype)
        result = np.empty(self._places[name].shape, dtype)
        self.read_into(name, result)
        return result

    def read_into(self, name: str, target: Array) -> None:
        """Read an array into one of the same shape and dtype, a piece at a time."""
        self.check(name, target.shape, target.dtype)
        self._file.seek(self._places[name].start)
        if target.flags.c_contiguous:
            target = target.reshape(-1)
        row = target.itemsize * int(np.prod(target.shape[1:], dtype=np.intp))
        step = max(1, CHUNK // max(1, row))
        for at in range(0, len(target), step):
            self._read_rows(name, target[at : at + step])
        self._unread.discard(name)

    def _read_rows(self, name: str, rows: Array) -> None:
        content = self._file.read(rows.nbytes)
        if len(content) != rows.nbytes:
            raise CheckpointError(f"{self.path} was cut short while it was read")
        rows[...] = np.frombuffer(content, rows.dtype.newbyteorder("<")).reshape(rows.shape)
        if not sound(name, rows):
            raise CheckpointError(f"{self.path}: array {name!r} holds NaN or infinities")

    def read_history(self, history: object, columns: Columns) -> None:
        """Read what `recorded` gave into a history."""
        for name, (like, dtype) in columns.items():
            shape = (None,) if like == name else getattr(history, like).shape
            setattr(history, name, self.array(f"history.{name}", shape, dtype))

    def finish(self) -> None:
        """Raise if there are arrays that nobody has read."""
        if self._unread:
            names = _shown(", ".join(sorted(self._unread)), 80)
            raise CheckpointError(f"{self.path} has arrays that do not belong in it: {names}")


def _shown(text: str, most: int) -> str:
    """Text of a file on its way into an error: not too long, and nothing that moves a cursor."""
    cut = text if len(text) <= most else text[:most] + "..."
    return cut if cut.isprintable() else ascii(cut)[1:-1]


# What Python and NumPy raise for values that are not what they should be.
WRONG_VALUES = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError)


@contextlib.contextmanager
def reader(path: str | os.PathLike[str], kind: str) -> Iterator[Reader]:
    """Open a model file for reading; within, whatever is wrong with it is a CheckpointError."""
    name = name_of(path)
    check_regular(name)  # a missing file or a folder: Python's own error
    with naming_errors(name), open(name, "rb") as handle:
        file = Reader(cast(BinaryIO, handle), name, kind)
        try:
            yield file
        except CheckpointError:
            raise
        except WRONG_VALUES as error:
            raise file.damage("has damaged settings", error) from error
        file.finish()
