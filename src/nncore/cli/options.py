"""The parser, types of arguments and helpers that all commands use."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NoReturn

# Names, as importing the classes would slow down every command; a test compares them.
SCHEDULE_NAMES = ("Constant", "CosineDecay", "ExponentialDecay", "StepDecay", "WarmUp")
LARGEST = 1 << 53  # of counts, as in nncore.checks; a test compares them
# Values that start with a minus. Python's pattern has no exponents before 3.14.
NEGATIVE = re.compile(r"-\.?\d|-(inf|nan)", re.IGNORECASE)  # also -1,0,0
ANYTHING = re.compile(r"-[^-]")  # for values that are texts; only -h has a single minus


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """A formatter that shows defaults, and keeps the line breaks of examples."""


class CommandError(Exception):
    """Raised when a command fails; its text is one sentence for the user."""


class Noted(argparse.Action):
    """An action that also records, in `given`, that the option was used."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, values)
        namespace.given = given(namespace) | {self.dest}


def given(args: argparse.Namespace) -> frozenset[str]:
    """Return the names in args of the options with values that were used."""
    names: frozenset[str] = getattr(args, "given", frozenset())
    return names


class Parser(argparse.ArgumentParser):
    """A parser that accepts negative numbers as values and reports errors in one line."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.register("action", None, Noted)
        self.values_with_a_minus(NEGATIVE)
        self._words: list[str] = []

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse arguments, and keep them for `error`."""
        self._words = list(sys.argv[1:] if args is None else args)
        return super().parse_known_args(args, namespace)

    def _unknown(self) -> list[str]:
        """Return the arguments that look like options but are not known."""
        words = self._words[: self._words.index("--")] if "--" in self._words else self._words
        known = tuple(self._option_string_actions)
        return [
            word
            for word in words
            if word.startswith("-")
            and len(word) > 1
            and not self._negative_number_matcher.match(word)
            and not any(option.startswith(word.partition("=")[0]) for option in known)
        ]

    def values_with_a_minus(self, pattern: re.Pattern[str]) -> None:
        """Accept arguments that start with this pattern as values."""
        self._negative_number_matcher = pattern

    def refuse(self, args: argparse.Namespace, names: Collection[str], beside: str) -> None:
        """End with an error if one of these options was used; `beside` says what forbids it."""
        for name in sorted(given(args).intersection(names)):
            self.error(f"argument {option_of(name)}: not allowed {beside}")

    def error(self, message: str) -> NoReturn:
        """End with status 2 and the error in one line."""
        if message.endswith(": expected one argument"):
            message += "; write OPTION=VALUE if the value starts with a minus"
        if message.startswith("the following arguments are required:") and self._unknown():
            message = f"unrecognized arguments: {' '.join(self._unknown())}"  # meant for those
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def option_of(name: str) -> str:
    """Return the option of a name in args."""
    return "--" + name.replace("_", "-")


def name_of_file(text: str) -> str:
    """Return a name that is not empty, as Path("") is the current folder; an argparse type."""
    if not text:
        raise argparse.ArgumentTypeError("expected the name of a file or folder, got ''")
    return text


def path(text: str) -> Path:
    """Return a Path; an argparse type."""
    return Path(name_of_file(text))


def same_file(one: Path, other: Path | None) -> bool:
    """Whether two paths are the same file."""
    return other is not None and os.path.realpath(one) == os.path.realpath(other)


def number(
    kind: Callable[[str], Any],
    expected: str,
    fits: Callable[[Any], bool],
    most: float | None = None,
) -> Any:
    """Return an argparse type for numbers for which fits() is true."""

    def parse(text: str) -> Any:
        """Return the number that a text represents."""
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not fits(value):
            raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")
        if most is not None and value > most:
            raise argparse.ArgumentTypeError(f"expected at most {most}, got {text!r}")
        return value

    return parse


POSITIVE_INT = number(int, "an integer of at least 1", lambda n: n >= 1, LARGEST)
COUNT = number(int, "0 or a positive integer", lambda n: n >= 0, LARGEST)
NATURAL = number(int, "0 or a positive integer", lambda n: n >= 0)
FINITE = number(float, "a finite number", lambda x: abs(x) < float("inf"))
POSITIVE = number(float, "a positive number", lambda x: 0 < x < float("inf"))
TEMPERATURE = number(float, "0 or a positive number", lambda x: 0 <= x < float("inf"))
LIMIT = number(float, "0 (no limit) or a positive number", lambda x: 0 <= x < float("inf"))
FRACTION = number(float, "a number from 0 to below 1", lambda x: 0 <= x < 1)
PROBABILITY = number(float, "a number above 0, at most 1", lambda x: 0 < x <= 1)


def add_command(commands: Any, name: str, run: Any, text: str, epilog: str = "") -> Any:
    """Add a command, which run(args) executes, and return its parser."""
    parser = commands.add_parser(
        name, help=text, description=text, epilog=epilog, formatter_class=Help
    )
    parser.set_defaults(run=run, parser=parser)
    return parser


def add_group(commands: Any, name: str, text: str, epilog: str) -> Any:
    """Add a group of commands, and return the object to which they are added."""
    parser = commands.add_parser(
        name,
        help=text,
        description=text,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser.add_subparsers(metavar="COMMAND", required=True)


def draw(pictures: Mapping[str, Callable[[Any, Path], object]], result: Any, folder: Path) -> None:
    """Draw a result into files of these names in a folder, and print their paths."""
    from nncore.files.paths import naming_errors

    for name, picture in pictures.items():
        with naming_errors(str(folder / name)):
            picture(result, folder / name)
        print(f"picture: {folder / name}")
