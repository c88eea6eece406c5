"""Read damaged model files, tables of colours and texts; only documented exceptions may occur.

    python tools/fuzz_files.py                              # 100,000 files, some minutes
    python tools/fuzz_files.py --count 4000 --seed 7        # some seconds
    python tools/fuzz_files.py --keep failed                # keep the files that failed

Half of the files are damaged as bytes (flipped, cut, spliced, ...), half in the values of their
headers. Prints for each kind how many were read and refused, what failed, and the maximum memory
beyond twice the size of a file. Exits with 1 if anything failed. The tests do the same with a
few files; the code is in tests/helpers/hostile_files.py.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))
from hostile_files import fuzz, originals

SHARES = {
    "CharRNN": 0.25, "MLP": 0.15, "RNN": 0.15, "Population": 0.2, "colours": 0.1, "text": 0.15,
}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=100_000, help="total number of files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files that failed")
    options = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        keep = options.keep or Path(tempfile.mkdtemp(prefix="nncore-fuzz-"))
        keep.mkdir(parents=True, exist_ok=True)
        contents = originals(folder)
        for kind, share in SHARES.items():
            begin, count = time.perf_counter(), round(share * options.count)
            outcomes, beyond = fuzz(kind, contents[kind], count, options.seed, folder, keep)
            failed += outcomes["failed"]
            print(
                f"{kind:10} {count:7} files in {time.perf_counter() - begin:5.0f} s: "
                f"{outcomes['read']} read, {outcomes['refused']} refused, "
                f"{outcomes['failed']} failed, at most {max(0, beyond) / 1e6:.2f} MB beyond twice "
                f"the file",
                flush=True,
            )
        if not any(keep.iterdir()):
            keep.rmdir()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
