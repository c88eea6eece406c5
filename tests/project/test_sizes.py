"""Files and functions stay short enough to be read at once."""

import ast
import re

import pytest
from checkout import ROOT

PYTHON_FOLDERS = ("src", "tests", "tools", "benchmarks", "examples")
CYTHON_SUFFIXES = (".pyx", ".pxd", ".pxi")
FILE_LINES, PYTHON_LINES, CYTHON_LINES = 350, 50, 60

# A function of Cython: `def` or `cdef` and a name before the first parenthesis, up to the colon.
CYTHON_FUNCTION = re.compile(
    r"^(?P<indent> *)(?:def|cp?def)\s(?!\s*(?:extern|struct|enum|union|class|packed)\b)"
    r"(?P<head>[^=#:(\n]*\b(?P<name>\w+)\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)[^:=\n]*):",
    re.MULTILINE,
)
CYTHON_DOCSTRING = re.compile(r'\s*r?"""[\s\S]*?"""[^\n]*\n')


def python_sources():
    return sorted(path for top in PYTHON_FOLDERS for path in (ROOT / top).rglob("*.py"))


def cython_sources():
    folder = ROOT / "src" / "nncore" / "_core"
    return sorted(path for path in folder.rglob("*") if path.suffix in CYTHON_SUFFIXES)


def named(path):
    return path.relative_to(ROOT).as_posix()


def python_functions(text):
    """Name, first line and number of lines without its docstring, of each function."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node) is not None:
                lines -= node.body[0].end_lineno - node.body[0].lineno + 1
            yield node.name, node.lineno, lines


def cython_functions(text):
    """Name, first line and number of lines without its docstring, of each function."""
    for found in CYTHON_FUNCTION.finditer(text):
        body = []
        rest = text[found.end() :]
        if docstring := CYTHON_DOCSTRING.match(rest):
            rest = "\n" + rest[docstring.end() :]
        for line in rest.split("\n")[1:]:
            if line.strip() and len(line) - len(line.lstrip()) <= len(found["indent"]):
                break
            body.append(line)
        code = "\n".join(body).rstrip()
        lines = found[0].count("\n") + 1 + (code.count("\n") + 1 if code else 0)
        yield found["name"], text.count("\n", 0, found.start()) + 1, lines


def too_long(path, text, functions, most):
    """A line of text for each function above the limit."""
    return [
        f"{path}:{line}: {name} has {lines} lines, expected at most {most}"
        for name, line, lines in functions(text)
        if lines > most
    ]


def too_long_in(paths, functions, most):
    return [
        line
        for path in paths
        for line in too_long(named(path), path.read_text(encoding="utf-8"), functions, most)
    ]


def too_many_lines(path, text):
    """A line of text if a file is above the limit."""
    lines = text.count("\n")
    return [f"{path}:1: {lines} lines, expected at most {FILE_LINES}"] if lines > FILE_LINES else []


def test_the_sources_are_found():
    assert len(python_sources()) > 200
    assert len(cython_sources()) > 30


def test_no_python_file_is_too_long():
    found = [
        line
        for path in python_sources()
        for line in too_many_lines(named(path), path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


def test_no_python_function_is_too_long():
    found = too_long_in(python_sources(), python_functions, PYTHON_LINES)
    assert not found, "\n".join(found)


def test_no_cython_function_is_too_long():
    found = too_long_in(cython_sources(), cython_functions, CYTHON_LINES)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", cython_sources(), ids=named)
def test_every_cython_function_is_counted(path):
    """A function that the pattern overlooks would never be too long."""
    text = path.read_text(encoding="utf-8")
    starts = re.findall(r"^ *(?:def|cdef (?:inline|int|void|object|bint|double|real)\b).*\($|"
                        r"^ *def .*\(.*$", text, re.MULTILINE)  # fmt: skip
    assert len(list(cython_functions(text))) >= len(starts)


PYTHON = '''
def short():
    """One line."""
    return 1


class Class:
    async def method(
        self,
    ):
        """Not counted.

        Nor are these.
        """

        def inner():
            return 2

        return inner
'''


def test_lines_of_python_functions_are_counted_without_docstrings():
    assert sorted(python_functions(PYTHON)) == [
        ("inner", 16, 2),
        ("method", 8, 8),
        ("short", 2, 2),
    ]


CYTHON = '''
cdef extern from "a.h" nogil:
    int declared(int n)

cdef struct Pair:
    int a, b

cdef int size = f(3)


cdef inline int first(const int *x, int (*call)(int n)) except -1 nogil:
    """Not counted.

    Nor is this: x
    """
    cdef int i

    return x[0]


def second(
    a, b=(1, 2), *,
    c=None,
):
    return a  # the end

cdef class Class:
    def third(self): return 3
    cdef void fourth(self) noexcept:
        self.third()
'''


def test_lines_of_cython_functions_are_counted_without_docstrings():
    assert list(cython_functions(CYTHON)) == [
        ("first", 11, 4),
        ("second", 21, 5),
        ("third", 28, 1),
        ("fourth", 29, 2),
    ]


def test_what_is_too_long_is_reported_with_its_place():
    body = "    x = 1\n" * 60
    assert too_long("a.py", f"\n\ndef long():\n{body}", python_functions, PYTHON_LINES) == [
        "a.py:3: long has 61 lines, expected at most 50"
    ]
    cython = f"cdef int long() nogil:\n{body}\n\nx = 3\n"
    assert too_long("a.pxd", cython, cython_functions, CYTHON_LINES) == [
        "a.pxd:1: long has 61 lines, expected at most 60"
    ]
    assert too_many_lines("a.py", "\n" * 351) == ["a.py:1: 351 lines, expected at most 350"]


def test_what_is_as_long_as_allowed_is_not_reported():
    assert not too_long("a.py", "def f():\n" + "    x = 1\n" * 49, python_functions, PYTHON_LINES)
    cython = "cdef int f():\n" + "    x = 1\n" * 59
    assert not too_long("a.pxd", cython, cython_functions, CYTHON_LINES)
    assert not too_many_lines("a.py", "\n" * 350)
