"""Dense networks in JAX: `jax.grad`, all epochs in one compiled call of `fori_loop` and `scan`."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

FLAGS = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FLAGS}".strip()  # read at import
os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from jax import lax  # noqa: E402
from mlp_problems import EPSILON, Problem  # noqa: E402

from nncore.params import Array  # noqa: E402

HIDDEN: dict[str, Any] = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}


def loss(w: Any, x: Any, y: Any, problem: Problem) -> Any:
    z = HIDDEN[problem.hidden](x @ w["w1"] + w["b1"]) @ w["w2"] + w["b2"]
    if problem.classes:
        return -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1).mean()
    return ((jax.nn.sigmoid(z) - y) ** 2).sum(axis=1).mean()


def sgd(state: Any, g: Any, rate: float) -> Any:
    return {**state, "w": jax.tree.map(lambda w, g: w - rate * g, state["w"], g)}


def adam(state: Any, g: Any, rate: float, epsilon: float = EPSILON) -> Any:
    t = state["t"] + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state["m"], g)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, state["v"], g)
    # 1 - 0.9**t and 1 - 0.999**t, which would have only four digits in float32.
    m_share, v_share = (-jnp.expm1(t * np.log(beta)) for beta in (0.9, 0.999))

    def moved(w: Any, m: Any, v: Any) -> Any:
        return w - rate * (m / m_share) / (jnp.sqrt(v / v_share) + epsilon)

    return {"w": jax.tree.map(moved, state["w"], m, v), "m": m, "v": v, "t": t}


UPDATES = {"adam": adam, "sgd": sgd}


@partial(jax.jit, static_argnames=("problem", "shuffle"))
def run(problem: Problem, shuffle: bool, state: Any, x: Any, y: Any, epochs: int, key: Any) -> Any:
    """The state after this number of epochs."""
    update, full = UPDATES[problem.optimizer], problem.rows // problem.batch * problem.batch

    def step(state: Any, ids: Any) -> tuple[Any, None]:
        g = jax.grad(loss)(state["w"], x[ids], y[ids], problem)
        return update(state, g, problem.learning_rate), None

    def epoch(i: Any, state: Any) -> Any:
        if problem.whole:
            return step(state, slice(None))[0]
        order = jnp.arange(problem.rows)
        if shuffle:
            order = jax.random.permutation(jax.random.fold_in(key, i), order)
        state, _ = lax.scan(step, state, order[:full].reshape(-1, problem.batch))
        return step(state, order[full:])[0] if full < problem.rows else state

    return lax.fori_loop(0, epochs, epoch, state)


def can(problem: Problem) -> bool:
    return True


class Trainer:
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        w = jax.tree.map(jnp.asarray, problem.parameters())
        zeros = jax.tree.map(jnp.zeros_like, w)
        self.state: Any = {"w": w}
        if problem.optimizer == "adam":
            self.state |= {"m": zeros, "v": zeros, "t": jnp.zeros(())}
        self.x, self.y = map(jnp.asarray, problem.data())
        self.key = jax.random.key(0)

    def train(self, epochs: int, shuffle: bool) -> None:
        state = run(self.problem, shuffle, self.state, self.x, self.y, epochs, self.key)
        self.state = jax.block_until_ready(state)

    def parameters(self) -> list[Array]:
        return [np.asarray(self.state["w"][name]) for name in ("w1", "b1", "w2", "b2")]
