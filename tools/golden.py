"""Compute hashes of the weights after short trainings, which must be the same everywhere.

    python tools/golden.py             # every level, fresh and after work, 1 to 8 threads: a minute
    python tools/golden.py --write     # saves the hashes to tests/project/golden.json
    python tools/golden.py --here      # only in this process and at its level, as JSON

Exits with 1 if a hash differs from the saved one. AVX2, AVX-512 and 64-bit ARM have one
entry, as they add in the same order; the base level of other processors has no fused multiply-add
and a separate entry, unless it was built for a processor with AVX2 (NNCORE_NATIVE=1).

NumPy's random numbers are not used: initial weights and data follow a formula in integers, and the
seed of dropout and of the order of rows is set, so that all versions of NumPy give the same.
"""

import argparse
import hashlib
import importlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from nncore import (
    MLP,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    CharRNN,
    RMSprop,
    Vocabulary,
    kernels,
)
from nncore.schedules import Constant

KEPT = Path(__file__).resolve().parents[1] / "tests" / "project" / "golden.json"
ALMOST = np.float32(1 + 2**-12)  # its square is 1 + 2**-11 and, unless rounded, 2**-24
LETTERS = "abcdefghijklmnopqrstuvwxyz ,.\n"


def numbers(shape, size, salt=0):
    """Pseudorandom numbers in [-size, size)."""
    i = np.arange(np.prod(shape), dtype=np.uint64) + np.uint64(1000003 * salt + 1)
    i = (i * np.uint64(6364136223846793005) >> np.uint64(33)) * np.uint64(2654435761)
    return (size * (((i >> np.uint64(11)) % np.uint64(2**20)) / 2**19 - 1)).reshape(shape)


def set_weights(model):
    for salt, array in enumerate(model.parameters.values()):
        array[...] = numbers(array.shape, 1 / np.sqrt(len(array)) if array.ndim > 1 else 0.1, salt)


def perceptron(sizes, seed=20260101, **settings):
    model = MLP(sizes, **settings, rng=0)
    set_weights(model)
    model._hash_seed = seed
    return model


X = numbers((203, 13), 1.0, 7)
Y = np.abs(X[:, :5]).argmax(axis=1)
TEXT = "".join(LETTERS[i] for i in np.abs(40 * numbers(6000, 1.0, 9)).astype(int) % len(LETTERS))


def single_rows(dtype):
    model = perceptron((13, 21, 5), hidden_activation="tanh", dtype=dtype)
    return model, lambda: model.fit(X, X[:, :5], optimizer=SGD(0.01), epochs=3, batch_size=1)


def dropout(dtype):
    classes = {"output_activation": "softmax", "loss": "softmax_cross_entropy"}
    model = perceptron((13, 40, 17, 5), dropout=0.3, l2=1e-4, dtype=dtype, **classes)
    return model, lambda: model.fit(X, Y, optimizer=Adam(0.01), epochs=4, batch_size=32)


def full_batch(dtype):
    model = perceptron((13, 64, 5), hidden_activation="sigmoid", loss="huber", dtype=dtype)
    how = {"optimizer": RMSprop(0.003), "epochs": 25, "batch_size": 203, "clip_norm": 1.0}
    return model, lambda: model.fit(X, X[:, 8:], **how)


def chances(dtype):
    model = perceptron((13, 9, 5), hidden_activation="leaky_relu", output_activation="sigmoid",
                       loss="binary_cross_entropy", l1=1e-4, dtype=dtype)  # fmt: skip
    how = {
        "optimizer": AdamW(0.01),
        "epochs": 5,
        "batch_size": 10,
        "validation_data": (X, X[:, :5] > 0),
    }
    return model, lambda: model.fit(X, X[:, :5] > 0, **how)


def streams(dtype, hidden=33, count=4, optimizer=None):
    model = CharRNN(hidden, 12, count, optimizer or Adam(0.01), cell="tanh", schedule=Constant(),
                    dtype=dtype, vocabulary=Vocabulary(LETTERS), rng=0)  # fmt: skip
    set_weights(model)
    return model, lambda: model.fit(TEXT, iterations=60)


def one_stream(dtype):
    return streams(dtype, hidden=100, count=1, optimizer=Adagrad(0.1))


TRAININGS = (single_rows, dropout, full_batch, chances, streams, one_stream)


def entry(level):
    """The entry for a level: whether it has fused multiply-add."""
    core = importlib.import_module(f"nncore._core.core_{level}")
    x, w = np.array([[1, ALMOST]], "f4"), np.array([[-1 - 2**-11], [ALMOST]], "f4")
    return "fused" if core.linear_forward(x, w)[0, 0] else "base"


def bits_of(training, dtype):
    """SHA-256 of a network's weights after its training, and of its outputs."""
    model, fit = training(dtype)
    fit()
    total = hashlib.sha256()
    for array in model.parameters.values():
        total.update(np.ascontiguousarray(array).tobytes())
    said = (
        model.predict(X)
        if isinstance(model, MLP)
        else np.float64(model.evaluate(TEXT).nats_per_char)
    )
    total.update(said.tobytes())
    return total.hexdigest()


def hashes():
    """Hashes of all trainings, at the level of this process."""
    dtypes = ("float32", "float64")
    return {f"{f.__name__} {dtype}": bits_of(f, dtype) for f in TRAININGS for dtype in dtypes}


def other_work():
    """Change caches, memory and the modes of the processor as a long session does."""
    with np.errstate(all="ignore"):
        keep = [np.full(n, np.nan, np.float32) for n in range(1, 3000, 7)]
        kernels.exp(np.float32([1e30, -1e30, 1e-42]))
        np.linalg.svd(numbers((60, 60), 1.0))
    for training in TRAININGS[::2]:
        bits_of(training, "float32")
    return len(keep)


def here(threads, busy):
    """Return the hashes of several threads, which must be equal."""
    if busy:
        other_work()
    with ThreadPoolExecutor(threads) as pool:
        first, *rest = [future.result() for future in [pool.submit(hashes) for _ in range(threads)]]
    if any(other != first for other in rest):
        raise SystemExit("threads got different hashes")
    return first


def at(level, threads, busy):
    """Return the hashes of a new process at this level."""
    command = [sys.executable, __file__, "--here", "--threads", str(threads), *["--busy"] * busy]
    environment = os.environ | {"NNCORE_SIMD": level}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def check(kept):
    """Compare all levels with the saved hashes; return the number of differences."""
    wrong = 0
    for level in kernels.available_levels():
        for threads, busy in ((1, False), (2, False), (8, False), (1, True), (8, True)):
            found = at(level, threads, busy)
            differ = [name for name in found if found[name] != kept[entry(level)].get(name)]
            wrong += len(differ)
            how = f"{level}, {threads} thread(s), {'after other work' if busy else 'fresh'}"
            print(f"{how}: {len(found) - len(differ)} of {len(found)} equal", *differ, sep="\n  ")
    return wrong


def write():
    levels = reversed(kernels.available_levels())
    kept = {entry(level): at(level, 1, False) for level in levels}
    KEPT.write_text(json.dumps(kept, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--write", action="store_true", help="save the hashes")
    parser.add_argument("--here", action="store_true", help="print those of this process")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--busy", action="store_true", help="do other work before")
    options = parser.parse_args()
    if options.here:
        print(json.dumps(here(options.threads, options.busy)))
        return 0
    if options.write:
        write()
    return 1 if check(json.loads(KEPT.read_text())) else 0


if __name__ == "__main__":
    raise SystemExit(main())
