"""kill -9 at random moments while checkpoints are written: the file is the old or the new one.

    python tools/kill_rounds.py                # 200 rounds, about two minutes
    python tools/kill_rounds.py --rounds 20    # some seconds

Every round starts a process that trains with a checkpoint after every compiled call, kills it,
and loads the file: it must hold a state of the one run that the rounds go through together, and
the run must end with the bits of a run that nothing has happened to. Exits with 1 if not. The
tests do the same with a few rounds; the code is in tests/helpers/kills.py.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))
from kills import rounds


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200, help="in all, half of them of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where to write; else a temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for kind, count in (("MLP", -(-options.rounds // 2)), ("CharRNN", options.rounds // 2)):
            begin = time.perf_counter()
            found = rounds(kind, count, folder, options.seed)
            what = ", ".join(f"{number} {name}" for name, number in sorted(found.items()))
            seconds = time.perf_counter() - begin
            print(f"{kind:8} {count} rounds in {seconds:.0f} s: all loaded; {what}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
