"""What a cell consists of: formulas for each unit, once a product has filled its gates."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nncore.params import Array

States = tuple[Array, ...]  # each (N, H), in the order of the registry: the outputs first
Passed = tuple[Array | None, *tuple[Array, ...]]  # gradients of them; None for 0


class Part(NamedTuple):
    """What a layer computed in a time step."""

    before: States  # the states before the step
    states: States  # the states after it
    gates: Array  # (N, G * H), what the cell keeps of its gates
    recurrent: Array  # (N, H), the last block of h_prev @ whh + bn; (N, 0) without bn


class CellFunctions(NamedTuple):
    """The two functions of a cell, and its formulas by the names of its gates and states.

    `forward` takes the sums (N, G * H) of its gates, which it may overwrite, `recurrent` (N, H), or
    (N, 0) without `bn`, and the states before the step. It returns the states after the step, and
    the gates.

    `backward` takes the gradients with respect to the states after the step, and the part. It
    returns the gradients with respect to the sums, to `recurrent`, and to the states before the
    step, the last without what passes through the product ``h_prev @ whh``. That of the outputs is
    None if nothing else reaches them.

    `formulas` is for readers: all gates that the cell keeps, then all states. In it, s are the
    sums, u is `recurrent`, and h_prev are the outputs of the step before.
    """

    forward: Callable[[Array, Array, States], tuple[States, Array]]
    backward: Callable[[States, Part], tuple[Array, Array, Passed]]
    formulas: dict[str, str]


def no_recurrent(rows: Array) -> Array:
    """Return `recurrent`, or `bn`, of a cell that has none."""
    return np.empty((*rows.shape[:-1], 0), rows.dtype)


def gate_sums(xw: Array, h_prev: Array, whh: Array, bn: Array) -> tuple[Array, Array]:
    """Return the sums of the gates and `recurrent`, the last block of the product plus `bn`.

    The sums contain the other blocks of the product: all of them if `bn` is empty.
    """
    product = h_prev @ whh
    if not bn.size:
        return np.add(xw, product, out=product), product[:, :0]
    last = product.shape[1] - bn.size
    sums = xw.copy()
    sums[:, :last] += product[:, :last]
    return sums, product[:, last:] + bn


def product_gradient(dsums: Array, drecurrent: Array) -> Array:
    """Return the gradient with respect to the product ``h_prev @ whh``."""
    if not drecurrent.size:
        return dsums
    last = dsums.shape[1] - drecurrent.shape[1]
    return np.concatenate((dsums[:, :last], drecurrent), axis=1)
