"""What all commands share: the parser, kinds of numbers, and how a subcommand is added."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NoReturn

# As importing the classes would hold up every command, the names stand here; a test compares them.
OPTIMIZER_NAMES = ("SGD", "RMSprop", "Adagrad", "Adam", "AdamW")
SCHEDULE_NAMES = ("Constant", "CosineDecay", "ExponentialDecay", "StepDecay", "WarmUp")
LARGEST = 1 << 53  # of counts, as the library has it; a test compares them
# What is a value although it begins with a minus. Python's own before 3.14 is the numbers without
# an exponent alone.
NEGATIVE = re.compile(r"-\.?\d|-(inf|nan)", re.IGNORECASE)  # also -1,0,0
ANYTHING = re.compile(r"-[^-]")  # where values are texts; no option has a single minus but -h


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults, and examples as they are written."""


class CommandError(Exception):
    """What a command was asked for did not come about; the text says what, in one sentence."""


class Noted(argparse.Action):
    """Stores a value, and in `given` that there was one: so that no other option silences it."""

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
    """Which options with values were given, by the names that they have in args."""
    names: frozenset[str] = getattr(args, "given", frozenset())
    return names


class Parser(argparse.ArgumentParser):
    """Takes numbers below zero for values, and says what is wrong with a command in one line."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.register("action", None, Noted)
        self.values_with_a_minus(NEGATIVE)
        self._words: list[str] = []

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self._words = list(sys.argv[1:] if args is None else args)
        return super().parse_known_args(args, namespace)

    def _unknown(self) -> list[str]:
        """The words that look like options and are none."""
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
        """Take what begins like this for a value instead of an option."""
        self._negative_number_matcher = pattern

    def refuse(self, args: argparse.Namespace, names: Collection[str], beside: str) -> None:
        """End with an error if one of these options was given; beside says what forbids it."""
        for name in sorted(given(args).intersection(names)):
            self.error(f"argument {option_of(name)}: not allowed {beside}")

    def error(self, message: str) -> NoReturn:
        if message.endswith(": expected one argument"):
            message += ", which is given as OPTION=VALUE where it begins with a minus"
        if message.startswith("the following arguments are required:") and self._unknown():
            message = f"unrecognized arguments: {' '.join(self._unknown())}"  # meant for those
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def option_of(name: str) -> str:
    """The option that args has under this name."""
    return "--" + name.replace("_", "-")


def name_of_file(text: str) -> str:
    """An argparse type: a name, which the empty text is not; as a Path it would be the folder."""
    if not text:
        raise argparse.ArgumentTypeError("expected the name of a file or folder, got ''")
    return text


def path(text: str) -> Path:
    """An argparse type: a Path."""
    return Path(name_of_file(text))


def same_file(one: Path, other: Path | None) -> bool:
    """Whether writing one of them writes the other."""
    return other is not None and os.path.realpath(one) == os.path.realpath(other)


def number(
    kind: Callable[[str], Any],
    wanted: str,
    fits: Callable[[Any], bool],
    most: float | None = None,
) -> Any:
    """An argparse type: a number for which fits() holds."""

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not fits(value):
            raise argparse.ArgumentTypeError(f"wanted {wanted}, got {text!r}")
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
SHARE = number(float, "a number above 0, at most 1", lambda x: 0 < x <= 1)


def add_command(commands: Any, name: str, run: Any, text: str, epilog: str = "") -> Any:
    """A subcommand whose `run(args)` does the work."""
    parser = commands.add_parser(
        name, help=text, description=text, epilog=epilog, formatter_class=Help
    )
    parser.set_defaults(run=run, parser=parser)
    return parser


def add_group(commands: Any, name: str, text: str, epilog: str) -> Any:
    """A command that only holds others: the place to add them to."""
    parser = commands.add_parser(
        name,
        help=text,
        description=text,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser.add_subparsers(metavar="COMMAND", required=True)


def draw(pictures: Mapping[str, Callable[[Any, Path], object]], result: Any, folder: Path) -> None:
    """Draw a result in files of these names, and say where they are."""
    from nncore.files.paths import naming_errors

    for name, picture in pictures.items():
        with naming_errors(str(folder / name)):
            picture(result, folder / name)
        print(f"picture: {folder / name}")
