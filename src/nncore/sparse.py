"""Sparse rows in SciPy's CSR format, without depending on SciPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.params import Array

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
INDICES = (np.dtype(np.int32), np.dtype(np.int64))


class SparseLike(Protocol):
    """A sparse matrix or array of SciPy, or another class with its interface."""

    @property
    def shape(self) -> Any:
        """Number of rows and columns."""

    def tocsr(self) -> Any:
        """Return the matrix in CSR format."""


@dataclass(frozen=True, slots=True, eq=False)
class SparseRows:
    """N sparse rows of I numbers in CSR format.

    Row i has data[k] in column indices[k] for k from indptr[i] to indptr[i + 1] - 1. The columns of
    a row are ascending and distinct.

    Parameters
    ----------
    data : ndarray of float32 or float64
        The numbers.
    indices : ndarray of int32 or int64
        The column of each number.
    indptr : ndarray of int32 or int64 (N + 1,)
        The start of each row in data and indices, and the end of the last one.
    shape : tuple of int
        (N, I).
    columns : SparseRows, optional
        The transposed matrix, which saves `mlp_gradients` from sorting.
    """

    data: Array
    indices: Array
    indptr: Array
    shape: tuple[int, int]
    columns: SparseRows | None = None

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | Array) -> SparseRows:
        """Return some of the rows; those of a slice without a step are not copied."""
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
        """Return the rows unchanged."""
        return self

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers."""
        return self.data.dtype

    @property
    def entries(self) -> slice:
        """The part of data and indices that these rows occupy."""
        return slice(int(self.indptr[0]), int(self.indptr[-1]))

    def copy(self) -> SparseRows:
        """Return a copy of the rows, whose indices are checked again.

        Returns
        -------
        SparseRows

        Raises
        ------
        ValueError
            If the arrays do not fit together.
        """
        parts = self.data.copy(), self.indices.copy(), self.indptr.copy()
        _check_structure("x", *parts, self.shape)
        return SparseRows(*parts, self.shape)

    def toarray(self, dtype: Any = None) -> Array:
        """Return the rows as a dense array.

        Parameters
        ----------
        dtype : data-type, optional
            Type of the array, by default that of the rows.

        Returns
        -------
        ndarray of shape (N, I)

        Raises
        ------
        ValueError, IndexError
            If indices are invalid.
        """
        _check_structure("x", self.data, self.indices, self.indptr, self.shape)
        result = np.zeros(self.shape, self.data.dtype if dtype is None else dtype)
        rows = np.repeat(np.arange(len(self)), np.diff(self.indptr))
        at = self.entries
        with np.errstate(over="ignore"):  # becomes infinity in float32
            result[rows, self.indices[at]] = self.data[at]
        return result

    def place(self, entry: int) -> tuple[int, int]:
        """Return the row and column of data[entry]."""
        row = int(np.searchsorted(self.indptr, entry, side="right")) - 1
        return row, int(self.indices[entry])


def is_sparse(value: object) -> bool:
    """Whether a value is a sparse matrix or array of SciPy, or has the same interface."""
    return isinstance(value, SparseRows) or hasattr(value, "tocsr") or hasattr(value, "indptr")


def sparse_rows(name: str, value: Any) -> SparseRows:
    """Return the rows of a sparse matrix or array of any format, without unnecessary copies.

    Raises TypeError if it is not numeric, ValueError or IndexError if its indices are invalid.
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
    """Return the rows of a CSR matrix with arrays of the right types but unchecked indices."""
    shape = tuple(map(int, value.shape))
    if len(shape) != 2:
        raise ValueError(f"{name} has shape {shape}, expected rows and columns")
    data = _numbers(name, value.data)
    indices = _integers(f"{name}.indices", value.indices)
    indptr = _integers(f"{name}.indptr", value.indptr)
    return SparseRows(data, indices, indptr, shape)


def _csr(name: str, value: Any) -> Any:
    """Return a sparse matrix of another format as CSR, by its own method."""
    if not hasattr(value, "tocsr"):
        raise TypeError(f"{name} must be in CSR format, got {value.format!r}")
    if value.format == "csc":  # SciPy's method does not check indices
        parts = [np.array(part) for part in (value.data, value.indices, value.indptr)]
        rows, starts = _integers(f"{name}.indices", parts[1]), _integers(f"{name}.indptr", parts[2])
        _check_structure(name, parts[0], rows, starts, tuple(value.shape)[::-1])
        value = type(value)(tuple(parts), shape=value.shape)
    elif value.format in ("coo", "bsr"):
        value = _checked_copy(name, value)
    return value.tocsr()


def _checked_copy(name: str, value: Any) -> Any:
    """Return a private copy whose indices SciPy has checked; ValueError if they are invalid."""
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
    """Return data as the kernels read them; float32 and float64 are not copied."""
    array = np.asarray(data)
    if array.ndim == 1 and array.dtype in FLOATS:
        return arguments.native(array)
    if array.ndim != 1 or array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must contain numbers, got data of {arguments.describe(array)}")
    dtype = np.dtype(np.float32 if array.dtype.newbyteorder("=") == np.float32 else np.float64)
    with np.errstate(over="ignore"):  # of long doubles
        return np.require(array, dtype, ["C", "A", "E"])


def _integers(name: str, value: Any) -> Array:
    """Return indices as the kernels read them; int32 and int64 are not copied."""
    array = np.asarray(value)
    if array.ndim == 1 and array.dtype in INDICES:
        return arguments.native(array)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got {arguments.describe(array)}")
    return np.require(array, np.int64, ["C", "A", "E"])


def _check_structure(
    name: str, data: Array, indices: Array, indptr: Array, shape: tuple[int, int]
) -> None:
    """Raise ValueError or IndexError unless all rows and columns are within range."""
    count = min(len(data), len(indices))
    if len(indptr) != shape[0] + 1:
        raise ValueError(f"{name}.indptr has {len(indptr)} entries, expected {shape[0] + 1}")
    first, last = int(indptr[0]), int(indptr[-1])
    if first < 0 or last > count or (indptr[1:] < indptr[:-1]).any():
        raise ValueError(
            f"{name}.indptr must be ascending from at least 0 to at most {count}, got values from "
            f"{first} to {last}"
        )
    arguments.check_range(f"{name}.indices", indices[first:last], shape[1])


def _is_good_row(rows: SparseRows) -> bool:
    """Whether it is a single valid row, for which a shorter check is enough."""
    if len(rows) != 1 or len(rows.indptr) != 2:
        return False
    first, end = rows.indptr.tolist()
    if not 0 <= first < end <= min(len(rows.data), len(rows.indices)):
        return False
    columns = rows.indices[first:end]
    within = columns[0] >= 0 and columns[-1] < rows.shape[1]
    return bool(within and (columns[1:] > columns[:-1]).all())


def _in_order(rows: SparseRows) -> bool:
    """Whether the columns of every row are ascending and distinct."""
    at = rows.entries
    indices = rows.indices[at]
    ascending = np.empty(len(indices) + 1, bool)
    ascending[0] = True
    np.greater(indices[1:], indices[:-1], out=ascending[1:-1])
    ascending[rows.indptr - at.start] = True  # at the start of each row, and the end
    return bool(ascending.all())


def _summed(rows: SparseRows) -> SparseRows:
    """Return the rows with sorted columns; duplicates are summed."""
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
