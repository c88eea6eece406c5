"""Character networks in JAX: scans over steps and windows, all of them in one compiled call."""

from __future__ import annotations

from functools import partial
from typing import Any

import peer_jax  # before jax, which it sets to one thread

# isort: split
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.nn import sigmoid
from recurrent_problems import CLIP_NORM, EPSILON, RATE, Problem

from nncore.params import Array
from nncore.registry import CELL_ROW


def tanh(w: Any, before: Any, xw: Any) -> Any:
    return (jnp.tanh(xw + before[0] @ w["whh"]),)


def lstm(w: Any, before: Any, xw: Any) -> Any:
    h, c = before
    i, f, g, o = jnp.split(xw + h @ w["whh"], 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
    return sigmoid(o) * jnp.tanh(c), c


def gru(w: Any, before: Any, xw: Any) -> Any:
    (h,) = before
    (xr, xz, xn), (ur, uz, un) = (jnp.split(a, 3, axis=1) for a in (xw, h @ w["whh"]))
    z = sigmoid(xz + uz)
    n = jnp.tanh(xn + sigmoid(xr + ur) * (un + w["bn"]))
    return ((1 - z) * n + z * h,)


CELLS = {"tanh": tanh, "lstm": lstm, "gru": gru}


def loss(w: Any, states: Any, x: Any, y: Any, cell: str) -> Any:
    """The loss of a window, and the states after it."""

    def step(before: Any, xw: Any) -> Any:
        after = CELLS[cell](w, before, xw)
        return after, after[0]

    states, h = lax.scan(step, states, w["wxh"][x] + w["bh"])
    chances = jax.nn.log_softmax(h @ w["why"] + w["by"])
    return -jnp.take_along_axis(chances, y[..., None], axis=2).sum() / x.shape[1], states


@partial(jax.jit, static_argnames="cell")
def run(cell: str, state: Any, states: Any, inputs: Any, targets: Any) -> Any:
    """The parameters with the optimizer's state, the states, and the loss of each window."""

    def window(carried: Any, ids: Any) -> Any:
        state, states = carried
        (value, states), g = jax.value_and_grad(loss, has_aux=True)(state["w"], states, *ids, cell)
        norm = jnp.sqrt(sum(jnp.vdot(a, a) for a in jax.tree.leaves(g)))
        g = jax.tree.map(lambda a: a * jnp.minimum(1, CLIP_NORM / norm), g)
        return (peer_jax.adam(state, g, RATE, EPSILON), states), value

    return lax.scan(window, (state, states), (inputs, targets))


class Trainer:
    def __init__(self, problem: Problem) -> None:
        self.problem, self.done = problem, 0
        w = jax.tree.map(jnp.asarray, problem.parameters())
        zeros = jax.tree.map(jnp.zeros_like, w)
        zero = jnp.zeros((problem.streams, problem.hidden))
        state = {"w": w, "m": zeros, "v": zeros, "t": jnp.zeros(())}
        self.carried: Any = state, (zero,) * CELL_ROW[problem.cell].states

    def train(self, iterations: int) -> Array:
        ids = self.problem.windows(self.done, iterations)
        self.carried, losses = run(self.problem.cell, *self.carried, *ids)
        self.done += iterations
        return np.asarray(losses)
