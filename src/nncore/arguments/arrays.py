"""Checks of the arguments of kernels.

The compiled kernels and those of `reference` share these checks, so that both accept the same
arguments and raise the same errors. A function here takes what the caller passed and returns arrays
that a kernel can work on (float32 or float64, C-ordered, aligned, in native byte order; copies
where necessary), or raises `TypeError`, `ValueError` or `IndexError` with the name of the argument,
what was expected and what was given.
"""

from __future__ import annotations

import operator
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from nncore.checks import number
from nncore.params import Array
from nncore.registry import OPTIMIZER_SLOTS, RULE_NUMBERS, UPDATE_ROW, UpdateRule


def describe(value: object) -> str:
    """Return a value's type, and the dtype and shape of an array, for error messages."""
    if isinstance(value, np.ndarray):
        kind = "" if type(value) is np.ndarray else f"{type(value).__name__} "
        return f"{kind}array of {value.dtype} with shape {value.shape}"
    return type(value).__name__


def held(value: Any) -> Any:
    """Return a view of an array, whose dtype and shape no other thread can change after the check.

    The view is a plain ndarray, because attributes of a subclass could change at every access.
    Everything else, including masked arrays, is returned unchanged, and the checks reject it.
    """
    if not isinstance(value, np.ndarray) or isinstance(value, np.ma.MaskedArray):
        return value
    return np.ndarray.view(value, np.ndarray)


def is_plain(array: Array) -> bool:
    """Whether a kernel can read this array without a copy."""
    flags = array.flags
    return bool(flags.c_contiguous and flags.aligned and array.dtype.isnative)


def native(array: Array) -> Array:
    """Return the array C-ordered, aligned and in native byte order; a copy only if necessary."""
    if type(array) is np.ndarray and is_plain(array):
        return array
    return np.require(array, array.dtype.newbyteorder("="), ["C", "A", "E"])


def check_plain(
    name: str, value: object, dtype: npt.DTypeLike, shape: tuple[int | None, ...], write: bool
) -> None:
    """Raise unless value is a C-ordered array of this dtype and shape (None: any length).

    As no copy is made, it must also be writable if `write` is true.
    """
    if _is_plain_of(value, dtype, shape, write):
        return
    lengths = ", ".join("any" if n is None else str(n) for n in shape)
    expected = f"{np.dtype(dtype)} with shape ({lengths}{',' if len(shape) == 1 else ''})"
    kind = "writable, C-ordered" if write else "C-ordered"
    raise ValueError(f"{name} must be a {kind} array of {expected}, got {describe(value)}")


def _is_plain_of(
    value: object, dtype: npt.DTypeLike, shape: tuple[int | None, ...], write: bool
) -> bool:
    """Whether a value is what `check_plain` accepts."""
    return (
        isinstance(value, np.ndarray)
        and not isinstance(value, np.ma.MaskedArray)
        and (value.dtype == dtype and is_plain(value) and value.ndim == len(shape))
        and all(want in (None, got) for want, got in zip(shape, value.shape, strict=True))
        and (value.flags.writeable or not write)
    )


def check_rows_apart(name: str, value: object, length: int) -> None:
    """Raise unless value is a writable array of float64 (n, length), whose rows are C-ordered.

    Rows may be apart, as they are in some columns of a C-ordered array.
    """
    if (
        isinstance(value, np.ndarray)
        and (value.ndim == 2 and len(value) > 0 and value.strides[0] % value.itemsize == 0)
        and value.strides[0] >= length * value.itemsize
        and _is_plain_of(value[0], np.float64, (length,), write=True)
    ):
        return
    check_plain(name, value, np.float64, (None, length), write=True)


def check_floats(name: str, value: object) -> Array:
    """Return the value; TypeError unless it is an array of float32 or float64."""
    expected = f"{name} must be a NumPy array of float32 or float64"
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{expected}, got {describe(value)}")
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{expected}; got a masked array, whose mask would be lost: fill it first")
    if value.dtype.newbyteorder("=") not in (np.float32, np.float64):
        raise TypeError(f"{expected}, got {describe(value)}")
    return value


def float_array(name: str, value: object) -> Array:
    """Return a float32 or float64 array as a kernel reads it, never the caller's object itself."""
    return native(check_floats(name, held(value)))


def same_dtype(arrays: dict[str, Array]) -> None:
    """Raise unless all arrays are of one dtype."""
    (first, one), *others = arrays.items()
    for name, array in others:
        if array.dtype != one.dtype:
            raise TypeError(
                f"{name} is {array.dtype} and {first} is {one.dtype}; all must have the same dtype"
            )


def bind(sizes: dict[str, tuple[int, str]], name: str, shape: tuple[int, ...], dims: str) -> None:
    """Raise ValueError unless a shape matches its dimension letters; bind those without a size."""
    expected = "(" + ", ".join(dims) + ("," if len(dims) == 1 else "") + ")"
    known = [f"{d} = {sizes[d][0]} as in {sizes[d][1]}" for d in dict.fromkeys(dims) if d in sizes]
    where = f" with {' and '.join(known)}" if known else ""
    message = f"{name} has shape {shape}, expected {expected}{where}"
    if len(shape) != len(dims):
        raise ValueError(message)
    for d, size in zip(dims, shape, strict=True):
        if sizes.setdefault(d, (size, name))[0] != size:
            raise ValueError(message)


def float_arrays(**specs: tuple[object, str]) -> list[Array]:
    """Return arrays of one dtype whose shapes agree; name=(value, one letter per dimension)."""
    arrays = {name: float_array(name, value) for name, (value, _) in specs.items()}
    same_dtype(arrays)
    sizes: dict[str, tuple[int, str]] = {}
    for name, (_, dims) in specs.items():
        bind(sizes, name, arrays[name].shape, dims)
    return list(arrays.values())


def same_shape_arrays(**values: object) -> list[Array]:
    """Return arrays of one dtype and one shape, of any number of dimensions."""
    arrays = {name: float_array(name, value) for name, value in values.items()}
    same_dtype(arrays)
    (first, one), *others = arrays.items()
    for name, array in others:
        if array.shape != one.shape:
            raise ValueError(f"{name} has shape {array.shape}, expected {one.shape} as for {first}")
    return list(arrays.values())


def check_out(out: object, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise unless a result of this shape and dtype can be stored in `out`."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a NumPy array of {dtype}, got {describe(out)}")
    if out.dtype.newbyteorder("=") != dtype:
        raise TypeError(f"out must be of {dtype}, got {describe(out)}")
    if out.shape != shape:
        raise ValueError(f"out has shape {out.shape}, expected {shape}")
    if not out.flags.writeable:
        raise ValueError("out is read-only")


def activation(by_rows: bool, **values: object) -> list[Array]:
    """Return the arrays of an activation: one for forward, two of one shape for backward."""
    arrays = same_shape_arrays(**values)
    if by_rows and arrays[0].ndim == 0:
        name = next(iter(values))
        raise ValueError(f"{name} has shape (), expected at least one axis for softmax")
    return arrays


def linear_forward(x: object, w: object, b: object) -> tuple[Array, Array, Array | None]:
    """Return the checked arguments of `linear_forward`."""
    if b is None:
        x, w = float_arrays(x=(x, "NI"), w=(w, "IO"))
        return x, w, None
    x, w, b = float_arrays(x=(x, "NI"), w=(w, "IO"), b=(b, "O"))
    return x, w, b


def linear_backward(dy: object, x: object, w: object) -> list[Array]:
    """Return the checked arguments of `linear_backward`."""
    x, w, dy = float_arrays(x=(x, "NI"), w=(w, "IO"), dy=(dy, "NO"))
    return [dy, x, w]


def loss(pred: object, target: object) -> list[Array]:
    """Return the checked arguments of an element-wise loss."""
    return same_shape_arrays(pred=pred, target=target)


def integer_array(name: str, value: object) -> Array:
    """Return a copy of an array of integers, which no other thread can change."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} must be a NumPy array of integers, got a masked array")
    array = np.array(held(value)) if isinstance(value, np.ndarray) else value
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be a NumPy array of integers, got {describe(value)}")
    return array


def check_range(name: str, ids: Array, limit: int) -> None:
    """Raise IndexError unless all ids are in 0..limit-1."""
    if not ids.size:
        return
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high >= limit:
        extreme = low if low < 0 else high  # in case another thread has changed the array since
        bad = next((int(i) for i in ids.flat if not 0 <= int(i) < limit), extreme)
        raise IndexError(f"{name} has {bad}, expected 0 to {limit - 1}")


def softmax_cross_entropy(logits: object, labels: object) -> list[Array]:
    """Return the checked arguments of `softmax_cross_entropy`."""
    (rows,) = float_arrays(logits=(logits, "NV"))
    labels = integer_array("labels", labels)  # the kernel reads this copy, which was checked
    bind({"N": (rows.shape[0], "logits")}, "labels", labels.shape, "N")
    check_range("labels", labels, rows.shape[1])
    return [rows, labels.astype(np.intp, copy=False)]


def rnn_step_forward(xw: object, h_prev: object, whh: object, bh: object) -> list[Array]:
    """Return the checked arguments of `rnn_step_forward`."""
    return float_arrays(xw=(xw, "NH"), h_prev=(h_prev, "NH"), whh=(whh, "HH"), bh=(bh, "H"))


def rnn_step_backward(dh: object, h: object, h_prev: object, whh: object) -> list[Array]:
    """Return the checked arguments of `rnn_step_backward`."""
    return float_arrays(dh=(dh, "NH"), h=(h, "NH"), h_prev=(h_prev, "NH"), whh=(whh, "HH"))


def in_place(**values: object) -> list[Array]:
    """Return arrays of one dtype and shape that a kernel can overwrite; copies if necessary."""
    for name, value in values.items():
        float_array(name, value)
        if not value.flags.writeable:  # type: ignore[attr-defined]  # an array by now
            raise ValueError(f"{name} is read-only, but would be changed in place")
    return same_shape_arrays(**values)


def update(params: object, grads: object, slots: dict[str, Any]) -> list[Array]:
    """Return params, grads and the optimizer's slots for an update in place.

    Arrays that share memory are copied, so that each is read as it was before the update.
    """
    arrays = in_place(params=params, **slots)
    gradient = same_shape_arrays(params=arrays[0], grads=grads)[1]
    result = [arrays[0], gradient, *arrays[1:]]
    for i, array in enumerate(result):
        if any(np.may_share_memory(array, other) for other in result[:i]):
            result[i] = array.copy()
    return result


def write_back(computed: list[Array], given: list[Array]) -> None:
    """Copy results to the caller's arrays unless they were computed there."""
    for new, old in zip(computed, given, strict=True):
        if not np.may_share_memory(new, old):
            old[...] = new


def numbers(**values: object) -> list[float]:
    """Return the constants of an optimizer as floats."""
    return [number(name, value) for name, value in values.items()]


def fraction(name: str, value: object) -> float:
    """Return a decay rate of a running mean, a number in [0, 1)."""
    kept = number(name, value)
    if not 0 <= kept < 1:
        raise ValueError(f"{name} must be in [0, 1), got {kept}")
    return kept


def dropout_rate(rate: object) -> float:
    """Return a rate of dropout, 0 instead of a subnormal number.

    Training loops treat subnormal numbers as 0, and would skip a dropout that they were prepared
    for.
    """
    dropped = fraction("dropout", rate)
    return dropped if dropped >= sys.float_info.min else 0.0


def update_rule(rule: object) -> UpdateRule:
    """Return the update rule; raise unless its constants are numbers, and decay rates in [0, 1)."""
    if type(rule) is not UpdateRule:  # a tuple, so it cannot change after the check
        raise TypeError(f"optimizer must be an UpdateRule, got {describe(rule)}")
    if type(rule.kind) is not str:
        raise TypeError(f"optimizer: kind must be a string, got {describe(rule.kind)}")
    if rule.kind not in OPTIMIZER_SLOTS:
        known = ", ".join(OPTIMIZER_SLOTS)
        raise ValueError(f"optimizer: kind must be one of {known}, got {rule.kind!r}")
    for name in RULE_NUMBERS:
        number(f"optimizer: {name}", getattr(rule, name))
    for constant in UPDATE_ROW[rule.kind].constants:
        if constant.is_fraction:
            fraction(constant.name, getattr(rule, constant.field))
    return rule


def integer(name: str, value: object) -> int:
    """Return a value as an int; it must be an integer."""
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {describe(value)}") from None


def step(value: object) -> int:
    """Return a step count, an integer of at least 1."""
    count = integer("step", value)
    if not 1 <= count < 2**63:
        raise ValueError(f"step must be at least 1, got {count}")
    return count


def seed(value: object) -> int:
    """Return a seed of dropout and of the order of rows, an integer of 64 bits."""
    given = integer("seed", value)
    if not 0 <= given < 2**64:
        raise ValueError(f"seed must be in [0, 2**64), got {given}")
    return given


def clip(name: str, value: object) -> float:
    """Return the clipping limit of a training loop, where 0 stands for no limit."""
    at = number(name, value)
    if not at >= 0:
        raise ValueError(f"{name} must be 0 (no clipping) or a positive number, got {value}")
    return at
