"""The arguments of one call of the kernel `rnn_train`, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass, field

from nncore.arguments.kernel_call import KernelCall
from nncore.params import Array
from nncore.registry import UpdateRule


@dataclass(eq=False, slots=True)
class RNNTrainCall(KernelCall):
    """One call of `rnn_train`: a field for each argument, in its order and with its default.

    Callers construct one with the arguments that differ from the defaults, and run it. The kernels
    construct one from their arguments, which `nncore.arguments.rnn.train` checks.

    Attributes
    ----------
    shown : ndarray of int64 (4,)
        The caller's counters, which are updated. Set when the call is checked; `counters` is then
        a copy, which no other thread can change.

    Notes
    -----
    All other attributes are the arguments of `nncore.reference.rnn_train`.
    """

    kernel = "rnn_train"

    weights: Array
    gradient: Array
    slots: Array
    x: Array
    starts: Array
    y: Array
    order: Array | None
    counters: Array
    rates: Array
    losses: Array
    sizes: tuple[int, ...]
    cell: str
    activation: str
    loss: str
    last: bool
    optimizer: UpdateRule
    batch_size: int
    sample_weight: Array | None = None
    dropout: float = 0.0
    seed: int = 0
    clip_value: float = 0.0
    clip_norm: float = 0.0
    l2: float = 0.0
    shuffle: bool = True
    shown: Array = field(init=False, repr=False)
