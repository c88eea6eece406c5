"""The arguments of one call of the kernel `rnn_train`, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType

from nncore.params import Array
from nncore.registry import UpdateRule


@dataclass(eq=False, slots=True)
class RNNTrainCall:
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

    def run(self, ops: ModuleType) -> int:
        """Run the training loop.

        Parameters
        ----------
        ops : module
            `nncore.kernels` or `nncore.reference`, whose `rnn_train` is called.

        Returns
        -------
        int
            Number of updates made.
        """
        done: int = ops.rnn_train(
            self.weights,
            self.gradient,
            self.slots,
            self.x,
            self.starts,
            self.y,
            self.order,
            self.counters,
            self.rates,
            self.losses,
            sizes=self.sizes,
            cell=self.cell,
            activation=self.activation,
            loss=self.loss,
            last=self.last,
            optimizer=self.optimizer,
            batch_size=self.batch_size,
            sample_weight=self.sample_weight,
            dropout=self.dropout,
            seed=self.seed,
            clip_value=self.clip_value,
            clip_norm=self.clip_norm,
            l2=self.l2,
            shuffle=self.shuffle,
        )
        return done
