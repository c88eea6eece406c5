"""Dense networks in PyTorch, with modules, autograd and `torch.optim`, as in its tutorials."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from mlp_problems import EPSILON, Problem
from torch import nn

from nncore.params import Array

torch.set_num_threads(1)
HIDDEN: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}
OPTIMIZERS: dict[str, Any] = {
    "adam": partial(torch.optim.Adam, eps=EPSILON, fused=True),  # the fastest implementation
    "sgd": partial(torch.optim.SGD, fused=True),
}


def network(problem: Problem) -> nn.Sequential:
    inputs, hidden, outputs = problem.sizes
    layers = [nn.Linear(inputs, hidden), HIDDEN[problem.hidden](), nn.Linear(hidden, outputs)]
    net = nn.Sequential(*layers, *([] if problem.classes else [nn.Sigmoid()]))
    start = problem.parameters().values()
    with torch.no_grad():
        for parameter, array in zip(net.parameters(), start, strict=True):
            parameter.copy_(torch.from_numpy(array.T))
    return net


def squared_error(outputs: Any, y: Any) -> Any:
    return ((outputs - y) ** 2).sum(1).mean()


def can(problem: Problem) -> bool:
    return True


class Trainer:
    def __init__(self, problem: Problem) -> None:
        self.problem, self.net = problem, network(problem)
        self.x, self.y = map(torch.from_numpy, problem.data())
        self.loss = nn.CrossEntropyLoss() if problem.classes else squared_error
        self.optimizer = OPTIMIZERS[problem.optimizer](self.net.parameters(), problem.learning_rate)

    def train(self, epochs: int, shuffle: bool) -> None:
        n = self.problem.rows
        for _ in range(epochs):
            if self.problem.whole:
                self.step(self.x, self.y)
                continue
            order = torch.randperm(n) if shuffle else torch.arange(n)
            for ids in order.split(self.problem.batch):
                self.step(self.x[ids], self.y[ids])

    def step(self, x: Any, y: Any) -> None:
        self.optimizer.zero_grad()
        self.loss(self.net(x), y).backward()
        self.optimizer.step()

    def parameters(self) -> list[Array]:
        return [p.detach().numpy().T for p in self.net.parameters()]


def predictor(problem: Problem, x: Array) -> Callable[[], Array]:
    """The call to be timed: outputs (N, O) for rows x."""
    net, rows = network(problem), torch.from_numpy(x)

    def predict() -> Array:
        with torch.no_grad():
            return np.asarray(net(rows))

    return predict
