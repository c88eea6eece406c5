"""Checks of the arguments of the character RNN's kernels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nncore.arguments import arrays as arguments
from nncore.arguments.arrays import held
from nncore.arguments.char_rnn_train_call import CharRNNTrainCall
from nncore.checks import number
from nncore.params import Array, char_rnn_shapes, flat_size
from nncore.registry import OPTIMIZER_SLOTS


def _ids(name: str, value: object, state: Array, limit: int) -> Array:
    """Return a copy of ids, (T,) for a state (H,) or (N, T) for states (N, H), as intp."""
    ids = arguments.integer_array(name, value)
    streams = state.shape[:-1]
    if ids.ndim != state.ndim or ids.shape[:-1] != streams:
        expected = f"(N, T) with N = {streams[0]} as in h0" if streams else "(T,)"
        raise ValueError(f"{name} has shape {ids.shape}, expected {expected}")
    arguments.check_range(name, ids, limit)
    return ids.astype(np.intp, copy=False)


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
    h0 : array (H,) or (N, H)
        Initial states.
    wxh, whh, why, bh, by : array (V, H), (H, H), (H, V), (H,), (V,)
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
    x, y = (
        _ids(name, ids, state, vocabulary)
        for name, ids in (("inputs", inputs), ("targets", targets))
    )
    if x.shape != y.shape:
        raise ValueError(
            f"targets has {y.shape[-1]} steps, expected {x.shape[-1]}, as many as inputs has"
        )
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


def _network(weights: Any, h: Any, vocabulary: object) -> tuple[Array, Array, int]:
    """Return views of the flat weights and the states, and the vocabulary size, all consistent."""
    weights, h = held(weights), held(h)
    state = arguments.float_array("h", h)
    if state.ndim != 2 or not state.shape[0]:
        raise ValueError(f"h has shape {state.shape}, expected (N, H) with N at least 1")
    size = arguments.integer("vocabulary", vocabulary)
    if not 1 <= size <= 65536:
        raise ValueError(f"vocabulary must be from 1 to 65536, got {vocabulary}")
    arguments.check_plain("h", h, state.dtype, state.shape, write=True)
    length = flat_size(char_rnn_shapes(size, state.shape[1]))
    arguments.check_plain("weights", weights, state.dtype, (length,), write=False)
    return weights, h, size


def train(call: CharRNNTrainCall) -> CharRNNTrainCall:
    """Check all that `char_rnn_train` reads and writes, and return the call.

    The arrays become views, in which other threads can change only the numbers; `counters` becomes
    a copy, and `shown` becomes the caller's array, to which it is written back.

    Raises
    ------
    TypeError, ValueError
        For wrong types, shapes and values.
    """
    call.weights, call.h, call.vocabulary = _network(call.weights, call.h, call.vocabulary)
    call.optimizer = arguments.update_rule(call.optimizer)
    _trained(call)
    call.text = _text(call.text)
    call.seq_length = arguments.integer("seq_length", call.seq_length)
    _check_windows(call)
    call.counters = call.shown.copy()
    if call.counters[1] < 0:
        raise ValueError(f"counters has position {call.counters[1]}, expected at least 0")
    call.clip_value = arguments.clip("clip_value", call.clip_value)
    call.clip_norm = arguments.clip("clip_norm", call.clip_norm)
    return call


def _trained(call: CharRNNTrainCall) -> None:
    """Replace the arrays that training changes, and the rates, by checked views."""
    call.gradient, call.slots, call.shown = map(held, (call.gradient, call.slots, call.counters))
    call.rates, call.losses = held(call.rates), held(call.losses)
    weights, dtype = call.weights, call.h.dtype
    kept = OPTIMIZER_SLOTS[call.optimizer.kind]
    arguments.check_plain("weights", weights, dtype, weights.shape, write=True)
    arguments.check_plain("gradient", call.gradient, dtype, weights.shape, write=True)
    arguments.check_plain("slots", call.slots, dtype, (kept, weights.size), write=True)
    arguments.check_plain("counters", call.shown, np.int64, (2,), write=True)
    arguments.check_plain("losses", call.losses, np.float64, (None,), write=True)
    arguments.check_plain("rates", call.rates, np.float64, call.losses.shape, write=False)


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


def char_rnn_evaluate(
    weights: Array, text: Array, h: Array, vocabulary: int
) -> tuple[Array, Array, Array, int]:
    """Return the checked arguments of `char_rnn_evaluate`: weights, text, h and vocabulary."""
    weights, h, vocabulary = _one_stream(weights, h, vocabulary)
    return weights, _text(text), h, vocabulary


def _one_stream(weights: Array, h: Array, vocabulary: int) -> tuple[Array, Array, int]:
    """Return what `_network` returns, for a single state (1, H)."""
    weights, h, vocabulary = _network(weights, h, vocabulary)
    if h.shape[0] != 1:
        raise ValueError(f"h has shape {h.shape}, expected (1, H)")
    return weights, h, vocabulary


def char_rnn_sample(
    weights: Array,
    h: Array,
    last: int,
    uniforms: Array,
    vocabulary: int,
    temperature: float,
    top_k: int,
    top_p: float,
) -> tuple[Array, Array, int, Array, int, float, int, float]:
    """Return the checked arguments of `char_rnn_sample`, in their order."""
    weights, h, vocabulary = _one_stream(weights, h, vocabulary)
    uniforms = held(uniforms)
    arguments.check_plain("uniforms", uniforms, np.float64, (None,), write=False)
    last, top_k = arguments.integer("last", last), arguments.integer("top_k", top_k)
    if not 0 <= last < vocabulary:
        raise IndexError(f"last is {last}, expected 0 to {vocabulary - 1}")
    temperature = number("temperature", temperature)
    if not 0 <= temperature < math.inf:
        raise ValueError(f"temperature must be 0 or a positive number, got {temperature}")
    if top_k < 0:
        raise ValueError(f"top_k must be 0 (no limit) or a positive integer, got {top_k}")
    top_p = number("top_p", top_p)
    if not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1, got {top_p}")
    return weights, h, last, uniforms, vocabulary, temperature, min(top_k, vocabulary), top_p
