"""Measure resident memory after many calls, and test networks when allocations fail.

    python tools/check_memory.py                 # a million of each kind of call, some minutes
    python tools/check_memory.py --share 0.01    # a hundredth of that

Prints by how much the process has grown between the first tenth of the calls and their end, and
how many allocations failed during training. Exits with 1 if the process grew by more than 1 MiB,
or if a failed allocation changed a network.
"""

import argparse
import contextlib
import copy
import ctypes
import gc
import itertools
import os
import pickle
import resource
import sys
import tempfile
from pathlib import Path

import numpy as np

from nncore import MLP, SGD, Adam, CharRNN, Population, kernels

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))
from calls import call, made
from cases import CASES

BOUND = 1 << 20  # bytes; a leak of a single object for every call would be ten times that
M_MMAP_THRESHOLD = -3  # of glibc
PAGE = os.sysconf("SC_PAGE_SIZE")
rng = np.random.default_rng(0)
X, Y = rng.standard_normal((30, 4), "f4"), rng.standard_normal((30, 3), "f4")
TEXT = "".join(np.array(list("abcdef \n"))[rng.integers(0, 8, 700)])


def resident():
    """Resident memory of this process in bytes."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def mapped():
    return int(Path("/proc/self/statm").read_text().split()[0]) * PAGE


def growth(work, times):
    """Bytes by which the process grows from the first tenth of the calls on."""
    for _ in range(max(1, times // 10)):
        work()
    before = resident()
    for _ in range(times):
        work()
    return resident() - before


def good_calls():
    """Calls of every kernel, for a small problem in both dtypes."""
    ready = [(case, made(case, 2, 3, 4, t)) for case in CASES for t in (np.float32, np.float64)]
    return turns([lambda c=c, a=a: call(kernels, c, a) for c, a in ready])


def bad_calls():
    """Calls of every kernel with invalid arguments."""
    ready = [(case, made(case, 2, 3, 4, np.float32)) for case in CASES]
    return turns([lambda c=c, a=a: refused(lambda: call(kernels, c, spoilt(a))) for c, a in ready])


def spoilt(arguments):
    return (arguments[0].astype(complex), *arguments[1:])


def refused(work):
    try:
        work()
    except (TypeError, ValueError):
        return
    raise SystemExit("invalid arguments were accepted")


def turns(works):
    """Return a function that calls the next of these functions each time."""
    each = itertools.cycle(works)

    def work():
        next(each)()

    return work


def predictions():
    nets = [MLP((4, 6, 3), dtype=dtype, rng=0) for dtype in ("float32", "float64")]
    rnn = CharRNN(8, 5, 2, rng=0).build(TEXT)
    return turns(
        [lambda net=net: net.predict(X[:2]) for net in nets] * 4
        + [lambda: nets[0].loss(X, Y), lambda: rnn.sample(3), lambda: rnn.evaluate(TEXT[:9])]
    )


def fits():
    """Short trainings of the same networks, whose histories are reset from time to time."""
    net, rnn = MLP((4, 6, 3), dropout=0.1, rng=0), CharRNN(8, 5, 2, rng=0)
    rnn.fit(TEXT, iterations=1)
    start, count = (copy.deepcopy(net.history), copy.deepcopy(rnn.history)), itertools.count()

    def work():
        if next(count) % 50 == 0:
            net.history, rnn.history = map(copy.deepcopy, start)
        net.fit(X, Y, optimizer=SGD(1e-3), epochs=2, validation_fraction=0.3)
        rnn.fit(TEXT, iterations=2)

    return work


def networks():
    """New networks, which are copied, pickled, saved, loaded and deleted."""
    path = Path(tempfile.mkdtemp()) / "m.safetensors"

    def work():
        nets = MLP((4, 6, 3), rng=0), Population((4, 6, 3), rng=3)
        for net in (*nets, CharRNN(8, 5, 2, rng=0).build(TEXT)):
            pickle.loads(pickle.dumps(copy.deepcopy(net))).save(path)
            type(net).load(path)

    return work


def huge():
    """Sizes for which no memory is large enough."""
    rnn = CharRNN(8, 5, 2, rng=0)
    jobs = [
        lambda: MLP((10**8, 10**8)),
        lambda: CharRNN(10**7).build("ab"),
        lambda: (
            rnn.build("ab") if rnn._vocabulary is None else CharRNN(10**6, 5, 10**9).build("ab")
        ),
    ]

    def work():
        for job in jobs:
            with contextlib.suppress(MemoryError):
                job()

    return work


CALLS = {
    "kernels": (good_calls, 1_000_000),
    "kernels with invalid arguments": (bad_calls, 1_000_000),
    "predict, loss, sample, evaluate": (predictions, 1_000_000),
    "short trainings": (fits, 10_000),
    "networks created, copied, pickled, saved and loaded": (networks, 1_000),
    "networks for which no memory is large enough": (huge, 10_000),
}


def bits(net):
    names = ("_weights", "_slots", "_counters")
    return [*(getattr(net, name).tobytes() for name in names), net.history.loss.tobytes()]


def holes():
    """Allocate the free parts of the memory that the process already has."""
    taken = []
    for size in (1 << 20, 1 << 18, 1 << 16):
        with contextlib.suppress(MemoryError):
            while True:
                taken.append(bytearray(size))
    return taken


def starved(fit, net, step, most):
    """The number of failed trainings, with a little more memory each time, before it succeeds."""
    before, refusals = bits(net), 0
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (mapped(), hard))
    filling = holes()  # noqa: F841  # kept until the end, so that training has to allocate more
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    for extra in range(0, most, step):
        resource.setrlimit(resource.RLIMIT_AS, (mapped() + extra, hard))
        try:
            fit()
            return refusals
        except MemoryError:
            refusals += 1
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        if bits(net) != before:
            raise SystemExit(f"{net} was changed by a failed allocation")
    raise SystemExit(f"{most} bytes were not enough memory for {net}")


def starvations(step):
    """Let allocations fail for networks and data whose arrays are all allocated separately."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((4000, 300)), rng.standard_normal((4000, 200))
    text = "".join(np.array(list("abcdef \n"))[rng.integers(0, 8, 100_000)])
    how = {"optimizer": Adam(1e-3), "epochs": 1, "batch_size": 4000}
    for dtype in ("float32", "float64"):
        net, twin = (MLP((300, 700, 200), dtype=dtype, rng=0) for _ in range(2))
        rnn, mate = (
            CharRNN(500, 20, 30, weight_init="small", dtype=dtype, rng=0) for _ in range(2)
        )
        nets, twins = (Population((300, 700, 200), dtype=dtype, rng=2) for _ in range(2))
        for model, other, fit in (
            (net, twin, lambda m: m.fit(x, y, **how)),
            (nets, twins, lambda m: m.fit(x, y, **how)),
            (rnn, mate, lambda m: m.fit(text, iterations=2)),
        ):
            fit(model)
            fit(other)
            count = starved(lambda fit=fit, model=model: fit(model), model, step, 1 << 30)
            fit(other)
            if bits(model) != bits(other):
                raise SystemExit(f"{model} does not continue as without the failures")
            print(f"{count:4} failed allocations: {model}", flush=True)
            if not count:
                raise SystemExit("no allocation failed")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--share", type=float, default=1.0, help="fraction of the calls")
    parser.add_argument("--step", type=int, default=250_000, help="bytes between two attempts")
    options = parser.parse_args()
    # From now on, arrays of 64 KiB are returned to the system, and have to be allocated again.
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 1 << 16)
    starvations(options.step)  # first, as glibc reserves memory after impossible sizes
    grown = 0
    for name, (work, times) in CALLS.items():
        count = max(20, round(times * options.share))
        by = growth(work(), count)
        grown += by > BOUND
        print(f"{by / 2**10:8.0f} KiB after {count:9,} times {name}", flush=True)
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
