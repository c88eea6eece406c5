"""Training of a network on XOR, on the truth table or on points in the plane.

Examples
--------
>>> import nncore
>>> result = nncore.train_xor()
>>> result.net.predict_class(result.X)
array([0, 1, 1, 0])
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy.typing as npt

from nncore.mlp.history import MLPHistory
from nncore.mlp.network import MLP
from nncore.optimizers import Optimizer
from nncore.params import Array
from nncore.randomness import generator
from nncore.trainers.xor.diagnosis import Diagnosis, diagnose
from nncore.trainers.xor.rates import xor_success_rates
from nncore.trainers.xor.run import Snapshot, fit_in_parts, stopping_points
from nncore.trainers.xor.task import Dataset, Method, natural, next_seed, task, xor_data

if TYPE_CHECKING:
    from nncore.randomness import Seed

__all__ = ["Diagnosis", "Snapshot", "XORResult", "train_xor", "xor_data", "xor_success_rates"]


@dataclass(frozen=True, eq=False)
class XORResult:
    """Result of `train_xor`: the first start that learned, or the best one.

    Attributes
    ----------
    net : MLP
        The trained network.
    X : ndarray of shape (N, 2)
        Inputs.
    Y : ndarray of shape (N, 2)
        One-hot targets, whose column is the value of XOR.
    accuracy : float
        Fraction of rows classified correctly.
    learned : bool
        Whether the accuracy is 1 (table) or at least 0.9 (points).
    restarts : int
        How often training was restarted from new weights.
    diagnoses : tuple of Diagnosis
        One for each start that did not learn, in order.
    snapshots : tuple of Snapshot
        Snapshots of the training of `net`, if requested.
    """

    net: MLP
    X: Array
    Y: Array
    accuracy: float
    learned: bool
    restarts: int
    diagnoses: tuple[Diagnosis, ...]
    snapshots: tuple[Snapshot, ...]

    def __repr__(self) -> str:
        verdict = "learned" if self.learned else "not learned"
        return f"<XORResult: {verdict}, accuracy {self.accuracy:.4f}, {self.restarts} restarts>"

    @property
    def loss(self) -> float:
        """The final loss, including the penalty."""
        return self.net.loss(self.X, self.Y)

    @property
    def history(self) -> MLPHistory:
        """History of the training of `net`."""
        return self.net.history

    def net_at(self, snapshot: Snapshot) -> MLP:
        """Return a separate network with the parameters of a snapshot.

        Parameters
        ----------
        snapshot : Snapshot
            One of `snapshots`.

        Returns
        -------
        MLP
        """
        *hidden, output = self.net.activations
        return MLP(
            self.net.layer_sizes,
            hidden,
            output,
            self.net.loss_name,
            l2=self.net.l2,
            weight_init=snapshot.parameters,
            dtype=self.net.dtype,
        )

    def better_than(self, other: XORResult) -> bool:
        """Return whether this result has a higher accuracy or, if it is the same, a lower loss.

        Parameters
        ----------
        other : XORResult
            The result to compare with.

        Returns
        -------
        bool
        """
        return (self.accuracy, -self.loss) > (other.accuracy, -other.loss)


def train_xor(
    hidden_size: int = 3,
    dataset: Dataset = "table",
    *,
    reg: float = 0.0,
    method: Method = "default",
    optimizer: Optimizer | None = None,
    epochs: int = 1500,
    hidden_activation: str = "sigmoid",
    max_restarts: int = 10,
    dtype: npt.DTypeLike = "float32",
    rng: Seed = 0,
    snapshots: int = 0,
    progress: bool = False,
) -> XORResult:
    """
    Train a network with 2 inputs, one hidden layer and 2 outputs on XOR.

    Every update uses all rows. A start that does not learn is diagnosed, and training is restarted
    from new weights and biases, drawn uniformly from [-k, k] with k = 1 / sqrt(inputs of the
    layer). On the table, about 90 % of single starts learn with 2 hidden units, 99 % with 3, and
    all with 4 or more.

    Parameters
    ----------
    hidden_size : int
        Number of hidden units.
    dataset : {"table", "points"}
        See `xor_data`.
    reg : float
        Penalty: reg * (sum of all squared weights, without biases) / (2 N) is added to the loss.
        Its gradient is reg / N * w; the tutorial's code for this penalty computes it wrongly.
    method : {"default", "seed"}
        "default" has softmax outputs and cross-entropy (in nats); "seed" has sigmoid outputs and
        half the squared error, as in the tutorial, but with biases. Both are means over rows.
    optimizer : Optimizer, optional
        By default SGD with Nesterov's momentum 0.9 and a learning rate of 0.3, or 1 for "seed".
    epochs : int
        Number of updates of each start.
    hidden_activation : str
        As for `MLP`. With relu, units are often dead.
    max_restarts : int
        Maximum number of restarts, at least 0.
    dtype : {"float32", "float64"}
        Type of data and parameters.
    rng : int, SeedSequence, Generator or None
        Seed of points and weights. The same seed gives the same bits; the first start does not
        depend on max_restarts.
    snapshots : int
        Number of snapshots of the network to keep for plots, in addition to one before training;
        they are denser at the beginning. 0 keeps none.
    progress : bool
        Whether to show a progress bar on stderr for each start.

    Returns
    -------
    XORResult
        The result of the first start that learned or, if none did, of the one with the highest
        accuracy and, in a tie, the lowest loss.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range.

    References
    ----------
    Flórez, Un LEGO a la vez (the tutorial), https://github.com/omar-florez/scratch_mlp
    """
    what = task(hidden_size, dataset, reg, method, optimizer, epochs, hidden_activation, dtype)
    last, moments = natural("max_restarts", max_restarts), natural("snapshots", snapshots)
    stops = stopping_points(what.epochs, moments, progress)
    seeds = generator(rng)
    X, Y = xor_data(dataset, next_seed(seeds), dtype)
    best: XORResult | None = None
    diagnoses: list[Diagnosis] = []
    for start in range(last + 1):
        net = what.network(len(X), next_seed(seeds))
        kept, error = fit_in_parts(net, X, Y, what.optimizer, stops, bool(moments), progress)
        accuracy = net.accuracy(X, Y)
        learned = error is None and what.learned(accuracy)
        if not learned:
            diagnoses.append(diagnose(net, X, Y, error))
        result = XORResult(net, X, Y, accuracy, learned, start, (), kept)
        if best is None or learned or result.better_than(best):
            best = result
        if learned:
            break
    assert best is not None  # there is at least one start
    return replace(best, restarts=start, diagnoses=tuple(diagnoses))
