"""The arguments of one call of the kernel `mlp_train`, with their defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nncore.arguments.kernel_call import KernelCall
from nncore.params import Array
from nncore.registry import UpdateRule


@dataclass(eq=False, slots=True)
class TrainCall(KernelCall):
    """One call of `mlp_train`: a field for each argument, in its order and with its default.

    Callers construct one with the arguments that differ from the defaults, and run it. The kernels
    construct one from their arguments, which `nncore.arguments.mlp.train` checks.

    Attributes
    ----------
    shown : ndarray of int64 (4,)
        The caller's counters, which are updated. Set when the call is checked; `counters` is then
        a copy, which no other thread can change.

    Notes
    -----
    All other attributes are the arguments of `nncore.reference.mlp_train`.
    """

    kernel = "mlp_train"

    weights: Array
    gradient: Array
    slots: Array
    layers: Array
    x: Any  # an array, or sparse rows
    y: Array
    order: Array | None
    counters: Array
    rates: Array
    losses: Array
    loss: str
    optimizer: UpdateRule
    epoch_rows: int
    batch_size: int
    l1: float = 0.0
    l2: float = 0.0
    sample_weight: Array | None = None
    dropout: Sequence[float] = ()
    seed: int = 0
    first: int = 0
    clip_value: float = 0.0
    clip_norm: float = 0.0
    alpha: float = 0.0
    penalties: Array | None = None
    shuffle: bool = True
    mean_weight: float = 0.0
    shown: Array = field(init=False, repr=False)
