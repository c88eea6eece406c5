"""Docstrings, errors and comments use the words of NumPy's and scikit-learn's documentation."""

import re

import pytest
from checkout import ROOT

FOLDERS = ("src", "tests", "docs", "tools", "benchmarks", "examples")
SUFFIXES = (".py", ".pyi", ".pyx", ".pxi", ".pxd", ".h", ".c", ".md", ".sh")
# This file lists the words, and the changelog is a record of earlier versions.
EXEMPT = ("tests/project/test_prose.py", "CHANGELOG.md")
# What a reader stumbles over, and what to say instead.
ODD = {
    r"\bwanted\b": "expected, or target",
    r"\banew\b": "again",
    r"\bmeanwhile\b": "while",
    r"\bof (its|their|his|her|one's) own\b": "separate, or nothing",
    r"\b(told|tells?|telling) (right|wrong|apart|it|so|the|that|of|how|whether|what|which)\b": (
        "say, show, indicate, predict or distinguish"
    ),
    r"\bwhat (is|are) (no|not)\b": "non-numeric, non-finite, out of range",
    r"\bis no (an? )?(number|array|file|model|mapping|string|function|text|MLP|JSON|integer)\b": (
        "is not a ..."
    ),
    r"\bRuntimeError meets\b": "other threads get RuntimeError",
    r"\bblind guessing\b": "uniform guessing",
    r"\b(put|puts|putting) back\b": "restored",
    r"\bmade of\b": "consists of",
    r"\b(broken|breaks?|breaking) off\b": "interrupted",
    r"\b(run|runs|ran) off to\b": "diverges",
    r"\b([Ss]hare) of (the|rows|all|every|test|seeds|updates)\b": "fraction",
    r"\bnever was\b": "unknown",
    r"\bnobody\b": "say what happens instead",
    r"\bbut for the\b": "except",
    r"\bbe it (of|for|at|over|by)\b": "such as",
    r"\bknown again\b": "identified, recognised",
    r"\bto be told\b": "to be shown",
    r"\bcan be told\b": "can be distinguished",
    r"\blies (on|in|at|around|between)\b": "is",
    r'"""[A-Z][^"\n]*\?("""|\n)': "a statement instead of a question",
    r"\bRaise for what no\b": "Raise if",
    r"\bcan mend\b": "say what is wrong",
    r"\b[Ww]hat stands\b": "say what it is",
    r"\bbegan again\b": "restarted",
    r"\b[Ii]n the place of scikit-learn": "drop-in replacement for",
    r"\bno character's\b": "outside the vocabulary",
    r"\bno file is called\b": "names that no file can have",
    r"\bneeds, but for\b": "except",
    r"\b[Ll]ikeliest\b": "most likely",
    r"\bsomebody\b": "say who",
    r"\bpass(es|ed)? over (a )?NaNs?\b": "ignores",
    r"\b(takes?|taken) for 0\b": "treated as 0",
    r"\bwhere (it|they|x|w|an? \w+) lies?\b": "without a copy",
    r"\bafresh\b": "again",
    r"\bfor so (many|much)\b": "for this number of",
    r"\barray_like\b": "array-like",
    r"\b(ndarray|array-like|: array) \([A-Z.]": "of shape (...)",
    r"\bstates (of )?0\b": "zero states",
    r"\bgood NumPy programmer\b": "optimised NumPy",
}
# Names that said little and are not used any more.
PUZZLING = (
    r"@(changing|keeping)\b|\b(_LATER|quick_root|Drawing|SOME|AT_ONCE|TOGETHER|Growing|REGISTERS|"
    r"SampleOnTheWay|_equal_shares|_offsets_told)\b"
)
PATTERNS = {**ODD, PUZZLING: "a name that says what it is"}


def documents():
    """Names of the sources, tests, programs and documents of the checkout."""
    paths = [*ROOT.glob("*.md"), ROOT / "setup.py"]
    paths += [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    names = (path.relative_to(ROOT).as_posix() for path in paths if path.suffix in SUFFIXES)
    return sorted(set(names) - {*EXEMPT})


def odd_places(text):
    """Each line with an odd word, its number, the word and what to say instead."""
    for pattern, better in PATTERNS.items():
        for found in re.finditer(pattern, text):
            yield text.count("\n", 0, found.start()) + 1, found[0], better


def test_the_documents_are_found():
    names = documents()
    assert len(names) > 250
    assert {"README.md", "docs/guide.md", "tools/golden.py", "src/nncore/_core/c/simd.h"} <= {
        *names
    }


@pytest.mark.parametrize("name", documents())
def test_no_odd_word_is_left(name):
    found = [
        f"{name}:{line}: {word!r}: better {better}"
        for line, word, better in odd_places((ROOT / name).read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


def test_exempt_paths_exist():
    assert all((ROOT / name).exists() for name in EXEMPT)


@pytest.mark.parametrize(
    "text",
    [
        "x has shape (3,), wanted (N, 4)",
        "TypeError for what is no number",
        "rows told right",
        '"""Is it time to stop?"""',
        "Share of the rows",
    ],
)
def test_odd_words_are_found(text):
    assert list(odd_places(text))


def test_plain_words_are_not_found():
    assert not list(odd_places('"""Return the fraction of rows classified correctly."""'))
