"""What all commands share: the parser, kinds of numbers, and how a subcommand is added."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

# As importing the classes would hold up every command, the names stand here; a test compares them.
OPTIMIZER_NAMES = ("SGD", "RMSprop", "Adagrad", "Adam", "AdamW")
SCHEDULE_NAMES = ("Constant", "CosineDecay", "ExponentialDecay", "StepDecay", "WarmUp")


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults, and examples as they are written."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong with a command in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def number(kind: Callable[[str], Any], wanted: str, fits: Callable[[Any], bool]) -> Any:
    """An argparse type: a number for which fits() holds."""

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not fits(value):
            raise argparse.ArgumentTypeError(f"wanted {wanted}, got {text!r}")
        return value

    return parse


POSITIVE_INT = number(int, "an integer of at least 1", lambda n: n >= 1)
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
    parser.set_defaults(run=run)
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
    for name, picture in pictures.items():
        picture(result, folder / name)
        print(f"picture: {folder / name}")
