"""Checks of the arguments of one time step of a recurrent layer, and of a stack of layers."""

from __future__ import annotations

from typing import NamedTuple

from nncore.arguments import arrays as arguments
from nncore.checks import one_of
from nncore.params import Array
from nncore.registry import CELL_ROW, CELLS

MOST_LAYERS = 16


class CharRNNSizes(NamedTuple):
    """The sizes of a character RNN, as `nncore.params.char_rnn_shapes` takes them."""

    vocabulary: int
    hidden: int
    cell: str
    layers: int


def cell_name(cell: object) -> str:
    """Return the name of a cell as the registry has it."""
    name: str = one_of("cell", cell, CELLS)
    return name


def layer_count(layers: object) -> int:
    """Return the number of recurrent layers as an int."""
    count = arguments.integer("layers", layers)
    if not 1 <= count <= MOST_LAYERS:
        raise ValueError(f"layers must be from 1 to {MOST_LAYERS}, got {count}")
    return count


def columns_of_states(cell: str, layers: int) -> str:
    """Return the number of columns of an array of states, in units of H."""
    count = layers * CELL_ROW[cell].states
    return "H" if count == 1 else f"{count}H"


def hidden_size(h: Array, cell: str, layers: int) -> int:
    """Return H from the states (N, S) of a stack of layers of one size."""
    hidden, rest = divmod(int(h.shape[1]), layers * CELL_ROW[cell].states)
    if rest:
        columns = columns_of_states(cell, layers)
        raise ValueError(
            f"h has shape {h.shape}, expected (N, {columns}) for {layers} layers of {cell!r}"
        )
    return hidden


def _step(cell: str, **specs: tuple[object, str]) -> list[Array]:
    """Return the arrays of a step; G is the number of columns of all gates, H of one of them."""
    arrays = arguments.float_arrays(**specs)
    named = dict(zip(specs, arrays, strict=True))
    hidden, gates = named["whh"].shape[0], CELL_ROW[cell].gates
    for name, (_, dims) in specs.items():
        columns = named[name].shape[-1]
        if dims[-1] == "G" and columns != gates * hidden:
            raise ValueError(
                f"{name} has shape {named[name].shape}, expected {gates * hidden} columns, "
                f"{gates} gates of {hidden} units"
            )
    return arrays


def lstm_step_forward(
    xw: object, h_prev: object, c_prev: object, whh: object, bh: object
) -> list[Array]:
    """Return the checked arguments of `lstm_step_forward`."""
    return _step(
        "lstm",
        xw=(xw, "NG"),
        h_prev=(h_prev, "NH"),
        c_prev=(c_prev, "NH"),
        whh=(whh, "HG"),
        bh=(bh, "G"),
    )


def lstm_step_backward(
    dh: object, dc: object, c_prev: object, c: object, gates: object, whh: object
) -> list[Array]:
    """Return the checked arguments of `lstm_step_backward`."""
    return _step(
        "lstm",
        dh=(dh, "NH"),
        dc=(dc, "NH"),
        c_prev=(c_prev, "NH"),
        c=(c, "NH"),
        gates=(gates, "NG"),
        whh=(whh, "HG"),
    )


def gru_step_forward(
    xw: object, h_prev: object, whh: object, bh: object, bn: object
) -> list[Array]:
    """Return the checked arguments of `gru_step_forward`."""
    return _step(
        "gru", xw=(xw, "NG"), h_prev=(h_prev, "NH"), whh=(whh, "HG"), bh=(bh, "G"), bn=(bn, "H")
    )


def gru_step_backward(
    dh: object, h_prev: object, gates: object, recurrent: object, whh: object
) -> list[Array]:
    """Return the checked arguments of `gru_step_backward`."""
    return _step(
        "gru",
        dh=(dh, "NH"),
        h_prev=(h_prev, "NH"),
        gates=(gates, "NG"),
        recurrent=(recurrent, "NH"),
        whh=(whh, "HG"),
    )
