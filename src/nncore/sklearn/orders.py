"""The orders in which the rows are read in successive epochs."""

from __future__ import annotations

import numpy as np

from nncore.params import Array


class Orders:
    """The orders of the rows in each epoch, drawn as in scikit-learn.

    Parameters
    ----------
    rng : RandomState
        Where they are drawn from.
    rows : int
        Number of rows in an epoch.
    keep : int
        Number of epochs whose orders are kept, for several networks that read the rows in the
        same orders. Earlier ones are drawn again, for which `rng` must not be used elsewhere.
    """

    def __init__(self, rng: np.random.RandomState, rows: int, keep: int = 0) -> None:
        self.rng, self.rows, self.keep = rng, rows, keep
        self.state = rng.get_state() if keep else None
        self._begin()

    def _begin(self) -> None:
        self.order = np.arange(self.rows)
        self.drawn = 0
        self.kept: list[Array] = []  # of the last epochs

    def of(self, first: int, epochs: int) -> list[Array]:
        """Return the orders of epochs from number `first` on."""
        if first < self.drawn - len(self.kept):
            assert self.state is not None
            self.rng.set_state(self.state)
            self._begin()
        while self.drawn < first + epochs:
            visits = np.arange(self.rows)
            self.rng.shuffle(visits)
            self.order = self.order[visits]
            self.kept.append(self.order)
            self.drawn += 1
            del self.kept[: max(0, len(self.kept) - max(self.keep, epochs))]
        at = first - self.drawn
        orders = self.kept[at : at + epochs or None]
        del self.kept[: max(0, len(self.kept) - self.keep)]
        return orders
