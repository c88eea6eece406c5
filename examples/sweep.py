"""Train many networks on XOR, and average the outputs of the best.

python examples/sweep.py                # one after the other
python examples/sweep.py --threads 2    # training releases the GIL
mpiexec -n 3 python -m mpi4py.futures examples/sweep.py --mpi
"""

import argparse
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np

import nncore

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
Y = np.array([[0], [1], [1], [0]], np.float32)


def make(hidden, seed):
    net = nncore.MLP((2, hidden, 1), "tanh", "sigmoid", "binary_cross_entropy", rng=seed)
    net.fit(X, Y, optimizer=nncore.SGD(0.5), epochs=500, batch_size=4)
    return net


def executor(options):
    if options.mpi:
        from mpi4py.futures import MPIPoolExecutor

        return MPIPoolExecutor()
    return ThreadPoolExecutor(options.threads)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--mpi", action="store_true", help="use the workers of mpiexec")
    settings = [{"hidden": h, "seed": s} for h, s in product((2, 3, 4), range(20))]
    with executor(parser.parse_args()) as pool:
        sweep = nncore.sweep(make, settings, pool, progress=True).run()
    for hidden in (2, 3, 4):
        members = [member for member in sweep.members if member.settings["hidden"] == hidden]
        learned = sum(member.score < 0.1 for member in members)
        print(f"{hidden} hidden units: {learned} of {len(members)} starts learned XOR")
    print(sweep)
    print("the ten best together:", sweep.ensemble(10).predict(X).ravel().round(3))


if __name__ == "__main__":
    main()
