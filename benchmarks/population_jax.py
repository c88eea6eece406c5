"""Many networks in JAX: `vmap` over members of a jitted scan over updates."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from peer_jax import FLAGS  # noqa: F401  one thread, set before jax starts
from population_problems import PopulationProblem

from nncore import Population


def loss(problem: PopulationProblem, w: Any, x: Any, y: Any) -> Any:
    hidden = getattr(jax.nn, problem.hidden)(x @ w["w1"] + w["b1"])
    return ((jax.nn.sigmoid(hidden @ w["w2"] + w["b2"]) - y) ** 2).sum(axis=1).mean()


@partial(jax.jit, static_argnames=("problem",))
def run(problem: PopulationProblem, w: Any, x: Any, y: Any, key: Any) -> Any:
    """The weights of all members after all updates."""

    def update(w: Any, ids: Any) -> tuple[Any, None]:
        g = jax.grad(partial(loss, problem))(w, x[ids], y[ids])
        return jax.tree.map(lambda w, g: w - problem.rate * g, w, g), None

    def whole(w: Any, _: Any) -> tuple[Any, None]:
        g = jax.grad(partial(loss, problem))(w, x, y)
        return jax.tree.map(lambda w, g: w - problem.rate * g, w, g), None

    def member(w: Any, key: Any) -> Any:
        if problem.batch == problem.rows:
            return jax.lax.scan(whole, w, None, length=problem.updates)[0]
        order = jnp.arange(problem.rows)
        for i in range(problem.epochs):
            if problem.shuffle:
                order = jax.random.permutation(jax.random.fold_in(key, i), problem.rows)
            w = jax.lax.scan(update, w, order.reshape(-1, problem.batch))[0]
        return w

    return jax.vmap(member)(w, jax.random.split(key, problem.members))


class Trainer:
    """All members, from the weights of a population."""

    def __init__(self, problem: PopulationProblem, nets: Population) -> None:
        self.problem = problem
        self.w = {name: jnp.asarray(array) for name, array in nets.parameters.items()}
        self.x, self.y = map(jnp.asarray, problem.data())

    def train(self) -> Any:
        w = run(self.problem, self.w, self.x, self.y, jax.random.key(0))
        return jax.block_until_ready(w)
