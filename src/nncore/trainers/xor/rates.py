"""Success rates of XOR, from thousands of small networks trained with little Python overhead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from nncore.arguments.population import COUNTERS
from nncore.arguments.population_train_call import PopulationTrainCall
from nncore.checks import positive_int
from nncore.initializers import initial_parameters
from nncore.many_seeds import Restarted, states_of_seeds, states_of_streams
from nncore.optimizers import Optimizer
from nncore.params import Array
from nncore.population import engine
from nncore.randomness import generator, streams
from nncore.trainers.xor.task import Dataset, Method, Task, natural, next_seed, task, xor_data

CHUNK_SEEDS = 20  # seeds that a thread processes in one task
SIDE_BY_SIDE = 1024  # seeds whose networks are trained together


def xor_success_rates(
    seeds: int = 1000,
    hidden_sizes: Sequence[int] = (2, 3, 4, 50),
    *,
    threads: int = 2,
    max_restarts: int = 0,
    dataset: Dataset = "table",
    reg: float = 0.0,
    method: Method = "default",
    optimizer: Optimizer | None = None,
    epochs: int = 1500,
    hidden_activation: str = "sigmoid",
    dtype: npt.DTypeLike = "float32",
) -> dict[int, float]:
    """
    Return the fraction of the seeds 0 to seeds - 1 with which `train_xor` learns.

    Parameters
    ----------
    seeds : int
        Number of seeds.
    hidden_sizes : sequence of int
        Numbers of hidden units to measure.
    threads : int
        Number of networks that train at the same time; it does not change the result.
    max_restarts : int
        Maximum number of restarts per seed; 0 for single starts.
    dataset, reg, method, optimizer, epochs, hidden_activation, dtype
        As for `train_xor`.

    Returns
    -------
    dict of int to float
        Fraction of the seeds by number of hidden units.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range.
    """
    count, restarts = positive_int("seeds", seeds), natural("max_restarts", max_restarts)
    if not isinstance(hidden_sizes, Sequence):
        got = type(hidden_sizes).__name__
        raise TypeError(f"hidden_sizes must be a sequence of integers, got {got}")
    what = task(1, dataset, reg, method, optimizer, epochs, hidden_activation, dtype)
    tasks = [replace(what, hidden_size=positive_int("hidden_size", n)) for n in hidden_sizes]
    workers = positive_int("threads", threads)
    if dataset == "table":  # the rows are the same for all seeds
        parts = [range(at, min(at + SIDE_BY_SIDE, count)) for at in range(0, count, SIDE_BY_SIDE)]
        learned = [
            sum(_learned_together(one, part, restarts, workers) for part in parts) for one in tasks
        ]
        return {one.hidden_size: n / count for one, n in zip(tasks, learned, strict=True)}
    return _rates_on_points(tasks, count, restarts, workers)


def _learned_together(what: Task, seeds: range, restarts: int, threads: int) -> int:
    """Return the number of seeds with which the network learns the table."""
    bench, source = _Workbench(what), Restarted()
    waiting = states_of_seeds(seeds)
    for start in range(1, restarts + 2):  # the first number of a seed is for the points
        if not waiting:
            break
        seeds_of_networks = [next_seed(source.at(state, start)) for state in waiting]
        learns = bench.starts_learn(seeds_of_networks, threads)
        waiting = [state for state, good in zip(waiting, learns, strict=True) if not good]
    return len(seeds) - len(waiting)


def _rates_on_points(
    tasks: list[Task], count: int, restarts: int, threads: int
) -> dict[int, float]:
    """Return the fraction of the seeds by number of hidden units, where each has its own points."""
    from concurrent.futures import ThreadPoolExecutor

    parts = [range(at, min(at + CHUNK_SEEDS, count)) for at in range(0, count, CHUNK_SEEDS)]
    with ThreadPoolExecutor(threads) as pool:
        waiting = [[pool.submit(_learned, one, part, restarts) for part in parts] for one in tasks]
        try:
            rates = [sum(part.result() for part in results) / count for results in waiting]
        finally:  # after an error or Ctrl-C no further task is started
            pool.shutdown(wait=False, cancel_futures=True)
    return {one.hidden_size: rate for one, rate in zip(tasks, rates, strict=True)}


def _learned(what: Task, seeds: range, restarts: int) -> int:
    """Return the number of seeds with which the network learns."""
    workbench = _Workbench(what)
    return sum(workbench.learns(seed, restarts) for seed in seeds)


class _Workbench:
    """Arrays of one network, in which one start after another is trained as by `train_xor`.

    For two hidden units, creating an `MLP` and calling `fit` take longer than the training, and
    hold the GIL, so that a second thread would wait. The results have the same bits.
    """

    def __init__(self, what: Task) -> None:
        self.what = what
        self.X, self.Y = xor_data(what.dataset, 0, what.dtype)
        self.net = what.network(len(self.X), 0)
        self.net._use_optimizer(what.optimizer, self.net._slots_for(what.optimizer))
        self.data = self.net._data(self.X, self.Y)
        self.classes = self.Y.argmax(axis=1)
        self.rates = np.full(what.epochs, what.optimizer.learning_rate)
        self.losses = np.empty(what.epochs)

    def learns(self, seed: int, restarts: int) -> bool:
        """Whether a seed learns, with this number of restarts."""
        source = generator(seed)
        points = next_seed(source)
        if self.what.dataset == "points":
            self.X, self.Y = xor_data("points", points, self.what.dtype)
            self.data = self.net._data(self.X, self.Y)
            self.classes = self.Y.argmax(axis=1)
        return any(self._start_learns(next_seed(source)) for _ in range(restarts + 1))

    def _start_learns(self, seed: int) -> bool:
        """Whether a single start learns."""
        net = self.net
        (init_rng,) = streams(seed, 1)
        for name, array in self._parameters(init_rng).items():
            net.parameters[name][...] = array
        net._slots[...] = 0
        net._counters[...] = 0
        call = net._train_call(self.data, self.what.optimizer, self.rates, self.losses)
        done = call.run(net._ops)
        if done < len(self.losses) or not np.isfinite(net._weights).all():
            return False  # it diverged
        right = net.predict(self.X).argmax(axis=1) == self.classes
        return self.what.learned(float(right.mean()))

    def starts_learn(self, seeds: list[int], threads: int) -> Array:
        """Whether each of several starts learns; all of them are trained side by side."""
        net, epochs, source = self.net, len(self.losses), Restarted()
        flat = [
            np.concatenate(
                [np.ravel(array) for array in self._parameters(source.at(state)).values()]
            )
            for (state,) in states_of_streams(seeds, 1)
        ]
        weights = np.array(flat, net.dtype)
        members = len(weights)
        call = PopulationTrainCall(
            weights=weights,
            slots=np.zeros((len(net._slots), *weights.shape), net.dtype),
            layers=net._loss_layers,
            x=self.X,
            y=self.data.y,
            rows=None,
            epoch_rows=np.full(members, len(self.X)),
            counters=np.zeros((members, COUNTERS), np.int64),
            rates=np.tile(self.rates[:1], (members, 1)),
            losses=np.empty((1, members)),
            seeds=np.zeros(members, np.uint64),
            penalties=np.tile([[net.l1], [net.l2], [0.0]], members),
            loss=net._kernel_loss,
            optimizer=self.what.optimizer.rule(),
            batch_size=len(self.X),
            shuffle=False,
            updates_per_loss=epochs,
            threads=threads,
        )
        done = engine.train(call)
        finite = (done == epochs) & np.isfinite(weights).all(axis=1)
        outputs = engine.predict(weights, net._layers, self.X)
        right = outputs.argmax(axis=2) == self.classes
        learned = [self.what.learned(share) for share in right.mean(axis=1)]
        return np.asarray(learned & finite)

    def _parameters(self, init_rng: np.random.Generator) -> dict[str, Array]:
        """Draw initial parameters as a new network does, from the first of its streams."""
        return initial_parameters(
            "fan_in", self.net._shapes, self.net.activations, init_rng, self.net.dtype
        )
