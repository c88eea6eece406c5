"""Character networks in PyTorch: `nn.LSTM` and its siblings, autograd, a fused Adam."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from recurrent_problems import CLIP_NORM, EPSILON, RATE, Problem, V
from torch import nn

from nncore.params import Array

torch.set_num_threads(1)
CELLS: dict[str, Any] = {"tanh": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def loaded(problem: Problem) -> tuple[Any, nn.Linear]:
    """The recurrent layer and the output layer, with the problem's parameters."""
    net, head = CELLS[problem.cell](V, problem.hidden), nn.Linear(problem.hidden, V)
    w = problem.parameters()
    recurrent_bias = np.zeros_like(w["bh"])
    if "bn" in w:
        recurrent_bias[-problem.hidden :] = w["bn"]
    arrays = [w["wxh"].T, w["whh"].T, w["bh"], recurrent_bias, w["why"].T, w["by"]]
    with torch.no_grad():
        for parameter, array in zip([*net.parameters(), *head.parameters()], arrays, strict=True):
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(array)))
    return net, head


class Trainer:
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.net, self.head = loaded(problem)
        if problem.cell != "gru":  # nncore has one bias, PyTorch two that have the same gradient
            self.net.bias_hh_l0.requires_grad_(False)
        parameters = [*self.net.parameters(), *self.head.parameters()]
        self.trained = [p for p in parameters if p.requires_grad]
        self.optimizer = torch.optim.Adam(self.trained, RATE, eps=EPSILON, fused=True)
        self.state: Any = None
        self.done = 0

    def train(self, iterations: int) -> Array:
        inputs, targets = map(torch.from_numpy, self.problem.windows(self.done, iterations))
        losses = [self.step(x, y) for x, y in zip(inputs, targets, strict=True)]
        self.done += iterations
        return np.array(losses)

    def step(self, x: Any, y: Any) -> float:
        h, state = self.net(nn.functional.one_hot(x, V).float(), self.state)
        self.state = (
            tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
        )
        loss = (
            nn.functional.cross_entropy(self.head(h).reshape(-1, V), y.reshape(-1), reduction="sum")
            / self.problem.streams
        )
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.trained, CLIP_NORM)
        self.optimizer.step()
        return float(loss.detach())
