"""Checks of the arguments of the character RNN's kernels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.arguments.arrays import held
from nncore.arguments.char_rnn_train_call import CharRNNTrainCall
from nncore.arguments.recurrent import (
    CharRNNSizes,
    cell_name,
    columns_of_states,
    hidden_size,
    layer_count,
)
from nncore.arguments.training import hold_trained
from nncore.checks import number
from nncore.params import Array, char_rnn_shapes, flat_size


def _ids(name: str, value: object, state: Array, limit: int, states: str = "h0") -> Array:
    """Return a copy of ids, (T,) for a state (H,) or (N, T) for states (N, H), as intp."""
    ids = arguments.integer_array(name, value)
    streams = state.shape[:-1]
    if ids.ndim != state.ndim or ids.shape[:-1] != streams:
        expected = f"(N, T) with N = {streams[0]} as in {states}" if streams else "(T,)"
        raise ValueError(f"{name} has shape {ids.shape}, expected {expected}")
    arguments.check_range(name, ids, limit)
    return ids.astype(np.intp, copy=False)


def _window_ids(
    inputs: object, targets: object, state: Array, vocabulary: int, states: str = "h0"
) -> tuple[Array, Array]:
    """Return copies of the ids of a window, whose shapes agree with the states."""
    x = _ids("inputs", inputs, state, vocabulary, states)
    y = _ids("targets", targets, state, vocabulary, states)
    if x.shape != y.shape:
        raise ValueError(
            f"targets has {y.shape[-1]} steps, expected {x.shape[-1]}, as many as inputs has"
        )
    return x, y


def char_rnn_gradients(
    inputs: object,
    targets: object,
    h0: object,
    wxh: object,
    whh: object,
    why: object,
    bh: object,
    by: object,
) -> list[Array]:
    """Return the checked arguments as the kernel reads them.

    Parameters
    ----------
    inputs, targets : array of int (T,) or (N, T)
        Ids in 0..V-1.
    h0 : ndarray of shape (H,) or (N, H)
        Initial states.
    wxh, whh, why, bh, by : ndarray of shape (V, H), (H, H), (H, V), (H,), (V,)
        Parameters, of the dtype of h0.

    Returns
    -------
    list of ndarray
        inputs, targets, h0 and the parameters, in this order.

    Raises
    ------
    TypeError, ValueError, IndexError
        For wrong types, shapes, or ids outside the vocabulary.
    """
    state = arguments.float_array("h0", h0)
    floats = arguments.float_arrays(
        h0=(state, "H" if state.ndim == 1 else "NH"),
        wxh=(wxh, "VH"),
        whh=(whh, "HH"),
        why=(why, "HV"),
        bh=(bh, "H"),
        by=(by, "V"),
    )
    vocabulary = floats[1].shape[0]
    if vocabulary >= 2**31:
        raise ValueError(f"wxh has {vocabulary} rows, expected fewer than 2**31")
    x, y = _window_ids(inputs, targets, state, vocabulary)
    if state.shape[0] == 0 and state.ndim == 2:
        raise ValueError("h0 has no rows, expected at least one stream")
    return [x, y, *floats]


def _text(text: object) -> Array:
    """Return a view of the ids, uint8 or uint16."""
    ids = held(text)
    if not isinstance(ids, np.ndarray) or ids.dtype not in (np.uint8, np.uint16):
        raise TypeError(
            f"text must be an array of uint8 or uint16 ids, got {arguments.describe(ids)}"
        )
    arguments.check_plain("text", ids, ids.dtype, (None,), write=False)
    return ids


def _network(
    weights: Any, h: Any, vocabulary: object, cell: object, layers: object, write: bool = True
) -> tuple[Array, Array, CharRNNSizes]:
    """Return views of the flat weights and the states, and the sizes, all consistent.

    With `write`, the states must be writable.
    """
    weights, h = held(weights), held(h)
    state = arguments.float_array("h", h)
    name, count = cell_name(cell), layer_count(layers)
    if state.ndim != 2 or not state.shape[0]:
        columns = columns_of_states(name, count)
        raise ValueError(f"h has shape {state.shape}, expected (N, {columns}) with N at least 1")
    size = arguments.integer("vocabulary", vocabulary)
    if not 1 <= size <= 65536:
        raise ValueError(f"vocabulary must be from 1 to 65536, got {vocabulary}")
    arguments.check_plain("h", h, state.dtype, state.shape, write=write)
    sizes = CharRNNSizes(size, hidden_size(h, name, count), name, count)
    length = flat_size(char_rnn_shapes(*sizes))
    arguments.check_plain("weights", weights, state.dtype, (length,), write=False)
    return weights, h, sizes


def train(call: CharRNNTrainCall) -> CharRNNTrainCall:
    """Check all that `char_rnn_train` reads and writes, and return the call.

    The arrays become views, in which other threads can change only the numbers; `counters` becomes
    a copy, and `shown` becomes the caller's array, to which it is written back.

    Raises
    ------
    TypeError, ValueError
        For wrong types, shapes and values.
    """
    call.weights, call.h, call.sizes = _network(
        call.weights, call.h, call.vocabulary, call.cell, call.layers
    )
    call.vocabulary, _, call.cell, call.layers = call.sizes
    call.optimizer = arguments.update_rule(call.optimizer)
    hold_trained(call, counters=2)
    call.text = _text(call.text)
    call.seq_length = arguments.integer("seq_length", call.seq_length)
    _check_windows(call)
    call.counters = call.shown.copy()
    if call.counters[1] < 0:
        raise ValueError(f"counters has position {call.counters[1]}, expected at least 0")
    call.clip_value = arguments.clip("clip_value", call.clip_value)
    call.clip_norm = arguments.clip("clip_norm", call.clip_norm)
    call.dropout = arguments.dropout_rate(call.dropout)
    call.seed = arguments.seed(call.seed)
    return call


def _check_windows(call: CharRNNTrainCall) -> None:
    """Raise ValueError unless each stream of text has a window."""
    streams = call.h.shape[0]
    if call.seq_length < 1:
        raise ValueError(f"seq_length must be at least 1, got {call.seq_length}")
    if call.text.size // streams <= call.seq_length:
        raise ValueError(
            f"text has {call.text.size} ids; {streams} streams of windows of {call.seq_length} "
            f"need at least {streams * (call.seq_length + 1)}"
        )


def evaluate(
    weights: Any, text: Any, h: Any, vocabulary: object, cell: object, layers: object
) -> tuple[Array, Array, Array, CharRNNSizes]:
    """Return the checked arguments of `char_rnn_evaluate`: weights, text, h and sizes."""
    weights, h, sizes = _one_stream(weights, h, vocabulary, cell, layers)
    return weights, _text(text), h, sizes


def _one_stream(
    weights: Any, h: Any, vocabulary: object, cell: object, layers: object
) -> tuple[Array, Array, CharRNNSizes]:
    """Return what `_network` returns, for the states of one stream."""
    weights, h, sizes = _network(weights, h, vocabulary, cell, layers)
    if h.shape[0] != 1:
        columns = columns_of_states(sizes.cell, sizes.layers)
        raise ValueError(f"h has shape {h.shape}, expected (1, {columns})")
    return weights, h, sizes


def window(
    weights: Any,
    inputs: object,
    targets: object,
    h: Any,
    vocabulary: object,
    cell: object,
    layers: object,
) -> tuple[Array, Array, Array, Array, CharRNNSizes]:
    """Return the checked arguments of `char_rnn_window`; the ids are copies of intp."""
    weights, h, sizes = _network(weights, h, vocabulary, cell, layers, write=False)
    x, y = _window_ids(inputs, targets, h, sizes.vocabulary, "h")
    return weights, x, y, h, sizes


def sample(
    weights: Any,
    h: Any,
    last: object,
    uniforms: Any,
    vocabulary: object,
    temperature: object,
    top_k: object,
    top_p: object,
    cell: object,
    layers: object,
) -> tuple[Array, Array, int, Array, CharRNNSizes, float, int, float]:
    """Return the checked arguments of `char_rnn_sample`, in their order, with all sizes."""
    weights, h, sizes = _one_stream(weights, h, vocabulary, cell, layers)
    uniforms = held(uniforms)
    arguments.check_plain("uniforms", uniforms, np.float64, (None,), write=False)
    first, most = arguments.integer("last", last), arguments.integer("top_k", top_k)
    if not 0 <= first < sizes.vocabulary:
        raise IndexError(f"last is {first}, expected 0 to {sizes.vocabulary - 1}")
    heat = number("temperature", temperature)
    if not 0 <= heat < math.inf:
        raise ValueError(f"temperature must be 0 or a positive number, got {heat}")
    if most < 0:
        raise ValueError(f"top_k must be 0 (no limit) or a positive integer, got {most}")
    mass = number("top_p", top_p)
    if not 0 < mass <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1, got {mass}")
    return weights, h, first, uniforms, sizes, heat, min(most, sizes.vocabulary), mass
