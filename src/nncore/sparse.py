"""Rows of numbers most of which are 0, in compressed form: SciPy's CSR, without SciPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.params import Array

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
INDICES = (np.dtype(np.int32), np.dtype(np.int64))


class SparseLike(Protocol):
    """A sparse matrix or array, of SciPy or like SciPy's."""

    @property
    def shape(self) -> Any: ...

    def tocsr(self) -> Any: ...


@dataclass(frozen=True, slots=True, eq=False)
class SparseRows:
    """N rows of I numbers: row i has data[k] in column indices[k], k from indptr[i] to indptr[i+1].

    data (float32 or float64), indices and indptr (int32 or int64) are plain arrays, as the kernels
    read them. Columns are in ascending order in each row, none twice.
    """

    data: Array
    indices: Array
    indptr: Array
    shape: tuple[int, int]
    columns: SparseRows | None = None  # the same transposed, which spares `mlp_gradients` a sort

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | Array) -> SparseRows:
        """Some of the rows; those of a slice without a step are not copied."""
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step == 1:
                stop = max(start, stop)
                part = self.indptr[start : stop + 1]
                return SparseRows(self.data, self.indices, part, (stop - start, self.shape[1]))
            rows = np.arange(start, stop, step)
        starts = self.indptr[:-1][rows].astype(np.int64)
        lengths = self.indptr[1:][rows] - starts
        indptr = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(lengths, out=indptr[1:])
        at = np.arange(indptr[-1]) + np.repeat(starts - indptr[:-1], lengths)
        return SparseRows(self.data[at], self.indices[at], indptr, (len(rows), self.shape[1]))

    def tocsr(self) -> SparseRows:
        return self

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.data.dtype

    @property
    def entries(self) -> slice:
        """Where in data and indices the numbers of these rows are."""
        return slice(int(self.indptr[0]), int(self.indptr[-1]))

    def copy(self) -> SparseRows:
        """The same rows, of arrays that nobody else has, checked again."""
        parts = self.data.copy(), self.indices.copy(), self.indptr.copy()
        _check_structure("x", *parts, self.shape)
        return SparseRows(*parts, self.shape)

    def toarray(self, dtype: Any = None) -> Array:
        """The rows as an array (N, I); raises ValueError or IndexError for wrong indices."""
        _check_structure("x", self.data, self.indices, self.indptr, self.shape)
        result = np.zeros(self.shape, self.data.dtype if dtype is None else dtype)
        rows = np.repeat(np.arange(len(self)), np.diff(self.indptr))
        at = self.entries
        with np.errstate(over="ignore"):  # beyond float32 there is infinity
            result[rows, self.indices[at]] = self.data[at]
        return result

    def place(self, entry: int) -> tuple[int, int]:
        """Row and column of data[entry]."""
        row = int(np.searchsorted(self.indptr, entry, side="right")) - 1
        return row, int(self.indices[entry])


def is_sparse(value: object) -> bool:
    """Whether it is a sparse matrix or array, of SciPy or like one of SciPy's."""
    return isinstance(value, SparseRows) or hasattr(value, "tocsr") or hasattr(value, "indptr")


def sparse_rows(name: str, value: Any) -> SparseRows:
    """The rows of a sparse matrix or array of any format; nothing is copied that need not be.

    Raises TypeError if it is not numeric, ValueError or IndexError if its indices are wrong.
    """
    if isinstance(value, SparseRows):
        return value
    if getattr(value, "format", "csr") != "csr":
        value = _csr(name, value)
    rows = unchecked_rows(name, value)
    if _is_good_row(rows):
        return rows
    _check_structure(name, rows.data, rows.indices, rows.indptr, rows.shape)
    return rows if _in_order(rows) else _summed(rows)


def unchecked_rows(name: str, value: Any) -> SparseRows:
    """The rows of a CSR matrix, whose arrays are of the right types, whatever is in them."""
    shape = tuple(map(int, value.shape))
    if len(shape) != 2:
        raise ValueError(f"{name} has shape {shape}, expected rows and columns")
    data = _numbers(name, value.data)
    indices = _integers(f"{name}.indices", value.indices)
    indptr = _integers(f"{name}.indptr", value.indptr)
    return SparseRows(data, indices, indptr, shape)


def _csr(name: str, value: Any) -> Any:
    """Another format in rows, by its own method."""
    if not hasattr(value, "tocsr"):
        raise TypeError(f"{name} must be in CSR form, got {value.format!r}")
    if value.format == "csc":  # SciPy's method trusts what it reads
        parts = [np.array(part) for part in (value.data, value.indices, value.indptr)]
        rows, starts = _integers(f"{name}.indices", parts[1]), _integers(f"{name}.indptr", parts[2])
        _check_structure(name, parts[0], rows, starts, tuple(value.shape)[::-1])
        value = type(value)(tuple(parts), shape=value.shape)
    elif value.format in ("coo", "bsr"):
        value = _checked_copy(name, value)
    return value.tocsr()


def _checked_copy(name: str, value: Any) -> Any:
    """A private copy whose places SciPy has checked; ValueError for those that there are not."""
    try:
        if value.format == "coo":
            row, column = (np.array(place) for place in (value.row, value.col))
            return type(value)((np.array(value.data), (row, column)), shape=value.shape)
        parts = (np.array(value.data), np.array(value.indices), np.array(value.indptr))
        copy = type(value)(parts, shape=value.shape, blocksize=value.blocksize)
        copy.check_format(full_check=True)
    except ValueError as error:
        raise ValueError(f"{name} is malformed: {error}") from None
    return copy


def _numbers(name: str, data: Any) -> Array:
    """The numbers as the kernels read them; float32 and float64 both are read where they lie."""
    array = np.asarray(data)
    if array.ndim == 1 and array.dtype in FLOATS:
        return arguments.native(array)
    if array.ndim != 1 or array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold numbers, got data of {arguments.describe(array)}")
    dtype = np.dtype(np.float32 if array.dtype.newbyteorder("=") == np.float32 else np.float64)
    with np.errstate(over="ignore"):  # of long doubles
        return np.require(array, dtype, ["C", "A", "E"])


def _integers(name: str, value: Any) -> Array:
    array = np.asarray(value)
    if array.ndim == 1 and array.dtype in INDICES:
        return arguments.native(array)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got {arguments.describe(array)}")
    return np.require(array, np.int64, ["C", "A", "E"])


def _check_structure(
    name: str, data: Array, indices: Array, indptr: Array, shape: tuple[int, int]
) -> None:
    """Raise unless every row is a part of the entries, and every column exists."""
    count = min(len(data), len(indices))
    if len(indptr) != shape[0] + 1:
        raise ValueError(f"{name}.indptr has {len(indptr)} entries, expected {shape[0] + 1}")
    first, last = int(indptr[0]), int(indptr[-1])
    if first < 0 or last > count or (indptr[1:] < indptr[:-1]).any():
        raise ValueError(
            f"{name}.indptr goes from {first} to {last}; expected ascending numbers from 0 to at "
            f"most {count}"
        )
    arguments.check_range(f"{name}.indices", indices[first:last], shape[1])


def _is_good_row(rows: SparseRows) -> bool:
    """Whether it is a single row with nothing wrong, which is told in a third of the time."""
    if len(rows) != 1 or len(rows.indptr) != 2:
        return False
    first, end = rows.indptr.tolist()
    if not 0 <= first < end <= min(len(rows.data), len(rows.indices)):
        return False
    columns = rows.indices[first:end]
    within = columns[0] >= 0 and columns[-1] < rows.shape[1]
    return bool(within and (columns[1:] > columns[:-1]).all())


def _in_order(rows: SparseRows) -> bool:
    """Whether columns ascend in every row, none twice."""
    at = rows.entries
    indices = rows.indices[at]
    ascending = np.empty(len(indices) + 1, bool)
    ascending[0] = True
    np.greater(indices[1:], indices[:-1], out=ascending[1:-1])
    ascending[rows.indptr - at.start] = True  # where a row begins, or the last one ends
    return bool(ascending.all())


def _summed(rows: SparseRows) -> SparseRows:
    """The same rows with columns in order; what is given twice is added up."""
    at = rows.entries
    indices, data = rows.indices[at], rows.data[at]
    row = np.repeat(np.arange(len(rows)), np.diff(rows.indptr))
    order = np.lexsort((indices, row))
    row, indices, data = row[order], indices[order], data[order]
    first = np.ones(len(row), bool)
    first[1:] = (row[1:] != row[:-1]) | (indices[1:] != indices[:-1])
    into = np.cumsum(first) - 1
    sums = np.zeros(int(np.count_nonzero(first)), data.dtype)
    with np.errstate(all="ignore"):
        np.add.at(sums, into, data)
    indptr = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(np.bincount(row[first], minlength=len(rows)), out=indptr[1:])
    return SparseRows(sums, indices[first], indptr, rows.shape)
