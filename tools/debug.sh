#!/usr/bin/env bash
# The tests on a debug build: -O1 -g, assertions, Cython's checks of bounds and of None.
#
#   tools/debug.sh                          # the whole suite, every level
#   tools/debug.sh tests/mlp -x            # arguments go to pytest
#   NNCORE_NATIVE=1 tools/debug.sh ...      # one level alone, built for this processor
#
# Builds under build/debug and does not change the extension modules of the checkout. An exception
# that a kernel cannot raise, such as an index out of bounds, is a warning, and warnings fail tests.
set -euo pipefail
cd "$(dirname "$0")/.."

out=$PWD/build/debug
mkdir -p "$out/lib"
echo "building with NNCORE_DEBUG=1"
NNCORE_DEBUG=1 python setup.py --quiet build --build-base "$out" --build-lib "$out/lib" \
    egg_info --egg-base "$out/lib" >"$out/build.log" 2>&1 || { cat "$out/build.log"; exit 1; }
export NNCORE_DEBUG=1 # for tests with time limits, as nothing is optimised
PYTHONPATH="$out/lib${PYTHONPATH:+:$PYTHONPATH}" exec python -m pytest -p no:cacheprovider "$@"
