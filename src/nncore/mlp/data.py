"""The rows of a run: inputs, targets and weights, checked and in the form that kernels read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.params import Array
from nncore.registry import Loss
from nncore.sparse import SparseRows, is_sparse, sparse_rows
from nncore.training import fingerprint

CHUNK = 1 << 20  # numbers that are checked or converted at once


@dataclass(frozen=True)
class Data:
    """Rows to train on or to evaluate: x (N, I) as passed, the rest as kernels read it."""

    x: Array | SparseRows
    y: Array
    weight: Array | None

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.x)

    def take(self, rows: Array | slice) -> Data:
        """Return some of the rows."""
        weight = None if self.weight is None else self.weight[rows]
        return Data(self.x[rows], self.y[rows], weight)

    def fingerprint(self) -> list[int]:
        """Return the shape and a checksum of a sample of the data, to recognise it by."""
        x = self.x
        inputs = [x.data, x.indices, x.indptr] if isinstance(x, SparseRows) else [x]
        every = max(1, -(-inputs[0].size // 65536))
        arrays = [a for a in (*inputs, self.y, self.weight) if a is not None]
        return fingerprint(x.shape, arrays, every)

    def split(self, fraction: float, rng: np.random.Generator) -> tuple[Data, Data]:
        """Return the remaining rows, and a random fraction of the rows."""
        if not 0 < fraction < 1:
            raise ValueError(f"validation_fraction must be in [0, 1), got {fraction}")
        held_out = int(len(self.x) * fraction)
        if not 1 <= held_out < len(self.x):
            raise ValueError(
                f"validation_fraction of {fraction} holds out {held_out} of {len(self.x)} rows, "
                f"expected at least 1 and fewer than all"
            )
        rows = rng.permutation(len(self.x))
        parts = self.take(np.sort(rows[held_out:])), self.take(np.sort(rows[:held_out]))
        for name, part in zip(("to train on", "held out"), parts, strict=True):
            if part.weight is not None and not part.weight.any():
                raise ValueError(f"sample_weight is 0 for all rows {name}, expected some above 0")
        return parts[0].balanced(), parts[1]

    def balanced(self) -> Data:
        """Return the rows with weights of mean 1, so that objectives of batches add up."""
        if self.weight is None:
            return self
        return Data(self.x, self.y, mean_of_one(self.weight).astype(self.weight.dtype))

    def pieces(self, dtype: np.dtype[Any]) -> Iterator[Data]:
        """Yield the rows with x as kernels read it, in pieces if it has to be converted."""
        if isinstance(self.x, SparseRows) or readable_in_place(self.x):
            yield Data(converted(self.x, dtype), self.y, self.weight)
            return
        starts = _chunks(self.x)
        for start in starts:
            part = self.take(slice(start, start + starts.step))
            yield Data(converted(part.x, dtype), part.y, part.weight)

    def largest(self) -> dict[str, float]:
        """Return the largest absolute values of the inputs, and of targets other than labels."""
        arrays = {"X": self.x} if self.y.ndim == 1 else {"X": self.x, "Y": self.y}
        return {name: _largest(array) for name, array in arrays.items()}


def numeric(name: str, value: Any) -> Array:
    """Return a value as an array of numbers, without a copy if it is one already."""
    if value is None or isinstance(value, str | bytes):
        raise TypeError(f"{name} must be an array of numbers, got {type(value).__name__}")
    if is_sparse(value):
        raise TypeError(f"{name} must be dense, got a sparse matrix: pass {name}.toarray()")
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array, whose mask would be lost: fill it first")
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{name} cannot be converted to an array: {error}") from None
    if array.dtype.kind == "O":
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{name} must contain numbers: {error}") from None
        except OverflowError:
            raise ValueError(f"{name} has an integer too large for a float") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must contain numbers, got {arguments.describe(array)}")
    if not array.ndim:
        raise ValueError(f"{name} must be an array, got a single number")
    return array


def _chunks(array: Array) -> range:
    """Return where pieces of rows start that are small enough to convert."""
    width = max(1, array[:1].size)
    return range(0, len(array), max(1, CHUNK // width))


def _largest(array: Array | SparseRows) -> float:
    """Return the largest absolute value."""
    numbers = array.data[array.entries] if isinstance(array, SparseRows) else array
    if not numbers.size:
        return 0.0
    return float(max(np.float64(numbers.max()), -np.float64(numbers.min())))


def check_finite(name: str, array: Array | SparseRows, dtype: np.dtype[Any] | None = None) -> None:
    """Raise ValueError if a number is not finite, in its type or in dtype, naming its position."""
    if isinstance(array, SparseRows):
        _check_finite_entries(name, array, dtype)
        return
    if array.dtype.kind != "f":
        return
    kind = array.dtype if dtype is None else dtype
    largest = np.float64(np.finfo(kind).max)
    starts = _chunks(array)
    for start in starts:
        part = array[start : start + starts.step]
        if part.size and not (part.min() >= -largest and part.max() <= largest):
            bad = ~(np.abs(part) <= largest)
            at = tuple(int(i) for i in np.argwhere(bad)[0])
            where = ", ".join(
                f"{axis} {i + (start if axis == 'row' else 0)}"
                for axis, i in zip(("row", "column"), at, strict=False)
            )
            raise _not_finite(name, part[at], where, kind)


def _not_finite(name: str, value: Any, where: str, kind: np.dtype[Any]) -> ValueError:
    valid = f"numbers that {kind} holds" if np.isfinite(value) else "finite numbers"
    return ValueError(f"{name} has {value} in {where}; expected {valid}")


def _check_finite_entries(name: str, rows: SparseRows, dtype: np.dtype[Any] | None) -> None:
    """`check_finite` for sparse rows."""
    kind = rows.dtype if dtype is None else dtype
    largest = np.float64(np.finfo(kind).max)
    data = rows.data[rows.entries]
    if data.size and not (data.min() >= -largest and data.max() <= largest):
        at = int((~(np.abs(data) <= largest)).argmax())
        row, column = rows.place(rows.entries.start + at)
        raise _not_finite(name, data[at], f"row {row}, column {column}", kind)


def inputs(name: str, value: Any, columns: int) -> Array | SparseRows:
    """Return X as an array of numbers (N, I), of any type, or as sparse rows."""
    array: Array | SparseRows
    if not isinstance(value, np.ndarray) and is_sparse(value):
        array = sparse_rows(name, value)
    else:
        array = numeric(name, value)
    _check_columns(name, array.shape, columns)
    return array


def _check_columns(name: str, shape: tuple[int, ...], columns: int) -> None:
    if len(shape) != 2 or shape[1] != columns:
        hint = f"; for one row give {name}[None]" if shape == (columns,) else ""
        raise ValueError(
            f"{name} has shape {shape}, expected (N, {columns}): the network has "
            f"{columns} input(s){hint}"
        )


def converted(array: Any, dtype: np.dtype[Any]) -> Any:
    """Return the rows as a kernel reads them; arrays of float32 and float64 are not copied."""
    if isinstance(array, SparseRows):
        return array
    if type(array) is np.ndarray or isinstance(array, np.memmap):
        kind = array.dtype in (np.float32, np.float64)
        if kind and arguments.is_plain(array):
            return array.view(np.ndarray)
    return plain(array, dtype)


def plain(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return a C-ordered, aligned array of exactly the class ndarray."""
    with np.errstate(all="ignore"):  # out of range of float32: infinity or 0
        return np.require(array, dtype, ["C", "A", "E"])


def readable_in_place(array: Array | SparseRows) -> bool:
    """Whether `converted` does not copy; otherwise a few batches at a time are converted."""
    if isinstance(array, SparseRows):
        return True
    return array.dtype in (np.float32, np.float64) and arguments.is_plain(array)


def labels(name: str, value: Any, rows: int, classes: int) -> Array:
    """Return labels (N,) of intp, from labels or from one-hot rows."""
    array = numeric(name, value)
    check_finite(name, array)
    if array.ndim == 2 and array.shape[1] == classes and classes > 1:
        _check_rows(name, array, rows)
        if not (((array == 0) | (array == 1)).all() and (array.sum(axis=1) == 1).all()):
            raise ValueError(f"{name} has rows that are not one-hot: expected one 1, the rest 0")
        return np.asarray(array.argmax(axis=1), np.intp)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(
            f"{name} has shape {array.shape}, expected labels ({rows},) or one-hot rows "
            f"({rows}, {classes})"
        )
    _check_rows(name, array, rows)
    if array.dtype.kind == "f" and (np.floor(array) != array).any():
        bad = array[np.floor(array) != array][0]
        raise ValueError(f"{name} has {bad}; labels must be integers")
    arguments.check_range(name, array, classes)
    return array.astype(np.intp)


def targets(
    name: str, value: Any, rows: int, outputs: int, dtype: np.dtype[Any], loss: Loss | None = None
) -> Array:
    """Return targets (N, O) of the network's type, checked for the range of a loss."""
    array = numeric(name, value)
    if array.ndim == 1 and outputs == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] != outputs:
        hint = "; for labels use the loss 'softmax_cross_entropy'" if array.ndim == 1 else ""
        raise ValueError(
            f"{name} has shape {array.shape}, expected ({rows}, {outputs}): the network has "
            f"{outputs} output(s){hint}"
        )
    _check_rows(name, array, rows)
    check_finite(name, array, dtype)
    if loss is not None:
        _check_range(name, array, loss)
    return plain(array, dtype)


def _check_range(name: str, array: Array, loss: Loss) -> None:
    """Raise ValueError for targets out of the range of a loss."""
    if loss.targets is None or not array.size:
        return
    low, high = loss.targets
    if not (array.min() >= low and array.max() <= high):
        raise ValueError(
            f"{name} has values from {array.min()} to {array.max()}, expected values in "
            f"[{low:g}, {high:g}] for {loss.name}"
        )


def _check_rows(name: str, array: Array, rows: int) -> None:
    if len(array) != rows:
        raise ValueError(f"{name} has {len(array)} rows, expected {rows}, as many as X has")


def mean_of_one(weight: Array) -> Array:
    """Return weights divided by their mean, in float64, without underflow of tiny weights."""
    with np.errstate(all="ignore"):
        scaled = weight / np.float64(weight.max())
        return np.asarray(scaled * (len(scaled) / np.cumsum(scaled)[-1]))  # in a fixed order


def sample_weights(name: str, value: Any, rows: int, dtype: np.dtype[Any]) -> Array | None:
    """Return the weights of rows (N,) with a mean of 1; None for None."""
    if value is None:
        return None
    array = numeric(name, value)
    if array.shape != (rows,):
        raise ValueError(f"{name} has shape {array.shape}, expected ({rows},), one per row")
    check_finite(name, array)
    if (array < 0).any() or not array.any():
        raise ValueError(f"{name} must not be negative or all zero")
    return plain(mean_of_one(array.astype(np.float64)), dtype)
