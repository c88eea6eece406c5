"""Learning XOR, of the truth table or of points in the plane.

result = train_xor()                 # two inputs, three hidden units, two outputs
result.net.predict_class(result.X)   # array([0, 1, 1, 0])
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
    """What `train_xor` made: the first start that learned, or the best of them all."""

    net: MLP
    X: Array
    """Inputs (N, 2)."""
    Y: Array
    """One-hot targets (N, 2): column 1 is 1 where XOR is, so that a class is a value of XOR."""
    accuracy: float
    """Share of the rows that the network tells right."""
    learned: bool
    """Is the accuracy 1 (table), or at least 0.9 (points)?"""
    restarts: int
    """How often training began again from new weights."""
    diagnoses: tuple[Diagnosis, ...]
    """One for each start that did not learn, in their order."""
    snapshots: tuple[Snapshot, ...]
    """Moments of the training of `net`, if they were asked for."""

    def __repr__(self) -> str:
        verdict = "learned" if self.learned else "not learned"
        return f"<XORResult: {verdict}, accuracy {self.accuracy:.4f}, {self.restarts} restarts>"

    @property
    def loss(self) -> float:
        """The objective after training, with its penalty."""
        return self.net.loss(self.X, self.Y)

    @property
    def history(self) -> MLPHistory:
        """Of the start that `net` comes from."""
        return self.net.history

    def net_at(self, snapshot: Snapshot) -> MLP:
        """A network of its own with the parameters of that moment."""
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
        """Has it the higher accuracy or, at the same, the lower loss?"""
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
    Train a network of 2 inputs, one hidden layer and 2 outputs to tell XOR.

    Every update sees all rows. A start that does not learn is diagnosed and training begins
    again from new weights, drawn evenly within 1 / sqrt(inputs) as the biases are. Of the table's
    single starts about 90 % learn with 2 hidden units, 99 % with 3, all with 4 and more.

    Parameters
    ----------
    hidden_size : int
        Units of the hidden layer.
    dataset : {"table", "points"}
        See `xor_data`.
    reg : float
        Adds reg * (sum of all squared weights) / (2 N) to the loss, biases left out. Its
        gradient is reg / N * w; the tutorial that has this penalty computes another, wrong one.
    method : {"default", "seed"}
        Softmax outputs and cross-entropy (in nats), or as in the tutorial sigmoid outputs
        and half the squared error; each is a mean over rows. Our layers also have biases.
    optimizer : Optimizer, optional
        By default SGD with Nesterov's momentum 0.9 and a learning rate of 0.3, or 1 for "seed".
    epochs : int
        Updates of each start.
    hidden_activation : str
        As `MLP` takes it. Starts with relu often leave dead units.
    max_restarts : int
        How often training may begin again; 0: never.
    dtype : {"float32", "float64"}
        Of all numbers.
    rng : int, SeedSequence, Generator or None
        Seed of points and weights. The same seed gives the same bits; the first start does not
        depend on max_restarts.
    snapshots : int
        How many moments of the training to keep for pictures, denser at its beginning; the state
        before training comes in addition. 0: none.
    progress : bool
        A bar for each start, on stderr.

    Returns
    -------
    XORResult
        Also when no start learned: then that of the highest accuracy and, of these, lowest loss.

    Raises
    ------
    TypeError, ValueError
        For wrong arguments, naming them.
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
