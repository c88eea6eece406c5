"""The arguments of one call of the kernel `population_train`, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nncore.arguments.kernel_call import KernelCall
from nncore.params import Array
from nncore.registry import UpdateRule


@dataclass(eq=False, slots=True)
class PopulationTrainCall(KernelCall):
    """One call of `population_train`: a field for each argument, in its order.

    Attributes
    ----------
    shown : ndarray of int64 (M, 4)
        The caller's counters, which are updated. Set when the call is checked; `counters` is then
        a copy, which no other thread can change, like `rows`, `epoch_rows` and `seeds`.

    Notes
    -----
    All other attributes are the arguments of `nncore.reference.population_train`.
    """

    kernel = "population_train"

    weights: Array
    slots: Array
    layers: Array
    x: Any
    y: Array
    rows: Array | None
    epoch_rows: Array
    counters: Array
    rates: Array
    losses: Array
    seeds: Array
    penalties: Array
    loss: str
    optimizer: UpdateRule
    batch_size: int
    shuffle: bool = True
    clip_value: float = 0.0
    clip_norm: float = 0.0
    sample_weight: Array | None = None
    dropout: Array | None = None
    updates_per_loss: int = 1
    threads: int = 1
    shown: Array = field(init=False, repr=False)
