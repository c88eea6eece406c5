"""Docstrings, errors and comments use the words of NumPy's and scikit-learn's documentation."""

import re

import pytest
from checkout import ROOT

CHECKOUT = ROOT / "src" / "nncore"
SUFFIXES = (".py", ".pyi", ".pyx", ".pxi", ".pxd", ".h", ".c")
# Files and folders of the package that are not rewritten yet; to be emptied.
NOT_YET = {
    "_core",
    "arguments/arrays.py",
    "arguments/mlp.py",
    "reference",
}
# What a reader stumbles over, and what to say instead.
ODD = {
    r"\bwanted\b": "expected, or target",
    r"\banew\b": "again",
    r"\bmeanwhile\b": "while",
    r"\bof (its|their|his|her|your|one's) own\b": "separate, or nothing",
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
    r'"""[^"\n]*\?("""|\n)': "a statement instead of a question",
}
# Names that said little and are not used any more.
PUZZLING = (
    r"@(changing|keeping)\b|\b(_LATER|quick_root|Drawing|SOME|AT_ONCE|TOGETHER|"
    r"SampleOnTheWay|_equal_shares|_offsets_told)\b"
)
PATTERNS = {**ODD, PUZZLING: "a name that says what it is"}


def is_done(path):
    name = path.relative_to(CHECKOUT).as_posix()
    return not any(name == part or name.startswith(f"{part}/") for part in NOT_YET)


def sources():
    return sorted(path for path in CHECKOUT.rglob("*") if path.suffix in SUFFIXES and is_done(path))


def odd_places(text):
    """Each line with an odd word, its number, the word and what to say instead."""
    for pattern, better in PATTERNS.items():
        for found in re.finditer(pattern, text):
            yield text.count("\n", 0, found.start()) + 1, found[0], better


def test_the_sources_are_found():
    assert len(sources()) > 50


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_no_odd_word_is_left(path):
    found = [
        f"{path.relative_to(CHECKOUT.parents[1])}:{line}: {word!r}: better {better}"
        for line, word, better in odd_places(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


def test_exempt_paths_exist():
    assert all((CHECKOUT / name).exists() for name in NOT_YET)


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
