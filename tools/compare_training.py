"""Compare the training times of two versions, after changes that should not affect them.

    git worktree add /tmp/before COMMIT; cd /tmp/before; python setup.py build_ext --inplace
    python tools/compare_training.py /tmp/before .     # a minute

Trains a CharRNN and two MLP, without checkpoints, in alternating processes of both checkouts, as
the speed of a machine changes from second to second. Prints the median times and their
ratio; exits with 1 if the second checkout takes over 5 % longer.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

MOST = 1.05  # of the first checkout's time
TRAINING = """
import json, time
import numpy as np
from nncore import MLP, Adam, CharRNN

rng = np.random.default_rng(0)
text = "".join(np.array(list("abcdefghijklmnopqrstuvwxyz .,"))[rng.integers(0, 29, 100_000)])
x, y = rng.standard_normal((2000, 100), "f4"), rng.integers(0, 10, 2000)
tiny = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "f4"), np.array([0, 1, 1, 0])
how = {"output_activation": "softmax", "loss": "softmax_cross_entropy", "rng": 0}
large, small = MLP((100, 128, 10), **how), MLP((2, 3, 2), **how)
rnn = {"seq_length": 25, "batch_size": 16, "optimizer": Adam(0.01), "cell": "tanh", "rng": 0}
runs = {
    "CharRNN of 128 units, 300 updates": lambda: CharRNN(128, **rnn).fit(text, iterations=300),
    "MLP 100-128-10, 10 epochs of 2000 rows": lambda: large.fit(x, y, epochs=10),
    "MLP 2-3-2, 20000 epochs of 4 rows": lambda: small.fit(*tiny, epochs=20_000),
}
seconds = {}
for name, run in runs.items():
    run()
    start = time.perf_counter()
    run()
    seconds[name] = time.perf_counter() - start
print(json.dumps(seconds))
"""


def measured(checkout: Path) -> dict[str, float]:
    """Return the seconds of each training with the nncore of a checkout."""
    environment = os.environ | {"PYTHONPATH": str(checkout.resolve() / "src")}
    command = [sys.executable, "-c", TRAINING]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkouts", nargs=2, type=Path, metavar="CHECKOUT")
    parser.add_argument("--rounds", type=int, default=15, help="default: 15")
    options = parser.parse_args()
    rounds = [list(map(measured, options.checkouts)) for _ in range(options.rounds)]
    ratios = []
    for name in rounds[0][0]:
        before, now = (median(pair[i][name] for pair in rounds) for i in (0, 1))
        ratios.append(median(pair[1][name] / pair[0][name] for pair in rounds))
        print(f"{name}: {before:.3f} s, {now:.3f} s; ratio {ratios[-1]:.3f}")
    sys.exit(max(ratios) > MOST)


if __name__ == "__main__":
    main()
