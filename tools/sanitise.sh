#!/usr/bin/env bash
# The tests under AddressSanitizer and UndefinedBehaviorSanitizer; fails for any report.
#
#   tools/sanitise.sh                          # the whole suite, every level: half an hour
#   tools/sanitise.sh tests/mlp -x             # arguments go to pytest
#   NNCORE_NATIVE=1 tools/sanitise.sh ...      # one level alone, built for this processor
#
# Builds under build/sanitise and does not change the extension modules of the checkout. Requires gcc,
# and a Python on the PATH with the packages for the tests. Reports are files, so that those of child
# processes are included.
set -euo pipefail
cd "$(dirname "$0")/.."

out=$PWD/build/sanitise
checks="-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined"
echo "building with $checks"
mkdir -p "$out/lib"
CFLAGS="$checks" python setup.py --quiet build --build-base "$out" --build-lib "$out/lib" \
    egg_info --egg-base "$out/lib" >"$out/build.log" 2>&1 || { cat "$out/build.log"; exit 1; }
rm -f "$out"/report.*

# Guard pages and failed allocations are tested as without a sanitizer; memory that is still
# allocated when Python ends is not a leak.
export ASAN_OPTIONS="detect_leaks=0:handle_segv=0:handle_sigbus=0:allocator_may_return_null=1:log_path=$out/report"
export UBSAN_OPTIONS="print_stacktrace=1:log_path=$out/report"
export NNCORE_SANITIZED=1 PYTHONMALLOC=malloc PYTHONPATH="$out/lib${PYTHONPATH:+:$PYTHONPATH}"
runtime() { gcc -print-file-name="$1"; }
preload="$(runtime libasan.so):$(runtime libubsan.so):$(runtime libstdc++.so.6)"

status=0
LD_PRELOAD="$preload" python -m pytest -p no:cacheprovider "$@" || status=$?
# Some tests provoke warnings of failed allocations.
if reports=$(grep -lE "ERROR: AddressSanitizer|runtime error:" "$out"/report.* 2>/dev/null); then
    # shellcheck disable=SC2086
    cat $reports
    echo "reports of sanitizers: $(wc -w <<<"$reports") processes"
    exit 1
fi
echo "0 reports"
exit "$status"
