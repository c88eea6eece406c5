"""Learning XOR, of the truth table or of points in the plane (seed document 002).

result = train_xor()                 # two inputs, three hidden units, two outputs
result.net.predict_class(result.X)   # array([0, 1, 1, 0])
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from nncore.checks import float_dtype, number, one_of, positive_int
from nncore.mlp import MLP
from nncore.mlp_run import MLPHistory
from nncore.optimizers import SGD, Optimizer, check_optimizer
from nncore.params import Array
from nncore.randomness import generator
from nncore.trainers.xor_diagnosis import Diagnosis, diagnose
from nncore.trainers.xor_run import Snapshot, fit_in_parts, stopping_points

if TYPE_CHECKING:
    from nncore.randomness import Seed

__all__ = ["Diagnosis", "Snapshot", "XORResult", "train_xor", "xor_data", "xor_success_rates"]

Dataset = Literal["table", "points"]
Method = Literal["default", "seed"]
POINTS = 300
GOALS = {"table": 1.0, "points": 0.9}  # accuracy from which on a start has learned


@dataclass(frozen=True)
class _Recipe:
    """Output layer, loss, and an optimizer that suits them."""

    output_activation: str
    loss: str
    optimizer: Optimizer


# Momentum runs through the plateaus; of 1000 starts with 2 units Adam, whose steps have the same
# size in all directions, brings a third fewer to the end.
METHODS = {
    "default": _Recipe("softmax", "softmax_cross_entropy", SGD(0.3, 0.9, nesterov=True)),
    "seed": _Recipe("sigmoid", "half_squared_error", SGD(1.0, 0.9, nesterov=True)),
}


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


def xor_data(
    dataset: Dataset = "table", rng: Seed = 0, dtype: npt.DTypeLike = "float32"
) -> tuple[Array, Array]:
    """
    Inputs (N, 2) and one-hot targets (N, 2), whose column 1 is 1 where XOR is.

    "table": the 4 rows of the truth table. "points": 300 points, normally distributed around 0
    with deviation 1; XOR is 1 where x1 * x2 is negative. (The seed document has the two columns
    the other way round.)
    """
    one_of("dataset", dataset, tuple(GOALS))
    kind = float_dtype("dtype", dtype)
    if dataset == "table":
        X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], kind)
        classes = np.array([0, 1, 1, 0])
    else:
        X = generator(rng).standard_normal((POINTS, 2)).astype(kind)
        classes = (X[:, 0] * X[:, 1] < 0).astype(np.intp)
    return X, np.eye(2, dtype=kind)[classes]


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
        Adds reg * (sum of all squared weights) / (2 N) to the loss, biases left out. That is the
        seed document's penalty; its code's gradient of it is wrong, ours (reg / N * w) is right.
    method : {"default", "seed"}
        Softmax outputs and cross-entropy (in nats), or as in the seed document sigmoid outputs
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
    one_of("method", method, tuple(METHODS))
    penalty = number("reg", reg)
    if not 0 <= penalty < math.inf:
        raise ValueError(f"reg must be 0 or a positive number, got {reg}")
    restarts, moments = natural("max_restarts", max_restarts), natural("snapshots", snapshots)
    rule = METHODS[method].optimizer if optimizer is None else check_optimizer(optimizer)
    seeds = generator(rng)
    X, Y = xor_data(dataset, int(seeds.integers(2**63)), dtype)
    stops = stopping_points(positive_int("epochs", epochs), moments, progress)
    best: XORResult | None = None
    diagnoses: list[Diagnosis] = []
    for start in range(restarts + 1):
        net = MLP(
            (2, positive_int("hidden_size", hidden_size), 2),
            hidden_activation,
            METHODS[method].output_activation,
            METHODS[method].loss,
            l2=penalty / len(X),
            weight_init="fan_in",
            dtype=dtype,
            rng=int(seeds.integers(2**63)),
        )
        kept, error = fit_in_parts(net, X, Y, rule, stops, bool(moments), progress)
        accuracy = net.accuracy(X, Y)
        learned = error is None and accuracy >= GOALS[dataset]
        if not learned:
            diagnoses.append(diagnose(net, X, Y, error))
        result = XORResult(net, X, Y, accuracy, learned, start, (), kept)
        if best is None or learned or result.better_than(best):
            best = result
        if learned:
            break
    assert best is not None  # there is at least one start
    return replace(best, restarts=start, diagnoses=tuple(diagnoses))


def natural(name: str, value: Any) -> int:
    """The integer, which may be 0."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and value <= 0:
        if value < 0:
            raise ValueError(f"{name} must be at least 0, got {value}")
        return 0
    return positive_int(name, value)


def xor_success_rates(
    seeds: int = 1000,
    hidden_sizes: Sequence[int] = (2, 3, 4, 50),
    *,
    threads: int = 2,
    max_restarts: int = 0,
    **settings: Any,
) -> dict[int, float]:
    """
    Share of the seeds 0, 1, ..., seeds - 1 with which `train_xor` learns, by hidden size.

    Parameters
    ----------
    seeds : int
        How many.
    hidden_sizes : sequence of int
        Units of the hidden layer.
    threads : int
        How many networks train at the same time; the result does not depend on it.
    max_restarts : int
        0: every seed is a single start.
    **settings
        Other arguments of `train_xor`.

    Raises
    ------
    TypeError, ValueError
        For wrong arguments, naming them.
    """
    from concurrent.futures import ThreadPoolExecutor

    count = positive_int("seeds", seeds)
    if not isinstance(hidden_sizes, Sequence):
        got = type(hidden_sizes).__name__
        raise TypeError(f"hidden_sizes must be a sequence of integers, got {got}")
    refused = {"hidden_size", "rng", "progress", "snapshots"} & set(settings)
    if refused:
        raise TypeError(f"{', '.join(sorted(refused))}: not to be chosen where rates are measured")

    def learned(size: int, some: Iterable[int]) -> int:
        return sum(
            train_xor(size, max_restarts=max_restarts, rng=seed, **settings).learned
            for seed in some
        )

    workers = positive_int("threads", threads)
    with ThreadPoolExecutor(workers) as pool:
        parts = [range(at, min(at + 20, count)) for at in range(0, count, 20)]
        waiting = {
            size: [pool.submit(learned, size, part) for part in parts] for size in hidden_sizes
        }
        try:
            return {
                size: sum(part.result() for part in results) / count
                for size, results in waiting.items()
            }
        finally:  # after an error, or Ctrl-C, nothing more is begun
            pool.shutdown(wait=False, cancel_futures=True)
