"""Each kernel for a range of sizes, compiled and in NumPy with preallocated results.

pytest benchmarks/bench_kernels.py -k "linear_tanh and float32"     some of them
pytest benchmarks/bench_kernels.py --benchmark-disable              compare results only

There is one group for each (kernel, size, dtype), with one entry for each of PATHS; another
library needs one more function there. The kernels and their arguments are those of the tests;
results for which nncore has no `out=` are allocated in each of its calls.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable
from functools import lru_cache
from itertools import repeat
from time import perf_counter
from typing import Any

import cases
import numpy as np
import numpy_baselines
import numpy_char_rnn
import numpy_losses
import numpy_updates
import pytest
from cases import BY_KERNEL, Case

from nncore import kernels, reference

Call = Callable[[], Any]
Arguments = tuple[Any, ...]
Size = tuple[int, int, int]

SIZES: list[Size] = [  # rows N, inputs I, outputs O
    (1, 3, 3),
    (4, 2, 3),
    (1, 16, 16),
    (8, 32, 32),
    (1, 100, 100),
    (25, 100, 65),
    (32, 64, 100),
    (64, 128, 128),
    (64, 256, 256),
    (64, 512, 512),
    (512, 512, 512),
]
DTYPES = ["float32", "float64"]
TOLERANCE = {"float32": 1e-4, "float64": 1e-10}
COMBINED = [  # sequences of calls, and linear_forward without a bias
    Case("linear_tanh", BY_KERNEL["linear_forward"].make, {}, out=True),
    Case("matmul", lambda *a: BY_KERNEL["linear_forward"].make(*a)[:2], {}, out=True),
]
BENCHES = {case.kernel: case for case in [*cases.CASES, *COMBINED]}


def bound(function: Callable[..., Any], arguments: Arguments, **keywords: Any) -> Call:
    """A call with explicit arguments, as unpacking `*arguments` takes as long as a small kernel."""
    names = {f"a{i}": value for i, value in enumerate(arguments)} | keywords
    spelled = [name if name not in keywords else f"{name}={name}" for name in names]
    call: Call = eval(f"lambda: function({', '.join(spelled)})", {**names, "function": function})
    return call


def linear_tanh(x: Any, w: Any, b: Any, *, out: Any) -> Call:
    linear, tanh = kernels.linear_forward, kernels.tanh_forward
    return lambda: tanh(linear(x, w, b, out=out), out=out)


def nncore_call(case: Case, arguments: Arguments) -> Call:
    """The compiled kernel, with `out=` if it has one."""
    keywords = dict(case.keywords)
    if case.out:  # rows of the first argument, columns of the last one
        shape = (*arguments[0].shape[:1], *arguments[-1].shape[-1:])
        keywords["out"] = np.empty(shape, arguments[0].dtype)
    if case.kernel == "linear_tanh":
        return linear_tanh(*arguments, **keywords)
    kernel = "linear_forward" if case.kernel == "matmul" else case.kernel
    return bound(getattr(kernels, kernel), arguments, **keywords)


def numpy_call(case: Case, arguments: Arguments) -> Call:
    """Optimised NumPy code or, if there is none, the formulas of `reference`."""
    modules = ChainMap(
        *(vars(m) for m in (numpy_baselines, numpy_losses, numpy_updates, numpy_char_rnn))
    )
    if case.kernel not in modules:
        return bound(getattr(reference, case.kernel), arguments, **case.keywords)
    call: Call = modules[case.kernel](*arguments, **case.keywords)
    return call


PATHS: dict[str, Callable[[Case, Arguments], Call]] = {
    "nncore": nncore_call,
    "numpy": numpy_call,
}


def restored(call: Call, array: np.ndarray) -> Call:
    """Restore the arguments before each call, as clipped numbers would not be clipped again."""
    start = array.copy()

    def run() -> Any:
        np.copyto(array, start)
        return call()

    return run


def repeated(call: Call) -> tuple[Call, int]:
    """Calls for about 20 µs, and their number, as pytest-benchmark's loop adds 0.1 µs to each."""
    start = perf_counter()
    call()
    times = max(1, round(2e-5 / (perf_counter() - start)))

    def run() -> None:
        for _ in repeat(None, times):
            call()

    return run, times


def copied(arguments: Arguments) -> Arguments:
    return tuple(a.copy() if isinstance(a, np.ndarray) else a for a in arguments)


def numbers(result: Any) -> list[np.ndarray]:
    """All arrays and floats of a kernel's result."""
    if isinstance(result, dict):
        return [array for name in sorted(result) for array in numbers(result[name])]
    if isinstance(result, tuple):
        return [array for part in result for array in numbers(part)]
    return [] if result is None else [np.asarray(result)]


def result_of(path: str, case: Case, arguments: Arguments) -> list[np.ndarray]:
    """The result of a path for copies of the arguments, and the copies afterwards."""
    own = copied(arguments)
    result = PATHS[path](case, own)()
    return [*numbers(result), *(numbers(own) if case.in_place else [])]


@lru_cache(maxsize=1)
def compared_arguments(kernel: str, size: Size, dtype: str) -> Arguments:
    """Arguments of one group, the same for each path, after all paths gave the same results."""
    case = BENCHES[kernel]
    arguments = case.make(np.random.default_rng(0), *size, dtype)
    desired = result_of("numpy", case, arguments)
    for path in PATHS:
        for got, want in zip(result_of(path, case, arguments), desired, strict=True):
            scale = np.abs(want).max(initial=1e-3)
            np.testing.assert_allclose(got, want, TOLERANCE[dtype], TOLERANCE[dtype] * scale)
    return arguments


def groups() -> list[tuple[str, Size, str]]:
    return [
        (kernel, size, dtype)
        for kernel in BENCHES
        for dtype in DTYPES
        for size in SIZES
        if kernel != "char_rnn_gradients" or size[0] < 512  # 512 streams: 8 GFLOP a call
    ]


def name(group: tuple[str, Size, str]) -> str:
    kernel, size, dtype = group
    return f"{kernel}-{'x'.join(map(str, size))}-{dtype}"


@pytest.mark.benchmark(min_time=2e-4, max_time=0.08, min_rounds=5, disable_gc=True)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("group", groups(), ids=name)
def test_kernel(benchmark: Any, group: tuple[str, Size, str], path: str) -> None:
    kernel, size, dtype = group
    case, arguments = BENCHES[kernel], compared_arguments(*group)
    call = PATHS[path](case, arguments)
    if kernel.startswith("clip"):
        call = restored(call, arguments[0])
    calls, times = repeated(call)
    benchmark.group = name(group)
    benchmark.extra_info.update(
        kind="kernel", case=kernel, size=size, dtype=dtype, path=path, per_call=times
    )
    benchmark(calls)
