"""One entry for each kernel, which creates its arguments. Tests and benchmarks use this list.

A new kernel is tested and timed if it has an entry; `tests/kernels/test_kernels.py` fails for a
kernel without one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from recurrent_arguments import MAKERS

from nncore import reference, registry
from nncore.params import char_rnn_shapes

Rng = np.random.Generator
Make = Callable[[Rng, int, int, int, Any], tuple[Any, ...]]


@dataclass(frozen=True)
class Case:
    """A kernel; make(rng, n, i, o, dtype) gives arguments for a problem of n rows, i by o."""

    kernel: str
    make: Make
    keywords: dict[str, Any]
    in_place: bool = False  # changes its first argument (and the optimizer's state)
    out: bool = False  # takes out=


def normal(rng: Rng, shape: tuple[int, ...], dtype: Any, scale: float = 1.0) -> np.ndarray:
    return (scale * rng.standard_normal(shape)).astype(dtype)


def probabilities(rng: Rng, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    return rng.uniform(0.01, 0.99, shape).astype(dtype)


def forward_case(name: str) -> Case:
    return Case(f"{name}_forward", lambda r, n, i, o, t: (normal(r, (n, o), t),), {}, out=True)


def backward_case(name: str) -> Case:
    def slope_from(z: np.ndarray) -> np.ndarray:
        row = registry.ACTIVATION_ROW[name]
        return z if row.slope_from_input else getattr(reference, f"{name}_forward")(z)

    return Case(
        f"{name}_backward",
        lambda r, n, i, o, t: (normal(r, (n, o), t), slope_from(normal(r, (n, o), t))),
        {},
        out=True,
    )


def loss_case(name: str) -> Case:
    return Case(
        name, lambda r, n, i, o, t: (probabilities(r, (n, o), t), probabilities(r, (n, o), t)), {}
    )


def update_case(row: registry.Update) -> Case:
    def make(rng: Rng, n: int, i: int, o: int, dtype: Any) -> tuple[Any, ...]:
        vectors = [normal(rng, (i * o,), dtype) for _ in range(2)]
        return (*vectors, *(np.abs(normal(rng, (i * o,), dtype)) for _ in row.slots))

    keywords = {constant.name: constant.default for constant in row.constants}
    keywords |= {"learning_rate": 0.1, **({"step": 3} if row.takes_step else {})}
    return Case(f"{row.name}_update", make, keywords, in_place=True)


def char_rnn_arguments(
    rng: Rng, streams: int, steps: int, vocabulary: int, hidden: int, dtype: Any
) -> tuple[Any, ...]:
    """Arguments of char_rnn_gradients for N streams of T steps."""
    shapes = char_rnn_shapes(vocabulary, hidden).values()
    ids = rng.integers(0, vocabulary, (2, streams, steps))
    weights = [normal(rng, shape, dtype, 0.3 / np.sqrt(max(1, hidden))) for shape in shapes]
    return (ids[0], ids[1], normal(rng, (streams, hidden), dtype, 0.5), *weights)


CASES = [
    *(forward_case(name) for name in registry.ACTIVATIONS),
    *(backward_case(name) for name in registry.ACTIVATIONS),
    Case("exp", lambda r, n, i, o, t: (normal(r, (n, o), t),), {}, out=True),
    Case("log", lambda r, n, i, o, t: (np.abs(normal(r, (n, o), t)),), {}, out=True),
    Case(
        "linear_forward",
        lambda r, n, i, o, t: (normal(r, (n, i), t), normal(r, (i, o), t), normal(r, (o,), t)),
        {},
        out=True,
    ),
    Case(
        "linear_backward",
        lambda r, n, i, o, t: (normal(r, (n, o), t), normal(r, (n, i), t), normal(r, (i, o), t)),
        {},
    ),
    *(loss_case(name) for name in registry.ELEMENTWISE_LOSSES),
    Case(
        "softmax_cross_entropy",
        lambda r, n, i, o, t: (normal(r, (n, max(1, o)), t), r.integers(0, max(1, o), n)),
        {},
    ),
    Case(
        "rnn_step_forward",
        lambda r, n, i, o, t: (
            normal(r, (n, o), t),
            np.tanh(normal(r, (n, o), t)),
            normal(r, (o, o), t, 0.1),
            normal(r, (o,), t),
        ),
        {},
    ),
    Case(
        "rnn_step_backward",
        lambda r, n, i, o, t: (
            normal(r, (n, o), t),
            np.tanh(normal(r, (n, o), t)),
            np.tanh(normal(r, (n, o), t)),
            normal(r, (o, o), t, 0.1),
        ),
        {},
    ),
    *(
        Case(kernel, lambda r, n, i, o, t, make=make: make(r, n, -(-o // 8), t), {})
        for kernel, make in MAKERS.items()
    ),
    Case(
        "char_rnn_gradients",
        lambda r, n, i, o, t: char_rnn_arguments(r, max(1, n), 5, max(1, i), o, t),
        {},
    ),
    *(update_case(row) for row in registry.UPDATE_ROWS),
    Case("clip_by_value", lambda r, n, i, o, t: (normal(r, (i * o,), t), 0.5), {}, in_place=True),
    Case("clip_by_norm", lambda r, n, i, o, t: (normal(r, (i * o,), t), 0.5), {}, in_place=True),
]
BY_KERNEL = {case.kernel: case for case in CASES}

# Whole networks rather than single kernels; their tests are tests/kernels/test_char_rnn*.py
# and test_mlp*.py and test_population*.py.
COARSE = {"char_rnn_train", "char_rnn_evaluate", "char_rnn_sample", "char_rnn_window"}
COARSE |= {"rnn_predict", "rnn_evaluate", "rnn_gradients", "rnn_train"}
COARSE |= {"mlp_evaluate", "mlp_predict", "mlp_gradients", "mlp_train"}
COARSE |= {"population_evaluate", "population_predict", "population_train"}
