"""Train many networks on XOR, and average the outputs of the best.

python examples/sweep.py                # side by side, with a network in every lane
python examples/sweep.py --threads 2    # each in a thread, as is possible for networks of any kind
mpiexec -n 3 python -m mpi4py.futures examples/sweep.py --mpi
"""

import argparse
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import product

import numpy as np

import nncore

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
Y = np.array([[0], [1], [1], [0]], np.float32)


def executor(options):
    if options.mpi:
        from mpi4py.futures import MPIPoolExecutor

        return MPIPoolExecutor()
    return ThreadPoolExecutor(options.threads) if options.threads else nullcontext()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--threads", type=int, help="train each network in one of these threads")
    parser.add_argument("--mpi", action="store_true", help="use the workers of mpiexec")
    plan = nncore.Plan(
        X,
        Y,
        hidden_activation="tanh",
        output_activation="sigmoid",
        loss="binary_cross_entropy",
        optimizer=nncore.SGD(0.5),
        epochs=500,
        batch_size=4,
    )
    settings = [
        {"layer_sizes": (2, h, 1), "rng": seed} for h, seed in product((2, 3, 4), range(20))
    ]
    with executor(parser.parse_args()) as pool:
        sweep = nncore.sweep(plan, settings, pool, progress=True).run()
    for hidden in (2, 3, 4):
        members = [
            member for member in sweep.members if member.settings["layer_sizes"][1] == hidden
        ]
        learned = sum(member.score < 0.1 for member in members)
        print(f"{hidden} hidden units: {learned} of {len(members)} starts learned XOR")
    print(sweep)
    print("the ten best together:", sweep.ensemble(10).predict(X).ravel().round(3))


if __name__ == "__main__":
    main()
