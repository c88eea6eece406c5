"""Model files: a safetensors file with arrays by name and a JSON header.

Reading a file runs no code from it. What the header claims (sizes, offsets, kind, shapes, dtypes)
is checked before anything of that size is allocated, a loaded model takes at most twice the memory
of its file (plus `CONSTANT`), and a file with invalid content raises `CheckpointError`.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, cast

import numpy as np

from nncore.errors import CheckpointError
from nncore.files.atomic import write_atomically
from nncore.files.paths import check_regular, name_of, naming_errors
from nncore.files.safetensors import HEADER_LIMIT, parsed, places, read_header
from nncore.params import Array, Shapes

FORMAT_VERSION = 1
CONSTANT = 1 << 26  # bytes: the largest header as Python objects, and the padding of arrays
CHUNK = 1 << 20  # bytes read at once
# Largest count of updates and epochs in a file: 142 years at a microsecond each. A loaded model
# can still be trained, saved and loaded again.
MOST_COUNTED = 1 << 52
LONGEST_SHOWN = 300  # characters of an error that may come from the file

Named = dict[str, Array]
Shape = tuple[int | None, ...]  # None is any length
# Arrays of a history: for each its shape, or the array whose shape it has, and its dtype.
Columns = dict[str, tuple[Shape | str, np.dtype[Any]]]


def save(
    path: str | os.PathLike[str], kind: str, arrays: dict[str, Array], header: dict[str, Any]
) -> None:
    """Save arrays and a JSON header to a file, which is replaced only when all is written.

    Parameters
    ----------
    path : str or os.PathLike
        The file.
    kind : str
        The class of the model, which `reader` checks.
    arrays : dict of str to ndarray
        The arrays by name.
    header : dict
        Values that JSON can represent.

    Raises
    ------
    ValueError
        If an array has values that no model can have, or the header is too large; nothing is
        written.
    OSError
        If the file cannot be written.
    """
    from safetensors.numpy import save as serialise

    for name, array in arrays.items():
        if not is_storable(name, array):
            raise ValueError(f"{name} contains NaN or infinity: the model cannot be saved")

    header = {"kind": kind, "version": FORMAT_VERSION, **header}
    # A single entry, as the order of several would change from one save to the next.
    metadata = {"nncore": json.dumps(header, ensure_ascii=True, allow_nan=False)}
    data = serialise({name: np.ascontiguousarray(a) for name, a in arrays.items()}, metadata)
    length = int.from_bytes(data[:8], "little")
    if length > HEADER_LIMIT:  # thousands of layers
        raise ValueError(
            f"the header of the file would have {length} bytes, expected at most {HEADER_LIMIT}"
        )
    write_atomically(path, data)


def trained(parameters: Named, slots: Iterable[Named]) -> Named:
    """Return the parameters and the optimizer's state of each, by their names in a file."""
    arrays = {f"parameters.{name}": array for name, array in parameters.items()}
    for i, slot in enumerate(slots):
        arrays |= {f"optimizer.{i}.{name}": array for name, array in slot.items()}
    return arrays


def recorded(history: object, columns: Columns) -> Named:
    """Return the arrays of a history by their names in a file.

    Raises ValueError if the user has replaced one by an array that could not be loaded.
    """
    arrays = {}
    for name, (like, dtype) in columns.items():
        array = arrays[f"history.{name}"] = getattr(history, name)
        if not isinstance(array, np.ndarray):
            raise ValueError(f"history.{name} must be an array, got {type(array).__name__}")
        wrong = _misfit(array.dtype, array.shape, dtype, _shape(history, like))
        if wrong:
            raise ValueError(f"history.{name} is {wrong}: the model cannot be saved")
    return arrays


def _shape(history: object, like: Shape | str) -> Shape:
    """Return the shape that an array of a history must have."""
    shape: Shape = getattr(history, like).shape if isinstance(like, str) else like
    return shape


def _misfit(
    dtype: np.dtype[Any], shape: tuple[int, ...], expected_dtype: np.dtype[Any], expected: Shape
) -> str:
    """Return how dtype and shape differ from the expected ones (None: any length), or ""."""
    fits = len(shape) == len(expected) and all(
        length in (None, have) for length, have in zip(expected, shape, strict=True)
    )
    if fits and dtype == expected_dtype:
        return ""
    return f"{dtype.name} {shape}, expected {expected_dtype.name} {expected}"


def is_storable(name: str, array: Array) -> bool:
    """Whether an array has only values that training can produce.

    A history can hold any number, as NaN marks epochs without a validation, and so can the losses
    of a run. The state of an optimizer can hold infinities, as a squared gradient can overflow,
    which makes the step 0.
    """
    if name.startswith(("history.", "losses.")):
        return True
    if name.startswith("optimizer."):
        return not np.isnan(array).any()
    return bool(np.isfinite(array).all())


def check_counts(name: str, array: Array) -> None:
    """Raise ValueError unless an array has counts that training increases; see `MOST_COUNTED`."""
    if (array < 0).any() or (array > MOST_COUNTED).any():
        raise ValueError(f"{name} has {array.min()} to {array.max()}, which is out of range")


class Reader:
    """An open model file: its header, and its arrays, which are checked before they are read.

    Parameters
    ----------
    file : binary file
        The open file.
    path : str
        Its name, for errors.
    kind : str
        The expected class of the model.

    Raises
    ------
    CheckpointError
        If the file is not a model file, or contains a model of another kind or a newer version.
    """

    def __init__(self, file: BinaryIO, path: str, kind: str) -> None:
        self._file = file
        self.path = path
        size = os.fstat(file.fileno()).st_size
        try:
            layout, start = read_header(file, size)
        except ValueError as error:
            raise self.damage("is not a model file, or is damaged", error) from None
        self.header = self._own_header(layout)
        self._check_kind(kind)
        try:
            self._places = places(layout, start, size)
        except ValueError as error:
            raise self.damage("is damaged", error) from None
        self._unread = set(self._places)

    def damage(self, what: str, error: Exception) -> CheckpointError:
        """Return the exception for an error, whose text may come from the file."""
        return CheckpointError(f"{self.path} {what}: {_shown(str(error), LONGEST_SHOWN)}")

    def _own_header(self, layout: dict[str, Any]) -> dict[str, Any]:
        """Return nncore's header, which is in the metadata of the safetensors header."""
        metadata = layout.get("__metadata__")
        text = metadata.get("nncore") if isinstance(metadata, dict) else None
        if not isinstance(text, str):
            raise CheckpointError(f"{self.path} does not contain an nncore model")
        try:
            header = parsed(text)
        except ValueError as error:
            raise self.damage("has a damaged header", error) from None
        if not isinstance(header, dict):
            raise CheckpointError(f"{self.path} has a damaged header: not a JSON object")
        return header

    def _check_kind(self, kind: str) -> None:
        """Raise CheckpointError unless the kind and the version are as expected."""
        found, version = self.field("kind", str), self.field("version", int)
        if found != kind:
            raise CheckpointError(
                f"{self.path} contains a model of kind {_shown(found, 40)}, expected {kind}"
            )
        shown = _shown(str(version), 40)
        if version > FORMAT_VERSION:
            raise CheckpointError(
                f"{self.path} has format version {shown}, expected at most {FORMAT_VERSION}: a "
                f"newer nncore is needed"
            )
        if version < 1:
            raise CheckpointError(f"{self.path} has the unknown format version {shown}")

    @property
    def names(self) -> set[str]:
        """Names of all arrays."""
        return set(self._places)

    def field(self, name: str, kind: type | tuple[type, ...]) -> Any:
        """Return a value of the header, which must be of this type."""
        value = self.header.get(name)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise CheckpointError(f"{self.path}: header field {name!r} is missing or damaged")
        return value

    def hash_seed(self) -> int:
        """Return the seed of dropout."""
        seed: int = self.field("hash_seed", int)
        if not 0 <= seed < 2**63:
            raise ValueError(f"hash_seed is out of range: {seed}")
        return seed

    def check(self, name: str, shape: Shape, dtype: np.dtype[Any]) -> None:
        """Raise CheckpointError unless there is an array of this shape (None: any) and dtype."""
        if name not in self._places:
            raise CheckpointError(f"{self.path} lacks the array {name!r}")
        place = self._places[name]
        wrong = _misfit(place.dtype, place.shape, dtype.newbyteorder("<"), shape)
        if wrong:
            raise CheckpointError(f"{self.path}: array {name!r} is {wrong}")

    def check_trained(self, shapes: Shapes, slots: int, dtype: np.dtype[Any]) -> None:
        """Raise CheckpointError unless the file has the arrays that `trained` returns."""
        for name, shape in shapes.items():
            self.check(f"parameters.{name}", shape, dtype)
            for i in range(slots):
                self.check(f"optimizer.{i}.{name}", shape, dtype)

    def array(self, name: str, shape: Shape, dtype: np.dtype[Any]) -> Array:
        """Return an array, checked and read."""
        self.check(name, shape, dtype)
        result = np.empty(self._places[name].shape, dtype)
        self.read_into(name, result)
        return result

    def counts(self, name: str, shape: Shape) -> Array:
        """Return an array of counts that training increases; see `MOST_COUNTED`."""
        array = self.array(name, shape, np.dtype(np.int64))
        check_counts(name, array)
        return array

    def flags(self, name: str, shape: Shape) -> Array:
        """Return an array of bool, which has 0 and 1 in the file."""
        array = self.array(name, shape, np.dtype(np.int64))
        if ((array != 0) & (array != 1)).any():
            raise ValueError(f"{name} has numbers other than 0 and 1")
        return array.astype(bool)

    def read_into(self, name: str, target: Array) -> None:
        """Read an array into one of the same shape and dtype, piece by piece."""
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
        """Read the next rows of an array and check their values."""
        content = self._file.read(rows.nbytes)
        if len(content) != rows.nbytes:
            raise CheckpointError(f"{self.path} was truncated while it was being read")
        rows[...] = np.frombuffer(content, rows.dtype.newbyteorder("<")).reshape(rows.shape)
        if not is_storable(name, rows):
            raise CheckpointError(f"{self.path}: array {name!r} contains NaN or infinity")

    def read_history(self, history: object, columns: Columns) -> None:
        """Read the arrays that `recorded` returned into a history."""
        for name, (like, dtype) in columns.items():
            setattr(history, name, self.array(f"history.{name}", _shape(history, like), dtype))

    def finish(self) -> None:
        """Raise CheckpointError if there are arrays that have not been read."""
        if self._unread:
            names = _shown(", ".join(sorted(self._unread)), 80)
            raise CheckpointError(f"{self.path} has unexpected arrays: {names}")


def _shown(text: str, most: int) -> str:
    """Return text of a file for an error: shortened, and without unprintable characters."""
    cut = text if len(text) <= most else text[:most] + "..."
    return cut if cut.isprintable() else ascii(cut)[1:-1]


# What Python and NumPy raise for invalid values.
WRONG_VALUES = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError)


@contextlib.contextmanager
def reader(path: str | os.PathLike[str], kind: str) -> Iterator[Reader]:
    """Open a model file for reading.

    Errors that invalid values raise within the block are converted to CheckpointError.
    """
    name = name_of(path)
    check_regular(name)  # for a missing file or a folder, Python's OSError
    with naming_errors(name), open(name, "rb") as handle:
        file = Reader(cast(BinaryIO, handle), name, kind)
        try:
            yield file
        except CheckpointError:
            raise
        except WRONG_VALUES as error:
            raise file.damage("has damaged settings", error) from error
        file.finish()
