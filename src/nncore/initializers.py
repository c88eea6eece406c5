"""Initial weights of a multi-layer perceptron, and the orthogonal start of a recurrent network.

Each initialiser of a perceptron is called as initialiser(rng, inputs, outputs) and returns weights
(inputs, outputs) and biases (outputs,). F below is the number of inputs of a layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore.params import Array, Shapes

if TYPE_CHECKING:
    Initializer = Callable[[np.random.Generator, int, int], tuple[Array, Array]]
    WeightInit = str | Initializer | Mapping[str, Any]


def _uniform_weights(limit: Callable[[int, int], float]) -> Initializer:
    """Weights between -limit and limit, biases 0."""

    def draw(rng: np.random.Generator, inputs: int, outputs: int) -> tuple[Array, Array]:
        at = limit(inputs, outputs)
        return rng.uniform(-at, at, (inputs, outputs)), np.zeros(outputs)

    return draw


def _normal_weights(deviation: Callable[[int, int], float]) -> Initializer:
    """Normal numbers of this standard deviation, biases 0."""

    def draw(rng: np.random.Generator, inputs: int, outputs: int) -> tuple[Array, Array]:
        return deviation(inputs, outputs) * rng.standard_normal((inputs, outputs)), np.zeros(
            outputs
        )

    return draw


def _all_between(low: float, high: float) -> Initializer:
    """Weights and biases between two bounds."""

    def draw(rng: np.random.Generator, inputs: int, outputs: int) -> tuple[Array, Array]:
        return rng.uniform(low, high, (inputs, outputs)), rng.uniform(low, high, outputs)

    return draw


def _by_fan_in(rng: np.random.Generator, inputs: int, outputs: int) -> tuple[Array, Array]:
    at = 1 / math.sqrt(inputs)
    return _all_between(-at, at)(rng, inputs, outputs)


def _all_normal(rng: np.random.Generator, inputs: int, outputs: int) -> tuple[Array, Array]:
    return rng.standard_normal((inputs, outputs)), rng.standard_normal(outputs)


INITIALIZERS: dict[str, Initializer] = {
    # Glorot and Bengio 2010; He et al. 2015
    "glorot_uniform": _uniform_weights(lambda i, o: math.sqrt(6 / (i + o))),
    "glorot_normal": _normal_weights(lambda i, o: math.sqrt(2 / (i + o))),
    "he_uniform": _uniform_weights(lambda i, o: math.sqrt(6 / i)),
    "he_normal": _normal_weights(lambda i, o: math.sqrt(2 / i)),
    "fan_in": _by_fan_in,  # everything within 1 / sqrt(F)
    "uniform": _all_between(0, 1),
    "symmetric": _all_between(-1, 1),
    "normal": _all_normal,
}


def orthogonal(square: Array) -> Array:
    """Return the orthogonal factor Q of square = Q R, in float64.

    By Householder reflections, with the signs of LAPACK, whose last bits are those of the BLAS
    installed and of its threads. Here each number is made of single products, quotients and roots,
    and sums in one order, which NumPy rounds in the same way on every processor.

    References
    ----------
    Golub and Van Loan 2013, Matrix Computations, 5.1 and 5.2.
    """
    rest = np.array(square, np.float64)
    scratch = np.empty(rest.size)
    reflections = []
    for j in range(len(rest) - 1):
        v, scale = _reflection(rest[j:, j : j + 1])
        _reflect(rest[j:, j + 1 :], v, scale, scratch)
        reflections.append((v, scale))
    q = np.eye(len(rest))
    for j, (v, scale) in reversed(list(enumerate(reflections))):
        _reflect(q[j:, j:], v, scale, scratch)
    return q


def _reflection(column: Array) -> tuple[Array, float]:
    """v and scale for which column - scale v (v.T column) is 0 below its first number."""
    v = column.copy()
    first, below = float(v[0, 0]), float(_sum_of_rows(v[1:] * v[1:])[0])
    if below == 0:
        return v, 0.0
    end = -math.copysign(math.sqrt(first * first + below), first)
    v /= first - end
    v[0] = 1
    return v, (end - first) / end


def _reflect(block: Array, v: Array, scale: float, scratch: Array) -> None:
    """block -= scale v (v.T block)"""
    products = scratch[: block.size].reshape(block.shape)
    np.multiply(v, block, out=products)
    np.multiply(v, scale * _sum_of_rows(products), out=products)
    block -= products


def _sum_of_rows(rows: Array) -> Array:
    """Sum over axis 0 by adding the last half to the first until one is left; changes rows.

    np.sum promises no order.
    """
    count = len(rows)
    while count > 1:
        half = count // 2
        rows[:half] += rows[count - half : count]
        count -= half
    return np.asarray(rows[0])


def initial_parameters(
    init: WeightInit,
    shapes: Shapes,
    activations: tuple[str, ...],
    rng: np.random.Generator,
    dtype: np.dtype[Any],
) -> dict[str, Array]:
    """Arrays for all parameters; "auto" is He's for relu and leaky relu, else Glorot's."""
    if isinstance(init, Mapping):
        return _given(init, shapes, dtype)
    if not isinstance(init, str) and not callable(init):
        raise TypeError(
            f"weight_init must be a name, a function or a mapping, got {type(init).__name__}"
        )
    parameters: dict[str, Any] = {}
    for i, activation in enumerate(activations, start=1):
        name = init
        if init == "auto":
            name = "he_uniform" if "relu" in activation else "glorot_uniform"
        draw = INITIALIZERS[name] if isinstance(name, str) else name
        drawn = draw(rng, *shapes[f"w{i}"])
        if not isinstance(drawn, tuple | list) or len(drawn) != 2:
            raise TypeError(f"weight_init must return weights and biases, got {drawn!r}")
        parameters |= {f"w{i}": drawn[0], f"b{i}": drawn[1]}
    return _given(parameters, shapes, dtype)


def _given(arrays: Mapping[str, Any], shapes: Shapes, dtype: np.dtype[Any]) -> dict[str, Array]:
    """The arrays, checked against the names and shapes of the parameters."""
    if set(arrays) != set(shapes):
        raise ValueError(
            f"weight_init has {', '.join(map(str, arrays))}, wanted {', '.join(shapes)}"
        )
    checked = {}
    for name, shape in shapes.items():
        array = np.asarray(arrays[name])
        if array.dtype.kind not in "biuf":
            raise TypeError(f"weight_init: {name} must hold numbers, got {array.dtype}")
        if array.shape != shape:
            raise ValueError(f"weight_init: {name} has shape {array.shape}, wanted {shape}")
        largest = np.finfo(dtype).max  # compared without a copy: files are loaded through here
        if not (array.min() >= -largest and array.max() <= largest):
            raise ValueError(f"weight_init: {name} holds numbers that {dtype} does not")
        checked[name] = array
    return checked
