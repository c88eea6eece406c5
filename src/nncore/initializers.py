"""Initial weights of multi-layer perceptrons, and orthogonal matrices for recurrent networks.

An initializer of a perceptron is called for each layer as initializer(rng, inputs, outputs) and
returns weights (inputs, outputs) and biases (outputs,). Those with a name are the rows of
`INITIALIZER_ROWS` in `nncore.registry`; a new one is a row there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore.params import Array, Shapes
from nncore.registry import ACTIVATION_ROW, INITIALIZER_ROWS
from nncore.registry import Initializer as InitializerRow

if TYPE_CHECKING:
    Initializer = Callable[[np.random.Generator, int, int], tuple[Array, Array]]
    WeightInit = str | Initializer | Mapping[str, Any]


def _initializer(row: InitializerRow) -> Initializer:
    """Return the function that draws weights and biases by a row of the registry."""

    def numbers(rng: np.random.Generator, scale: float, shape: tuple[int, ...]) -> Array:
        if row.normal:
            return scale * rng.standard_normal(shape)
        return rng.uniform(row.low * scale, scale, shape)

    def draw(rng: np.random.Generator, inputs: int, outputs: int) -> tuple[Array, Array]:
        scale = row.scale(inputs, outputs)
        weights = numbers(rng, scale, (inputs, outputs))
        return weights, numbers(rng, scale, (outputs,)) if row.biases else np.zeros(outputs)

    return draw


INITIALIZERS: dict[str, Initializer] = {row.name: _initializer(row) for row in INITIALIZER_ROWS}
OURS = dict(INITIALIZERS)  # what these draw needs no check


def orthogonal(square: Array) -> Array:
    """Return the orthogonal factor Q of the decomposition square = Q R.

    Parameters
    ----------
    square : ndarray of shape (H, H)
        A matrix; normal random numbers give a random orthogonal Q.

    Returns
    -------
    ndarray of float64 (H, H)

    Notes
    -----
    Householder reflections, with the signs of LAPACK. LAPACK's last bits depend on the BLAS and
    its threads; here every operation is a single product, quotient or root, or a sum in a fixed
    order, which NumPy rounds in the same way on every processor.

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
    """Return v and scale such that column - scale v (v.T column) is 0 below its first row."""
    v = column.copy()
    first, below = float(v[0, 0]), float(_sum_of_rows(v[1:] * v[1:])[0])
    if below == 0:
        return v, 0.0
    end = -math.copysign(math.sqrt(first * first + below), first)
    v /= first - end
    v[0] = 1
    return v, (end - first) / end


def _reflect(block: Array, v: Array, scale: float, scratch: Array) -> None:
    """Reflect a block in place: block -= scale v (v.T block)."""
    products = scratch[: block.size].reshape(block.shape)
    np.multiply(v, block, out=products)
    np.multiply(v, scale * _sum_of_rows(products), out=products)
    block -= products


def _sum_of_rows(rows: Array) -> Array:
    """Return the sum over axis 0, overwriting rows, in a fixed order, unlike np.sum.

    The last half of the rows is added to the first until one row is left.
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
    """Return initial arrays of all parameters of a perceptron.

    Parameters
    ----------
    init : str, function or mapping
        A name in `INITIALIZERS`; "auto" for the one that the registry names for the activation of
        each layer; an initializer; or the arrays themselves by name.
    shapes : dict
        Shapes of the parameters by name.
    activations : tuple of str
        The activation of each layer.
    rng : Generator
        Source of the random numbers.
    dtype : dtype
        Type whose range the numbers must not exceed.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    TypeError, ValueError
        If init, or its result, does not fit the parameters.
    """
    if isinstance(init, Mapping):
        return given_parameters(init, shapes, dtype)
    if not isinstance(init, str) and not callable(init):
        raise TypeError(
            f"weight_init must be a name, a function or a mapping, got {type(init).__name__}"
        )
    parameters: dict[str, Any] = {}
    ours = True
    for i, activation in enumerate(activations, start=1):
        name = init
        if init == "auto":
            name = ACTIVATION_ROW[activation].init
        draw = INITIALIZERS[name] if isinstance(name, str) else name
        ours = ours and isinstance(name, str) and draw is OURS.get(name)
        drawn = draw(rng, *shapes[f"w{i}"])
        if not isinstance(drawn, tuple | list) or len(drawn) != 2:
            raise TypeError(f"weight_init must return weights and biases, got {drawn!r}")
        parameters |= {f"w{i}": drawn[0], f"b{i}": drawn[1]}
    return parameters if ours else given_parameters(parameters, shapes, dtype)


def given_parameters(
    arrays: Mapping[str, Any], shapes: Shapes, dtype: np.dtype[Any]
) -> dict[str, Array]:
    """Return the arrays, checked against the names and shapes of the parameters."""
    if set(arrays) != set(shapes):
        given = ", ".join(map(str, arrays)) or "nothing"
        raise ValueError(f"weight_init: expected arrays {', '.join(shapes)}, got {given}")
    checked = {}
    for name, shape in shapes.items():
        array = np.asarray(arrays[name])
        if array.dtype.kind not in "biuf":
            raise TypeError(f"weight_init: {name} must contain numbers, got {array.dtype}")
        if array.shape != shape:
            raise ValueError(f"weight_init: {name} has shape {array.shape}, expected {shape}")
        largest = np.finfo(dtype).max  # compared without a copy, as files are loaded through here
        low, high = array.min(), array.max()
        if not (low >= -largest and high <= largest):
            raise ValueError(
                f"weight_init: {name} must contain finite numbers in the range of {dtype}, got "
                f"values from {low:g} to {high:g}"
            )
        checked[name] = array
    return checked
