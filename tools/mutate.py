"""Break the kernels' formulas one at a time, and check that a test fails each time.

    python tools/mutate.py                        # one mutation of every function, half an hour
    python tools/mutate.py losses.pxd --each 3    # three of every function of a file
    python tools/mutate.py --only huber           # those with this text in file, function or line
    python tools/mutate.py --list --each 1000     # list all mutations without running any

Works on a copy in a temporary folder, with a single build for this processor. Prints each mutation
with the first test that fails, and at the end those that no test detected. Exits with 1 if there
are any: they are either a gap in the tests or change no result, such as a bound that only decides
between two equivalent branches.
"""

import argparse
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORE = Path("src/nncore/_core")
TIME_LIMIT = 300.0  # seconds, ten times that of the tests of a file; a broken loop may never end
MEMORY_LIMIT = 8 * 2**30  # bytes

NETWORKS = "mlp* char_rnn*"
# Names of test files in tests/kernels, or with a folder in tests.
TESTS = {
    "ops/activations.pxd": f"special_numbers kernels {NETWORKS}",
    "ops/losses.pxd": f"special_numbers kernels {NETWORKS}",
    "ops/optimizers.pxd": f"optimizers* {NETWORKS}",
    "ops/linear.pxd": f"{NETWORKS} special_numbers kernels",
    "ops/real.pxd": f"special_numbers {NETWORKS} optimizers* kernels",
    "recurrent/rnn.pxd": f"{NETWORKS} kernels",
    "ops/random.pxd": "mlp* dropout",
    "ops/sampling.pxd": "char_rnn* char_rnn/sampling*",
    "recurrent/char_rnn.pxd": "char_rnn* guard_pages",
    **dict.fromkeys(
        (f"mlp/{part}.pxd" for part in ("train", "plan", "layers", "gradients", "online")),
        "mlp* guard_pages mlp/run*",
    ),
    "mlp/narrow.pxd": NETWORKS,
    "c/narrow_template.h": NETWORKS,
    "c/formulas_template.h": f"special_numbers kernels {NETWORKS}",
    "c/tile_template.h": f"{NETWORKS} guard_pages kernels same_bits",
    "c/simd.h": f"{NETWORKS} guard_pages kernels same_bits",
    "c/vmath.h": "vmath special_numbers kernels",
}

# Patterns and their replacements, only in the bodies of functions. Spaces around an operator
# distinguish a product from a pointer.
FACTOR = r"[\w.]+(?:\[[^\[\]]*\])?"
MUTATORS = {
    "+ for -": (r"(?<=[\w\])]) - (?=[\w(<])", " + "),
    "- for +": (r"(?<=[\w\])]) \+ (?=[\w(<])", " - "),
    "+ for *": (r"(?<=[\w\])]) \* (?=[\w(<])", " + "),
    "* for /": (r"(?<=[\w\])]) / (?=[\w(<])", " * "),
    "-= for +=": (r" \+= ", " -= "),
    "+= for -=": (r" -= ", " += "),
    "= for +=": (r" \+= ", " = "),
    "/= for *=": (r" \*= ", " /= "),
    "<= for <": (r" < ", " <= "),
    ">= for >": (r" > ", " >= "),
    "< for >=": (r" >= ", " > "),
    "!= for ==": (r" == ", " != "),
    "another constant": (r"(?<![\w.])(?:0\.5|1\.0|2\.0)(?![\w.])", "1.5"),
    "another coefficient": (r"(?<=0x1\.)[0-9a-f](?=[0-9a-f]*p)", "7"),
    "another shift": (r"(?<=>> )\d+|(?<=<< )\d+", "9"),
    "a term dropped": (rf"(?<=[\w\])]) [+-] {FACTOR}(?: \* {FACTOR})*(?=[,;)]|$)", ""),
    "a sign dropped": (r"(?<=[(=] )-(?=\w)|(?<=\()-(?=[\w(])|(?<=return )-(?=[\w(])", ""),
}
NOT_FORMULAS = re.compile(r"^\s*(#|//|/?\*|cdef inline|\"\"\"|NN_UNROLL\s*$)|poll_signals|noexcept")


@dataclass(frozen=True)
class Mutation:
    """A place in a file, and its replacement."""

    file: str
    function: str
    line: int
    what: str
    before: str
    after: str

    def __str__(self):
        return f"{self.file}:{self.line} {self.function}: {self.what}: {self.after.strip()}"


def level():
    """The number of this processor's level, as in level.h."""
    from nncore.kernels import available_levels

    return ("base", "neon", "avx2", "avx512").index(available_levels()[0])


def active_lines(lines, level):
    """The numbers of the compiled lines; all conditions except those on levels are assumed true."""
    shown, taken = [True], [False]
    for number, line in enumerate(lines):
        directive = re.match(r"#(ifn?def|if|elif|else|endif)\b(.*)", line)
        if not directive:
            if all(shown):
                yield number
            continue
        word, condition = directive.groups()
        if word == "endif":
            shown.pop(), taken.pop()
            continue
        desired = re.findall(r"NNCORE_LEVEL (==|>=) (\d)", condition)
        holds = not desired or any(
            level == int(n) if sign == "==" else level >= int(n) for sign, n in desired
        )
        if word.startswith("if"):
            shown.append(holds), taken.append(holds)
        else:
            shown[-1] = holds and not taken[-1]
            taken[-1] |= holds


def bodies(text, is_c, level):
    """Yield (function, line number, line) of the code inside of functions."""
    lines = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)
    lines = re.sub(r'""".*?"""', lambda m: re.sub(r"[^\n]", " ", m[0]), lines, flags=re.S)
    lines = lines.split("\n")
    # N(narrow) N(narrow_sum)(...: the name is what the parenthesis of the arguments follows
    in_c, in_cython = r"^(?:static|NN_\w+) .*?(N\(\w+\)|(?!N\()\b\w+)\(", r"^cdef inline .*?(\w+)\("
    begins = in_c if is_c else in_cython
    function, inside = "", False
    for number in active_lines(lines, level):
        line = lines[number]
        if begin := re.match(begins, line):
            function, inside = begin[1], line.endswith("{" if is_c else "nogil:")
            if is_c and line.rstrip().endswith("}"):
                yield function, number, line
            continue
        if not inside:
            inside = bool(re.match(r"^(\{|.*\)\s*\{$)" if is_c else r"^.*\).*nogil:$", line))
            continue
        if line[:1] not in ("", " "):
            inside = False
        elif not NOT_FORMULAS.search(line):
            yield function, number, line


def mutations(file, level):
    """Every mutation of a file, function by function."""
    found = defaultdict(list)
    text = (ROOT / CORE / file).read_text(encoding="utf-8")
    for function, number, line in bodies(text, file.endswith(".h"), level):
        code = line.split("  #")[0]
        for what, (pattern, new) in MUTATORS.items():
            for match in re.finditer(pattern, code):
                after = code[: match.start()] + new + code[match.end() :]
                if after != code:
                    found[function].append(Mutation(file, function, number + 1, what, line, after))
    return found


def chosen(arguments):
    """The mutations to try: some of every function, the same in every call."""
    number = level()
    for file in arguments.files or TESTS:
        for function, found in mutations(file, number).items():
            pool = [m for m in found if arguments.only in str(m)]
            draw = random.Random(f"{arguments.seed} {file} {function}")
            yield from sorted(draw.sample(pool, min(arguments.each, len(pool))), key=str)


# --- the copy -----------------------------------------------------------------------------------


def run(command, folder):
    """Run a command in the copy; return whether it succeeded, and what it said."""

    def limited():
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    environment = {k: v for k, v in os.environ.items() if not k.startswith("NNCORE_")}
    environment |= {"PYTHONPATH": str(folder / "src"), "NNCORE_NATIVE": "1"}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False,
            errors="replace", timeout=TIME_LIMIT, preexec_fn=limited,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False, "FAILED by exceeding the time limit"
    return done.returncode == 0, done.stdout + done.stderr


def build(folder):
    return run([sys.executable, "setup.py", "build_ext", "--inplace"], folder)


def test_files(name):
    """The paths of the test files for a name in TESTS."""
    folder, _, pattern = name.rpartition("/")
    found = sorted((ROOT / "tests" / (folder or "kernels")).glob(f"test_{pattern}.py"))
    if not found:
        raise SystemExit(f"no test file is called {name}")
    return [str(path.relative_to(ROOT)) for path in found]


def test(folder, *files):
    """Run the tests of some files, each once, up to the first that fails."""
    names = dict.fromkeys(name for file in files for name in TESTS[file].split())
    paths = [path for name in names for path in test_files(name)]
    how = ["-xq", "-p", "no:cacheprovider", "--hypothesis-profile", "unshrunk"]
    untimed = ["-k", "not ctrl_c"]  # depends on time, and this build is not optimised
    return run([sys.executable, "-m", "pytest", *how, *untimed, *paths], folder)


def prepare(folder, files):
    """Copy the files for a build and the tests; compile without optimisation, which is faster."""
    ignored = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__", "*.egg-info", "build")
    for name in ("src", "tests", "examples"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    recipe = (ROOT / "setup.py").read_text(encoding="utf-8")
    (folder / "setup.py").write_text(recipe.replace('"-O3"', '"-O0"'), encoding="utf-8")
    built, said = build(folder)
    if not built:
        raise SystemExit(f"build fails without any mutation:\n{said}")
    passed, said = test(folder, *files) if files else (True, "")
    if not passed:
        raise SystemExit(f"a test fails without any mutation:\n{said}")


def outcome(folder, mutation):
    """Return the test that detected the mutation, or "" if none did."""
    path = folder / CORE / mutation.file
    original = path.read_text(encoding="utf-8")
    lines = original.split("\n")
    lines[mutation.line - 1] = mutation.after
    path.write_text("\n".join(lines), encoding="utf-8")
    try:
        built, _ = build(folder)
        if not built:
            return "the compiler"
        passed, said = test(folder, mutation.file)
    finally:
        path.write_text(original, encoding="utf-8")
    failed = re.search(r"^(?:FAILED|ERROR) (by .*|\S+)", said, flags=re.M)
    return "" if passed else failed[1] if failed else "a crash"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("files", nargs="*", choices=[[], *TESTS], metavar="FILE")
    parser.add_argument("--each", type=int, default=1, help="mutations of a function (1)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the selection")
    parser.add_argument("--only", default="", help="only mutations with this text")
    parser.add_argument("--list", action="store_true", help="only print the mutations")
    parser.add_argument(
        "--no-check", action="store_true", help="skip the tests of the unchanged copy"
    )
    return parser.parse_args()


def main():
    asked = arguments()
    todo = list(chosen(asked))
    if asked.list:
        print(*todo, sep="\n")
        return 0
    survivors, unbuilt = [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, [] if asked.no_check else sorted({m.file for m in todo}))
        for mutation in todo:
            by = outcome(folder, mutation)
            print(f"{'killed' if by else 'SURVIVED'}  {mutation}  [{by}]", flush=True)
            unbuilt += by == "the compiler"
            if not by:
                survivors.append(mutation)
    killed = len(todo) - len(survivors) - unbuilt
    print(f"\n{killed} killed, {unbuilt} not built, {len(survivors)} survived:")
    print(*survivors, sep="\n")
    return int(bool(survivors))


if __name__ == "__main__":
    sys.exit(main())
