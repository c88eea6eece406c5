"""setup.py: its tests of the compiler, its messages, and the content of packages.

Nothing here compiles the core itself; builds run on a copy, never in the checkout.
"""

import hashlib
import importlib.machinery
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from checkout import ROOT
from nncore._core.cpu import runnable_levels
from recipe import setup_py

X86_64 = platform.machine().lower() in ("x86_64", "amd64") and sys.maxsize > 2**32
ORDINARY = "neon" if "neon" in runnable_levels() else "base"  # which every such processor runs
SOURCES = {".py", ".pyi", ".pyx", ".pxd", ".pxi", ".h", ".typed"}


@pytest.fixture
def compiler():
    """The part of setuptools' compiler object that setup.py uses, for Python's compiler."""
    command = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "")
    if not command or shutil.which(command[0]) is None:
        pytest.skip("needs a C compiler that takes GNU flags")
    include = [sysconfig.get_path("include")]
    return SimpleNamespace(compiler_type="unix", compiler_so=command, include_dirs=include)


@pytest.fixture
def checkout(setuptools, tmp_path):
    """A copy of the checkout, with files of an earlier build."""
    names = ("setup.py", "pyproject.toml", "MANIFEST.in", "LICENSE", "README.md")
    folders = ("src", "tests", "benchmarks", "examples")
    leftovers = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__", "*.egg-info", ".*")
    copy = tmp_path / "nncore"
    copy.mkdir()
    for path in filter(Path.is_file, (ROOT / name for name in names)):
        shutil.copy(path, copy)
    for path in filter(Path.is_dir, (ROOT / folder for folder in folders)):
        shutil.copytree(path, copy / path.name, ignore=leftovers)
    for leftover in ("core_base.c", "core_base.so", "core_base.html"):
        (copy / "src/nncore/_core" / leftover).write_text("left over")
    return copy


def built_modules():
    """The files of the compiled modules that this nncore has, by module name."""
    folders = importlib.util.find_spec("nncore._core").submodule_search_locations
    suffixes = tuple(importlib.machinery.EXTENSION_SUFFIXES)
    files = [p for folder in folders for p in Path(folder).iterdir() if p.name.endswith(suffixes)]
    return {path.name.partition(".")[0]: path for path in files}


# --- messages ---------------------------------------------------------------------------------


def test_a_missing_compiler_ends_the_build_with_one_readable_message(checkout):
    done = setup_py(checkout, "build_ext", CC="/nowhere/no-such-compiler")
    assert done.returncode == 1
    assert "the C compiler '/nowhere/no-such-compiler' was not found" in done.stderr
    for command in ("apt install build-essential", "dnf install gcc", "xcode-select", "Visual"):
        assert done.stderr.count(command) == 1
    assert "Traceback" not in done.stderr


def test_missing_headers_are_named_with_the_folder_they_should_be_in(recipe, compiler):
    compiler.include_dirs = []
    with pytest.raises(SystemExit, match=r"Python\.h.* was not found in /?\w+") as stopped:
        recipe.require_compiler(compiler)
    assert sysconfig.get_path("include") in str(stopped.value)


def test_a_broken_compiler_is_quoted(recipe, compiler):
    compiler.compiler_so = [sys.executable, "-c", "raise SystemExit('out of licences')"]
    with pytest.raises(SystemExit, match=r"does not work:\nout of licences"):
        recipe.require_compiler(compiler)


def test_a_working_compiler_passes_silently(recipe, compiler, capfd):
    recipe.require_compiler(compiler)
    assert capfd.readouterr() == ("", "")


# --- levels -----------------------------------------------------------------------------------


def test_every_level_is_built_where_the_compiler_can(recipe, compiler):
    expected = {"base", "avx2", "avx512"} if X86_64 else {ORDINARY}
    assert set(recipe.usable_levels(compiler)) == expected


@pytest.mark.skipif(os.name == "nt", reason="the stand-in compiler is a shell script")
@pytest.mark.skipif(not X86_64, reason="only x86-64 has levels")
def test_a_level_the_compiler_refuses_is_left_out_with_a_notice(recipe, compiler, tmp_path, capsys):
    old = tmp_path / "old-compiler"
    old.write_text(
        '#!/bin/sh\ncase "$*" in *avx512*) exit 1;; esac\n'
        f'exec {shlex.join(compiler.compiler_so)} "$@"\n'
    )
    old.chmod(0o755)
    compiler.compiler_so = [str(old)]
    assert set(recipe.usable_levels(compiler)) == {"base", "avx2"}
    assert capsys.readouterr().out.count("no avx512 build") == 1


def test_flags_that_switch_nothing_on_do_not_count_as_accepted(recipe, compiler):
    assert recipe.accepts(compiler, ["-O1"])
    assert not recipe.accepts(compiler, ["-O1"], ["__NNCORE_NO_SUCH_FEATURE__"])


def test_msvc_builds_the_baseline_only(recipe):
    compiler = SimpleNamespace(compiler_type="msvc")
    assert recipe.usable_levels(compiler) == {"base": []}


# --- flags ------------------------------------------------------------------------------------


def test_no_user_flag_switches_fast_maths_on(recipe, compiler):
    checks = "#if __FAST_MATH__ || __FINITE_MATH_ONLY__\n#error fast maths\n#endif\n"
    assert recipe.compile_error(compiler, checks, ["-ffast-math"])
    flags = ["-Ofast", "-ffast-math", *recipe.gnu_compile_args()]
    assert recipe.compile_error(compiler, checks, flags) == ""


def test_loops_that_call_tanh_may_still_be_vectorised(recipe, compiler):
    """-fno-fast-math after -fno-math-errno would undo it: gcc then leaves such loops alone."""
    checks = "#ifdef __GNUC__\n#ifndef __NO_MATH_ERRNO__\n#error errno\n#endif\n#endif\n"
    assert recipe.compile_error(compiler, checks, ["-O3", "-fmath-errno"])
    assert recipe.compile_error(compiler, checks, recipe.gnu_compile_args()) == ""


@pytest.mark.skipif(os.name == "nt", reason="links with GNU flags")
def test_linking_with_ofast_does_not_bring_in_the_subnormal_flusher(recipe, compiler, tmp_path):
    source, library = tmp_path / "empty.c", tmp_path / "empty.so"
    source.write_text("int nothing;\n")
    command = [*compiler.compiler_so, "-Ofast", "-fPIC", "-shared", source, "-o", library]
    subprocess.run([*command, *recipe.gnu_link_args()], check=True)
    assert b"set_fast_math" not in library.read_bytes()


# --- bits of a level ----------------------------------------------------------------------------

# sha256 of what tests/project/header_bits.c prints, the same on every processor.
HEADER_BITS = {
    "base": "1d9a71932d69db81318c8ad1fb38f03140828c5ec433dc36f53568201ddb87fd",
    "fused": "39c4ccd5a48deeb04150c86f8663c46ac398b28bd96cd2b7d118c5be8d854f3d",
}
RUNS = runnable_levels()
AVX2 = pytest.mark.skipif("avx2" not in RUNS, reason="needs a processor with AVX2")
AVX512 = pytest.mark.skipif("avx512" not in RUNS, reason="needs a processor with AVX-512")
NEON = pytest.mark.skipif("neon" not in RUNS, reason="needs 64-bit ARM")


def headers(recipe, compiler, tmp_path, flags):
    """Compile header_bits.c as the core is; return the program's path and the errors."""
    program = tmp_path / "header_bits"
    source, generated = ROOT / "tests/project/header_bits.c", tmp_path / "generated"
    recipe.generate(generated)
    includes = [f"-I{ROOT / recipe.CORE}/c", f"-I{generated}"]
    ours = [*recipe.gnu_compile_args(), *recipe.sse(compiler), *includes]
    command = [*compiler.compiler_so, *ours, *flags, source, "-o", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return program, done.stderr if done.returncode else ""


def header_bits(recipe, compiler, tmp_path, flags):
    """Which of HEADER_BITS the headers give if they are compiled with these flags."""
    program, error = headers(recipe, compiler, tmp_path, flags)
    assert not error
    printed = subprocess.run([program], capture_output=True, check=True).stdout
    found = hashlib.sha256(printed).hexdigest()
    return next((name for name, kept in HEADER_BITS.items() if kept == found), found)


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param([]),
        pytest.param(["-march=native"], marks=AVX2),
        pytest.param(["-mfma"], marks=AVX2),
        pytest.param(["-Ofast"]),
    ],
    ids=" ".join,
)
def test_no_user_flag_changes_the_bits_of_the_base_level(recipe, compiler, tmp_path, flags):
    """Where the compiler may use fused steps, and the level does not, no header does."""
    compiler.compiler_so = [*compiler.compiler_so, *flags]
    assert header_bits(recipe, compiler, tmp_path, ["-DNNCORE_LEVEL=0"]) == "base"


@pytest.mark.parametrize(
    "level",
    [
        pytest.param("avx2", marks=AVX2),
        pytest.param("avx512", marks=AVX512),
        pytest.param("neon", marks=NEON),
    ],
)
def test_levels_with_fused_steps_use_them_in_every_header(recipe, compiler, tmp_path, level):
    number, flags, _ = recipe.LEVELS[level]
    flags = [*flags, f"-DNNCORE_LEVEL={number}"]
    assert header_bits(recipe, compiler, tmp_path, flags) == "fused"


def test_a_native_build_has_the_bits_of_a_level(recipe, compiler, tmp_path):
    native = next(f for f in recipe.NATIVE_FLAGS if recipe.accepts(compiler, f))
    flags = [*native, "-DNNCORE_LEVEL=0", "-DNNCORE_NATIVE=1"]
    expected = "fused" if {"avx2", "neon"} & set(RUNS) else "base"
    assert header_bits(recipe, compiler, tmp_path, flags) == expected


@pytest.mark.skipif(not X86_64, reason="only x86 has an x87")
def test_headers_refuse_numbers_that_are_kept_in_more_bits(recipe, compiler, tmp_path):
    if not recipe.accepts(compiler, ["-mfpmath=387"]):
        pytest.skip("needs gcc: this compiler has no x87 for 64-bit programs")
    _, error = headers(recipe, compiler, tmp_path, ["-mfpmath=387"])
    assert "#error" in error
    assert "on 32-bit x86, -msse2 -mfpmath=sse" in error


@pytest.mark.skipif(not X86_64, reason="only x86-64 has compilers for 32-bit x86")
def test_32_bit_x86_is_compiled_for_numbers_in_their_own_precision(recipe, compiler, tmp_path):
    assert recipe.sse(compiler) == []
    compiler.compiler_so = [*compiler.compiler_so, "-m32"]
    if recipe.compile_error(compiler, "#include <stdio.h>\n"):
        pytest.skip("needs a compiler with the headers and libraries of 32-bit x86")
    assert recipe.sse(compiler) == recipe.SSE
    assert header_bits(recipe, compiler, tmp_path, ["-DNNCORE_LEVEL=0"]) == "base"


# --- built modules ----------------------------------------------------------------------------


def test_the_level_of_every_processor_is_always_there():
    built = set(built_modules())
    assert "cpu" in built
    assert {f"core_{ORDINARY}", "core_base"} & built  # a native build has only core_base


@pytest.mark.parametrize("module", ["core_base", "core_neon", "core_avx2", "core_avx512", "cpu"])
def test_built_modules_hold_no_subnormal_flusher(module):
    if module not in (built := built_modules()):
        pytest.skip(f"this build of nncore has no {module}")
    assert b"set_fast_math" not in built[module].read_bytes()


def test_subnormals_survive_the_import():
    # The operand comes from outside: Python would multiply constants before the import.
    code = "import sys, nncore.kernels; print(float(sys.argv[1]) * 1.0)"
    command = [sys.executable, "-c", code, "5e-324"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "5e-324"


# --- packages ---------------------------------------------------------------------------------


def test_the_sdist_has_every_source_and_nothing_generated(checkout):
    done = setup_py(checkout, "-q", "sdist")
    assert done.returncode == 0, done.stderr
    (archive,) = (checkout / "dist").glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        packed = {name.partition("/")[2] for name in tar.getnames()}
    paths = [p for p in checkout.rglob("*") if p.suffix in SOURCES and "dist" not in p.parts]
    assert {p.relative_to(checkout).as_posix() for p in paths} <= packed
    generated = (".so", ".html", ".pyc")
    assert not [name for name in packed if name.endswith(generated)]
    assert not [name for name in packed if name.startswith("src/") and name.endswith(".c")]


def test_the_package_holds_types_but_no_sources_to_compile(checkout, tmp_path):
    done = setup_py(checkout, "-q", "build_py", "--build-lib", str(tmp_path / "lib"))
    assert done.returncode == 0, done.stderr
    packed = [path for path in (tmp_path / "lib").rglob("*") if path.is_file()]
    assert {"py.typed", "_version.py"} <= {path.name for path in packed}
    assert {path.suffix for path in packed} <= {".py", ".pyi", ".typed"}
