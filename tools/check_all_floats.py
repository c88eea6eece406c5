"""Errors of exp, tanh, sigmoid and log over all 2**32 float32 numbers, against float64.

    python tools/check_all_floats.py                     # every function and level, some minutes
    python tools/check_all_floats.py exp --level avx2    # one of each
    python tools/check_all_floats.py --stride 101        # every 101st number, some seconds

Prints the largest error of each function on each instruction-set level in units of the
last place, and where it is. Exits with 1 if one exceeds its bound; the bounds are in
tests/helpers/tolerances.py, and the tests check every 997th number.
"""

import argparse
import importlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from nncore.kernels import available_levels

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))
from tolerances import ELEMENTARY, ulp_errors

CHUNK = 2**19  # numbers at a time, which fit into the cache


def worst_of(result, exact, x):
    """The largest error, where NaN is the largest, and its x."""
    with np.errstate(all="ignore"):
        nearest = exact.astype(np.float32)
    # Most results are the nearest float32, and their errors at most 0.5.
    others = np.flatnonzero((result != nearest) & ~(np.isnan(result) & np.isnan(nearest)))
    if not others.size:
        return 0.5, x[0]
    errors = ulp_errors(result[others], exact[others])
    at = np.argmax(errors)
    return errors[at], x[others[at]]


def check_chunk(name, cores, start, stride):
    """The largest error of each core over the floats with the bits start, start + stride, ..."""
    bits = np.arange(start, min(start + CHUNK * stride, 2**32), stride, np.uint32)
    x = bits.view(np.float32)
    with np.errstate(all="ignore"):
        exact = ELEMENTARY[name][0](x.astype(np.float64))
    results = [getattr(core, name)(x).view(np.uint32) for core in cores]
    found = []
    for k, result in enumerate(results):
        if k and np.array_equal(result, results[k - 1]):
            found.append(found[-1])  # AVX2 and AVX-512 give the same bits
        else:
            found.append(worst_of(result.view(np.float32), exact, x))
    return found


def worst_errors(name, levels, stride):
    """The largest error of each level over all floats, or every stride-th."""
    cores = [importlib.import_module(f"nncore._core.core_{level}") for level in levels]
    starts = range(0, 2**32, CHUNK * stride)
    worst = [(0.0, np.float32(0))] * len(cores)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        chunks = pool.map(lambda start: check_chunk(name, cores, start, stride), starts)
        for found in tqdm(chunks, name, len(starts), leave=False, unit="chunk"):
            worst = [
                new if np.isnan(new[0]) or new[0] > old[0] else old
                for new, old in zip(found, worst, strict=True)
            ]
    return worst


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("functions", nargs="*", metavar="function", help=", ".join(ELEMENTARY))
    parser.add_argument("--level", action="append", choices=available_levels())
    parser.add_argument("--stride", type=int, default=1)
    options = parser.parse_args()
    if unknown := set(options.functions) - set(ELEMENTARY):
        parser.error(f"no such function: {', '.join(sorted(unknown))}")
    levels = options.level or available_levels()
    fine = True
    for name in options.functions or ELEMENTARY:
        bound = ELEMENTARY[name][1]
        worst = worst_errors(name, levels, options.stride)
        for level, (error, x) in zip(levels, worst, strict=True):
            verdict = "ok" if error <= bound else "TOO MUCH"
            fine = fine and bool(error <= bound)
            print(f"{name:16} {level:7} {error:8.4f} ULP at {x!r:28} bound {bound}  {verdict}")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
