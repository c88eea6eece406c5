"""Time until an LSTM forecasts the series of examples/forecast.py with a certain error.

pytest benchmarks/bench_forecast.py                        needs scikit-learn, as the example does
pytest benchmarks/bench_forecast.py --benchmark-disable    compare results only

There is one group for each size, with one entry for nncore and, if it is installed, one for
PyTorch. Both start from the same weights and train with Adam on the same batches, in a new order in
each epoch. After each epoch they forecast the held-out part, and they stop when the error is below
BOUND. Before they are timed, both must have the same weights after an epoch.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import peers
import pytest

import nncore
from nncore.params import Array

pytest.importorskip("sklearn", reason="the example scales with scikit-learn")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples"))
import forecast

HIDDEN = [16, 32]
BATCH, LEARNING_RATE = 32, 0.005
BOUND = 1.2  # persistence has 2.02; the noise alone, 1.0
MOST_EPOCHS = 100
AGREE = 1e-3  # relative to the change of the weights


class Trainer(Protocol):
    """A network in some library."""

    def epoch(self, order: Array) -> Array:
        """Train on windows in this order; return the changes (TEST, 1) that it then forecasts."""
        ...

    def weights(self) -> dict[str, Array]: ...


class Ours:
    """`RNN.fit`."""

    def __init__(self, net: nncore.RNN, data: forecast.Data) -> None:
        self.net, self.data, self.optimizer = net, data, nncore.Adam(LEARNING_RATE)

    def epoch(self, order: Array) -> Array:
        x, y = (array[order] for array in self.data.train)
        settings: dict[str, Any] = {"optimizer": self.optimizer, "batch_size": BATCH}
        self.net.fit(x, y, epochs=1, shuffle=False, **settings)
        return np.asarray(self.net.predict(self.data.test[0]))

    def weights(self) -> dict[str, Array]:
        return self.net.parameters


class Theirs:
    """nn.LSTM and nn.Linear of PyTorch, with autograd and the fused Adam.

    The second bias of nn.LSTM is not trained, as both together would move twice as far.
    """

    def __init__(self, net: nncore.RNN, data: forecast.Data) -> None:
        import torch

        torch.set_num_threads(1)
        self.torch, self.module = torch, nncore.interop.to_torch(net)
        self.x, self.y, self.held_out = map(torch.tensor, (*data.train, data.test[0]))
        self.module.recurrent.bias_hh_l0.requires_grad_(False)
        parameters = [p for p in self.module.parameters() if p.requires_grad]
        self.optimizer = torch.optim.Adam(parameters, LEARNING_RATE, fused=True)
        self.loss = torch.nn.MSELoss()

    def epoch(self, order: Array) -> Array:
        for rows in self.torch.from_numpy(order).split(BATCH):
            self.optimizer.zero_grad()
            self.loss(self.module(self.x[rows]), self.y[rows]).backward()
            self.optimizer.step()
        with self.torch.no_grad():
            return np.asarray(self.module(self.held_out))

    def weights(self) -> dict[str, Array]:
        return nncore.interop.from_torch(self.module).parameters


PATHS: dict[str, Any] = {"nncore": Ours}
if peers.version("torch"):
    PATHS["torch"] = Theirs


@lru_cache
def data() -> forecast.Data:
    return forecast.prepare(forecast.make_series())


def trainer(hidden: int, path: str, seed: int = 0) -> Trainer:
    made: Trainer = PATHS[path](nncore.RNN([1, hidden, 1], "lstm", rng=seed), data())
    return made


def orders(seed: int) -> Iterator[Array]:
    """Yield the order of the windows in each epoch."""
    rng = np.random.default_rng(seed)
    for _ in range(MOST_EPOCHS):
        yield rng.permutation(len(data().train[0]))


@lru_cache
def compare(hidden: int) -> None:
    """All paths have the same weights and forecasts after an epoch."""
    order, start = next(orders(0)), trainer(hidden, "nncore").weights()
    trainers = {path: trainer(hidden, path) for path in PATHS}
    forecasts = {path: made.epoch(order) for path, made in trainers.items()}
    desired = trainers["nncore"].weights()
    for path, made in trainers.items():
        np.testing.assert_allclose(forecasts[path], forecasts["nncore"], atol=AGREE, err_msg=path)
        for name, array in made.weights().items():
            away = np.linalg.norm(array - desired[name])
            assert away < AGREE * np.linalg.norm(desired[name] - start[name]), (path, name)


def train(made: Trainer, seed: int) -> int:
    """Train until the error is below BOUND, and return the number of epochs."""
    for epoch, order in enumerate(orders(seed), start=1):
        values = forecast.next_values(data(), made.epoch(order))
        if forecast.error(data(), values) < BOUND:
            return epoch
    raise AssertionError(f"the error is not below {BOUND} after {MOST_EPOCHS} epochs")


@pytest.mark.benchmark(disable_gc=True)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_forecast(benchmark: Any, hidden: int, path: str, turn: int) -> None:
    """Each turn has its own initial weights and orders."""
    compare(hidden)
    case = f"LSTM of {hidden} units"
    benchmark.group = f"forecast-{case}"
    benchmark.extra_info.update(kind="forecast", case=case, path=path, per_call=1)
    made = trainer(hidden, path, seed=turn)
    benchmark.extra_info["epochs"] = benchmark.pedantic(train, (made, turn), rounds=1)
