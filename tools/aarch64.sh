#!/usr/bin/env bash
# The tests on 64-bit ARM without such a machine: a small Debian in a folder, run by QEMU.
#
#   tools/aarch64.sh                                   # golden hashes, equal bits, kernels, networks: 15 minutes
#   tools/aarch64.sh tests/project/test_golden.py -x  # arguments go to pytest
#
# Requires Debian, root, network access, a Python with setuptools, Cython and NumPy, and
#
#   apt-get install qemu-user-static debootstrap python3-pip gcc-aarch64-linux-gnu libc6-dev-arm64-cross
#
# Creates the system once, in build/aarch64 or in $NNCORE_ARM_ROOT, and then builds only what has
# changed, by a cross-compiler, which takes a tenth of the time of one under QEMU. First reports
# whether the matrix product uses fused vector instructions. Bits and results are meaningful; times
# under QEMU are not.
set -euo pipefail
cd "$(dirname "$0")/.."

root=${NNCORE_ARM_ROOT:-$PWD/build/aarch64}
release=bookworm python=3.11
in_root() { chroot "$root" env PYTHONPATH=/packages:/nncore/src "$@"; }

# Lets the kernel start programs of another processor with QEMU; the package does so only under systemd.
formats=/proc/sys/fs/binfmt_misc
[ -e $formats/register ] || mount -t binfmt_misc binfmt_misc $formats
[ -e $formats/qemu-aarch64 ] || cat /usr/lib/binfmt.d/qemu-aarch64.conf >$formats/register

if [ ! -e "$root/complete" ]; then
    echo "making $root"
    # Packages are unpacked but not configured, which is faster and enough for compilers and Python.
    debootstrap --arch=arm64 --foreign --variant=minbase \
        --include=python3-dev,gcc,libc6-dev,binutils "$release" "$root" >"$root.log"
    for package in "$root"/var/cache/apt/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink --skip-old-files -C "$root"
    done
    python3 -m pip install --quiet --target "$root/packages" --python-version "$python" \
        --only-binary=:all: --platform manylinux_2_28_aarch64 --platform manylinux2014_aarch64 \
        "setuptools>=77" "cython>=3.1" "numpy>=2" "safetensors>=0.4.3" "tqdm>=4.60" "pytest>=8" hypothesis
    touch "$root/complete"
fi

echo "building"
mkdir -p "$root/nncore"
CC=aarch64-linux-gnu-gcc LDSHARED="aarch64-linux-gnu-gcc -shared" \
    CFLAGS="-I$root/usr/include/python$python -idirafter $root/usr/include" \
    SETUPTOOLS_EXT_SUFFIX=.cpython-${python/./}-aarch64-linux-gnu.so \
    python setup.py --quiet build_ext --build-temp "$root/build" --build-lib "$root/build/lib" >"$root/build.log" 2>&1 ||
    { cat "$root/build.log"; exit 1; }
tar -c --exclude="*.so" --exclude=__pycache__ README.md LICENSE pyproject.toml setup.py src tests tools |
    tar -x -C "$root/nncore"
cp "$root"/build/lib/nncore/_core/*.so "$root/nncore/src/nncore/_core"

in_root sh -c 'objdump -d --no-show-raw-insn /nncore/src/nncore/_core/core_neon.*.so' | awk '
    /^[0-9a-f]+ <.*>:$/ { tile = /<run_tiles_f(32|64)/ }
    / bl?\t.*<fmaf?@plt>/ { calls++ }
    tile && /\tfmla\tv/ { vectors++ }
    tile && /\t(fmul|fadd|fmadd)\t/ { others++ }
    END {
        printf "matrix product: %d fmla of vectors, %d other products and sums; calls of fma in the core: %d\n",
            vectors, others, calls
        exit !vectors || others || calls
    }'

[ $# -gt 0 ] || set -- tests/project/test_golden.py tests/training/test_initializers.py \
    tests/kernels/test_{kernels,same_bits,special_numbers,vmath}.py \
    tests/kernels/test_{char_rnn,mlp}*.py tests/mlp/test_{network,weights,loss}.py \
    tests/project/test_build.py::test_no_user_flag_changes_the_bits_of_the_base_level
in_root sh -c 'cd /nncore && exec python3 -m pytest -q -p no:cacheprovider --hypothesis-profile few "$@"' pytest "$@"
