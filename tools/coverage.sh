#!/usr/bin/env bash
# Lines of the compiled core (.pxd, .pxi and .h) that the tests do not reach, by gcov.
#
#   tools/coverage.sh                        # the tests of kernels and networks: ten minutes
#   tools/coverage.sh tests/mlp              # arguments go to pytest
#
# Builds one level, for this processor, under build/coverage and does not change the extension
# modules of the checkout. Requires gcc and its gcov.
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || set -- tests/{kernels,char_rnn,mlp,properties}
out=$PWD/build/coverage
mkdir -p "$out/lib"
echo "building with --coverage"
NNCORE_NATIVE=1 CFLAGS="--coverage -O1" python setup.py --quiet build --build-base "$out" \
    --build-lib "$out/lib" egg_info --egg-base "$out/lib" >"$out/build.log" 2>&1 || { cat "$out/build.log"; exit 1; }
find "$out" -name "*.gcda" -delete

status=0
PYTHONPATH="$out/lib${PYTHONPATH:+:$PYTHONPATH}" python -m pytest -p no:cacheprovider \
    -q --hypothesis-profile few "$@" || status=$?
find "$out" -name "core_base*.gcda" -exec gcov --json-format --stdout {} + | python -c '
import collections, json, pathlib, sys

core = pathlib.Path("src/nncore/_core")
counts = collections.defaultdict(lambda: collections.defaultdict(int))
for report in map(json.loads, sys.stdin):
    for file in report["files"]:
        path = core / file["file"].rpartition("_core/")[2]
        if path.suffix in (".pxd", ".pxi", ".h") and path.exists():
            for line in file["lines"]:
                counts[path][line["line_number"]] += line["count"]
for path, lines in sorted(counts.items()):
    text = path.read_text().splitlines()
    # Errors leave a function at its first line; code added by Cython is beyond the end of the file.
    missed = [n for n, count in sorted(lines.items()) if not count and n <= len(text)]
    missed = [n for n in missed if not text[n - 1].strip().startswith(("cdef ", "def "))]
    print(f"{path.relative_to(core)}: {len(lines)} lines, {len(missed)} not reached")
    for number in missed:
        print(f"  {number:4}  {text[number - 1].strip()}")
'
exit "$status"
