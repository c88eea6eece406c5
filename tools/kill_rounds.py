"""Kill processes at random moments while they write checkpoints; the files must be complete.

    python tools/kill_rounds.py                # 200 rounds, about two minutes
    python tools/kill_rounds.py --rounds 20    # some seconds

Every round starts a process that resumes the run of the previous round, with a checkpoint after
every compiled call, kills it with SIGKILL, and loads the file, which must hold a state of the
run. The run must end with the bits of an uninterrupted one. Exits with 1 if not. The tests do
the same with a few rounds; the code is in tests/helpers/kills.py.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))
from kills import KINDS, rounds


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=200,
        help="for all kinds of network",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="by default a temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for i, kind in enumerate(KINDS):
            count = (options.rounds + i) // len(KINDS)
            begin = time.perf_counter()
            found = rounds(kind, count, folder, options.seed)
            what = ", ".join(f"{number} {name}" for name, number in sorted(found.items()))
            seconds = time.perf_counter() - begin
            print(f"{kind:8} {count} rounds in {seconds:.0f} s: all loaded; {what}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
