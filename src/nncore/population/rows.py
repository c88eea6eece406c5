"""The rows that the members of a population are trained on, and the threads that train them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nncore.checks import positive_int
from nncore.mlp.network import MLP
from nncore.params import Array
from nncore.sparse import is_sparse
from nncore.training.epochs import arrays
from nncore.training.epochs.checks import numeric, sample_weights
from nncore.training.epochs.data import EpochData


@dataclass(frozen=True)
class PopulationData:
    """The rows of a run: x and y of all of them, and which ones each member reads."""

    data: EpochData
    rows: Array | None  # (M, R) indices, of which the first `counts` are read, or None for all
    counts: Array  # (M,)
    weights: Array | None = None  # (M, N), or (1, N) if they are the same for all
    held_rows: tuple[Array, Array] | None = None  # for validation, as `rows` and `counts`

    def weights_of(self, members: Array) -> Array | None:
        """Return the weights of the rows of some members, or those that all members share."""
        shared = self.weights is None or len(self.weights) == 1
        return self.weights if shared or self.weights is None else self.weights[members]


def dense_rows(network: MLP, X: Any, Y: Any, sample_weight: Any = None) -> EpochData:
    """Return X, Y and the weights of the rows, checked, with x of the network's dtype."""
    if is_sparse(X):
        raise TypeError("X must be dense for a population, got a sparse matrix")
    data = network._data(X, Y, sample_weight)
    return replace(data, x=arrays.plain(np.asarray(data.x), network.dtype))


def workers(threads: int | None) -> int:
    """Return the number of threads, for None that of the CPUs that this process may use."""
    if threads is not None:
        return positive_int("threads", threads)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def member_rows(name: str, rows: Any, members: int, available: int) -> tuple[Array, Array]:
    """Return the rows of each member (M, R), and how many of them each has (M,)."""
    if not isinstance(rows, Iterable) or getattr(rows, "ndim", 1) == 0:
        raise TypeError(f"{name} must have rows for each member, got {type(rows).__name__}")
    given = list(rows)
    if len(given) != members:
        raise ValueError(f"{name} has {len(given)} entries, expected {members}, one per member")
    chosen = [_indices(f"{name}[{k}]", one, available) for k, one in enumerate(given)]
    counts = np.array([len(one) for one in chosen])
    result = np.zeros((members, int(counts.max(initial=1))), np.intp)
    for into, one in zip(result, chosen, strict=True):
        into[: len(one)] = one
    return result, counts


def check_classes(network: MLP, data: EpochData, rows: Array | None, counts: Array) -> None:
    """Raise ValueError if a classifier would be trained on rows of one class."""
    if rows is None:
        network._check_classes(data.y)
        return
    for k, count in enumerate(counts.tolist()):
        try:
            network._check_classes(data.y[rows[k, :count]])
        except ValueError as error:
            raise ValueError(f"rows[{k}]: {error}") from None


def member_weights(
    value: Any, rows: Array | None, counts: Array, available: int, dtype: np.dtype[Any]
) -> Array | None:
    """Return the weights of rows for each member (M, N), or for all (1, N); None for None.

    The mean over the rows of each member is 1; all other rows have the weight 0.
    """
    if value is None:
        return None
    members, given = len(counts), numeric("sample_weight", value)
    if given.ndim == 1 and rows is None:
        return np.asarray(sample_weights("sample_weight", given, available, dtype))[None]
    if given.shape not in ((available,), (members, available)):
        raise ValueError(
            f"sample_weight has shape {given.shape}, expected ({available},), one per row, or "
            f"({members}, {available}) with weights for each member"
        )
    result = np.zeros((members, available), dtype)
    for k, count in enumerate(counts.tolist()):
        own = slice(None) if rows is None else rows[k, :count]
        weight = given[own] if given.ndim == 1 else given[k, own]
        result[k, own] = sample_weights(f"sample_weight[{k}]", weight, count, dtype)
    return result


def _indices(name: str, value: Any, available: int) -> Array:
    """Return the rows of a member as indices, from indices or a mask."""
    array = np.asarray(value)
    if array.ndim != 1 or array.dtype.kind not in "biu":
        raise TypeError(f"{name} must be indices or a mask of bool, got {array.dtype}{array.shape}")
    if array.dtype.kind == "b":
        if len(array) != available:
            raise ValueError(f"{name} has {len(array)} entries, expected {available}, one per row")
        array = np.flatnonzero(array)
    if not len(array):
        raise ValueError(f"{name} is empty, expected at least one row")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= available:
        bad = low if low < 0 else high
        raise IndexError(f"{name} has {bad}, expected 0 to {available - 1}")
    return array.astype(np.intp)
