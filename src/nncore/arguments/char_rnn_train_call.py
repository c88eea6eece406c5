"""The arguments of one call of the kernel `char_rnn_train`, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass, field

from nncore.arguments.kernel_call import KernelCall
from nncore.arguments.recurrent import CharRNNSizes
from nncore.params import Array
from nncore.registry import UpdateRule


@dataclass(eq=False, slots=True)
class CharRNNTrainCall(KernelCall):
    """One call of `char_rnn_train`: a field for each argument, in its order and with its default.

    `nncore.arguments.char_rnn.train` checks it.

    Attributes
    ----------
    sizes : CharRNNSizes
        Set when the call is checked: vocabulary, hidden units, cell and layers.
    shown : ndarray of int64 (2,)
        Only once the call is checked: the caller's counters, to be written to. `counters` is
        then a copy, which no other thread can change.

    Notes
    -----
    All other attributes are the arguments of `nncore.reference.char_rnn_train`.
    """

    kernel = "char_rnn_train"

    weights: Array
    gradient: Array
    slots: Array
    text: Array
    counters: Array
    h: Array
    rates: Array
    losses: Array
    vocabulary: int
    seq_length: int
    optimizer: UpdateRule
    clip_value: float = 0.0
    clip_norm: float = 0.0
    cell: str = "tanh"
    layers: int = 1
    dropout: float = 0.0
    seed: int = 0
    sizes: CharRNNSizes = field(init=False, repr=False)
    shown: Array = field(init=False, repr=False)
