"""Build the compiled core: one source, one extension module for each instruction-set level.

All settings except compilation are in pyproject.toml. Environment variables:

    CC, CFLAGS, LDFLAGS  as usual; a sanitizer or --coverage in CFLAGS keeps the user's -O level
    NNCORE_NATIVE=1      one build for this processor instead of one for each level
    NNCORE_DEBUG=1       -O1 -g, assertions, Cython's bounds checks

Cython and NumPy are imported where they are used: without a compiler the build has to end with a
clear message, and the tests read this file when only setuptools is installed.
"""

import hashlib
import os
import runpy
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

CORE = "src/nncore/_core"
INCLUDED = (".h", ".pxd", ".pxi")  # sources of the modules
NATIVE = os.environ.get("NNCORE_NATIVE", "0") not in ("", "0")
DEBUG = os.environ.get("NNCORE_DEBUG", "0") not in ("", "0")
SANITIZE = "-fsanitize" in os.environ.get("CFLAGS", "")
COVERAGE = "--coverage" in os.environ.get("CFLAGS", "")

# Level name -> (NNCORE_LEVEL, flags, macros that the compiler must then define, first that of the
# architecture). The slowest to compile come first, so that the last one does not run alone.
LEVELS = {
    "avx512": (
        3,
        [
            *("-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mavx2", "-mfma"),
            "-mprefer-vector-width=512",
        ],
        ("__x86_64__", "__AVX512VL__", "__FMA__"),
    ),
    "avx2": (2, ["-mavx2", "-mfma"], ("__x86_64__", "__AVX2__", "__FMA__")),
    "neon": (1, [], ("__aarch64__",)),
    "base": (0, [], ()),
}

# Not every compiler knows each of these; the first that works is used.
NATIVE_FLAGS = (
    ["-march=native", "-mprefer-vector-width=512"],
    ["-march=native"],
    ["-mcpu=native"],
)

# A universal build for macOS is of no single architecture: its part for ARM then has NEON.
UNIVERSAL = ["-Xarch_arm64", "-DNNCORE_NATIVE=1"]

DIRECTIVES = {
    "language_level": 3,
    "binding": True,
    "embedsignature": False,
    "boundscheck": DEBUG,
    "wraparound": DEBUG,
    "initializedcheck": DEBUG,
    "nonecheck": DEBUG,
    "cdivision": True,
}

INSTALL_HELP = """\
Install a C compiler and Python's headers, then run the same command again:
  Debian, Ubuntu  sudo apt install build-essential python3-dev
  Fedora          sudo dnf install gcc python3-devel
  macOS           xcode-select --install
  Windows         Build Tools for Visual Studio, workload 'Desktop development with C++'"""


# --- flags ------------------------------------------------------------------------------------


def optimisation():
    """Return the user's flags, which gcc's compiler and linker both read."""
    if DEBUG:
        return ["-O1", "-g"]
    return [] if SANITIZE or COVERAGE else ["-O3", "-g0"]


def gnu_compile_args():
    """Return the flags after the user's, so that -Ofast, for example, cannot change results."""
    # Python's -fwrapv would hide signed overflow from the sanitizer.
    checks = ["-fno-wrapv", "-UNDEBUG"] if DEBUG or SANITIZE else []
    # -fno-fast-math resets errno, trapping and (in Clang) contraction to their defaults, so it
    # has to precede the three flags that follow it.
    maths = ["-fno-fast-math", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
    return ["-std=gnu11", *optimisation(), *checks, *maths]


def gnu_link_args():
    """Before version 13, gcc links start-up code that flushes subnormals if it sees -Ofast."""
    return [*optimisation(), "-fno-fast-math"]


# Flags that only make kernels faster.
TUNING = [
    # gcc stops inlining when a file has grown by a percentage; loops that call exp are then not
    # vectorised.
    "--param=inline-unit-growth=300",
    # A second loop for neighbouring elements leaves the general one short of registers: products
    # x.T @ dy with a remainder of columns took twice as long.
    "-fno-version-loops-for-strides",
    # By its place alone, a loop of a product took up to 1.2 times as long.
    "-falign-loops=64",
]


# 32-bit x86: by default, compilers evaluate floats in 80 bits, for which level.h has an #error.
# Every such processor since 2003 has SSE2.
SSE = ["-msse2", "-mfpmath=sse"]


def msvc_compile_args():
    return ["/Od", "/Z7", "/UNDEBUG", "/fp:precise"] if DEBUG else ["/O2", "/fp:precise"]


def is_msvc(compiler):
    return compiler.compiler_type == "msvc"


# --- what the compiler can do -----------------------------------------------------------------


def compile_error(compiler, source, flags=()):
    """Compile ``source`` and discard the result; return "" or the compiler's error."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "probe.c")
        path.write_text(source)
        if is_msvc(compiler):
            return _msvc_error(compiler, path, flags)
        includes = [f"-I{include}" for include in compiler.include_dirs]
        command = [*compiler.compiler_so, *includes, *flags, "-c", path, "-o", f"{path}.o"]
        return _command_error(command)


def _command_error(command):
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, errors="replace"
        )
    except OSError as error:
        return f"the C compiler '{command[0]}' was not found or cannot be run ({error.strerror})"
    return "" if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"


def _msvc_error(compiler, path, flags):
    """Compile with MSVC, which only the compiler class of setuptools can find in the registry."""
    try:
        compiler.compile([str(path)], output_dir=str(path.parent), extra_postargs=list(flags))
    except Exception as error:  # each setuptools has its own classes, all derived from this one
        return str(error)
    return ""


def require_compiler(compiler):
    """Exit with a readable message unless a file with Python.h compiles."""
    error = compile_error(compiler, "#include <Python.h>\n")
    if not error:
        return
    if "Python.h" in error:
        folder = sysconfig.get_path("include")
        error = f"Python.h, which comes with Python's development files, was not found in {folder}"
    elif "the C compiler" not in error:
        error = f"the C compiler does not work:\n{error}"
    raise SystemExit(f"\nnncore cannot build its compiled core: {error}.\n{INSTALL_HELP}\n")


def accepts(compiler, flags, macros=()):
    """Whether these flags work and the compiler then defines the macros."""
    checks = [f"#ifndef {macro}\n#error {macro} is not defined\n#endif\n" for macro in macros]
    return not compile_error(compiler, "".join(checks) + "int nncore_probe;\n", flags)


def sse(compiler):
    """Return the flags for evaluation in float and double precision on 32-bit x86."""
    return SSE if accepts(compiler, SSE, ["__i386__"]) else []


def usable_levels(compiler):
    """Return {level: flags} for the levels to build with this compiler."""
    if NATIVE:
        found = [] if is_msvc(compiler) else [f for f in NATIVE_FLAGS if accepts(compiler, f)]
        return {"base": found[0] if found else []}
    usable = {}
    for level, (_, flags, macros) in LEVELS.items():
        if not macros:
            usable[level] = flags
        elif is_msvc(compiler) or not accepts(compiler, [], macros[:1]):
            continue  # of another architecture
        elif accepts(compiler, flags, macros):
            usable[level] = flags
        else:
            print(f"nncore: no {level} build, not supported by the compiler or processor")
    if "neon" in usable:
        del usable["base"]  # which no such processor would use
    elif set(usable) == {"base"} and not is_msvc(compiler) and accepts(compiler, UNIVERSAL):
        usable["base"] = UNIVERSAL
    return usable


# --- extension modules ------------------------------------------------------------------------


def extension(name, macros=()):
    """Return an extension module of the core; flags are added when the compiler is known."""
    return Extension(
        f"nncore._core.{name}",
        [f"{CORE}/{name}.pyx"],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"), *macros],
        include_dirs=[f"{CORE}/c"],
        depends=[str(p) for p in sorted(Path(CORE).rglob("*")) if p.suffix in INCLUDED],
    )


def extensions():
    """Return all modules that can be built on some machine."""
    native = [("NNCORE_NATIVE", "1")] if NATIVE else []
    levels = [
        extension(f"core_{level}", [("NNCORE_LEVEL", str(number)), *native])
        for level, (number, _, _) in LEVELS.items()
    ]
    return [*levels, extension("cpu")]


def generate(folder):
    """Generate the C and Cython files from `nncore.registry`."""
    write = runpy.run_path(f"{CORE}/generate.py")["write"]
    write(Path(CORE, "../registry.py"), folder)


def add_flags(ext, compiler, level_flags):
    """Set the options that depend on the compiler and on NumPy."""
    import numpy

    ext.include_dirs.append(numpy.get_include())
    if is_msvc(compiler):
        ext.extra_compile_args = msvc_compile_args()
    else:
        tuning = [flag for flag in TUNING if accepts(compiler, ["-Werror", flag])]
        ext.extra_compile_args = [*gnu_compile_args(), *tuning, *sse(compiler), *level_flags]
        ext.extra_link_args = gnu_link_args()


def settings():
    """Return the recipe, and what of the environment changes how a file is compiled."""
    from Cython import __version__ as cython_version
    from numpy import __version__ as numpy_version

    names = ("CC", "CFLAGS", "CPPFLAGS", "LDFLAGS", "LDSHARED", "ARCHFLAGS")
    environment = [f"{name}={os.environ.get(name, '')}" for name in names]
    recipe = Path("setup.py").read_text(encoding="utf-8")
    versions = [f"{cython_version=}", f"{numpy_version=}", sys.version]
    return "\n".join([*environment, f"{NATIVE=} {DEBUG=}", *versions, recipe])


def checksum(content):
    return hashlib.sha256(content).hexdigest()


def sources():
    """Return the content of all files that are translated or compiled, or that generate them."""
    paths = [path for path in Path(CORE).rglob("*") if path.suffix in (*INCLUDED, ".pyx")]
    paths += [Path(CORE, "generate.py"), Path(CORE, "../registry.py")]
    return b"".join(path.as_posix().encode() + path.read_bytes() for path in sorted(paths))


class BuildCore(build_ext):
    """build_ext that tests the compiler first, then translates and compiles in parallel."""

    def finalize_options(self):
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count() or 1

    def run(self):
        super().run()
        self.remove_unbuilt()

    def build_extensions(self):
        require_compiler(self.compiler)
        levels = usable_levels(self.compiler)
        flags = {f"nncore._core.core_{level}": found for level, found in levels.items()}
        flags["nncore._core.cpu"] = []
        self.extensions[:] = [ext for ext in self.extensions if ext.name in flags]
        for ext in self.extensions:
            add_flags(ext, self.compiler, flags[ext.name])
        stamp = Path(self.build_temp, "built.txt")
        before = stamp.read_text("utf-8").split() if stamp.exists() else ["", ""]
        now = [checksum(self.settings()), checksum(sources())]
        self.force = self.force or before[0] != now[0]
        # NumPy's files are newer than the last build where pip has just installed them for this
        # one: by dates alone, everything would be compiled again.
        if self.force or before != now or not self.all_exist():
            stamp.unlink(missing_ok=True)  # an interrupted build starts again
            self.add_generated()
            self.translate()
            super().build_extensions()
            stamp.write_text("\n".join(now), encoding="utf-8")

    def settings(self):
        """Return everything except files that determines what is compiled and how."""
        flags = [f"{ext.name}: {ext.extra_compile_args}" for ext in self.extensions]
        return "\n".join([settings(), *flags]).encode()

    def all_exist(self):
        return all(Path(self.get_ext_fullpath(ext.name)).exists() for ext in self.extensions)

    @property
    def generated(self):
        return Path(self.build_temp, "generated")

    def add_generated(self):
        generate(self.generated)
        for ext in self.extensions:
            ext.include_dirs.append(str(self.generated))

    def translate(self):
        """Translate Cython to C, in build/ rather than beside the sources."""
        from Cython.Build import cythonize

        translated = cythonize(
            self.extensions,
            nthreads=min(self.parallel, len(self.extensions)),
            build_dir=str(Path(self.build_temp, "cython")),
            include_path=["src", str(self.generated)],
            compiler_directives=DIRECTIVES,
            force=self.force,
            emit_linenums=COVERAGE,
        )
        sources = {ext.name: ext.sources for ext in translated}
        for ext in self.extensions:
            ext.sources = sources[ext.name]

    def remove_unbuilt(self):
        """Remove levels of an earlier build, which must not be imported or packaged."""
        built = {ext.name for ext in self.extensions}
        for ext in extensions():
            if ext.name not in built:
                filename = self.get_ext_filename(ext.name)
                Path(self.build_lib, filename).unlink(missing_ok=True)
                if self.inplace:
                    Path("src", filename).unlink(missing_ok=True)


# Worker processes that are spawned, not forked, import this file again.
if __name__ == "__main__":
    setup(ext_modules=extensions(), cmdclass={"build_ext": BuildCore})
