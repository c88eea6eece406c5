"""The command line: `nncore`, or `python -m nncore`.

Exit status: 0 success, 1 failure, 2 usage error, 130 ended by Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from nncore.cli import basics, char_rnn, gates, neuron, rgb, xor
from nncore.cli.options import CommandError, Parser
from nncore.cli.streams import abandon_stdout, usable_streams

__all__ = ["build_parser", "main"]

EPILOG = """\
examples:
  nncore demo
  nncore char-rnn train novel.txt --epochs 5 --save novel.safetensors
  nncore char-rnn sample novel.safetensors --prime "The " --temperature 0.7
  nncore char-rnn evaluate novel.safetensors other.txt
  nncore gates
  nncore neuron
  nncore xor
  nncore rgb predict 255,140,0
  nncore info
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands and their options."""
    from nncore._version import __version__

    parser = Parser(
        prog="nncore",
        description="Small neural networks on the CPU, trained in compiled code.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"nncore {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for group in (basics, gates, neuron, xor, rgb, char_rnn):
        group.add(commands)
    return parser


EXPECTED = (
    CommandError,
    OSError,
    ValueError,
    TypeError,
    ArithmeticError,
    ImportError,
    MemoryError,
)  # other exceptions are bugs of nncore, and keep their traceback


def _one_line(error: BaseException) -> str:
    """Return an error as one line; that of a file with its name."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'standard output'}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def parsed(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the parsed arguments; the parser of the command reports unknown ones."""
    args, unknown = build_parser().parse_known_args(argv)
    if unknown:
        args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments, by default those of the process.

    Returns
    -------
    int
        The exit status.
    """
    with usable_streams():
        return _run(argv)


def _run(argv: Sequence[str] | None) -> int:
    """Run one command and report expected errors; return the exit status."""
    try:
        args = parsed(argv)
        if sys.stdout is None:  # before the work, whose result could not be shown
            raise CommandError("standard output is closed")
        args.run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("nncore: ended by Ctrl-C", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader (head, less) has ended: nothing to report
        abandon_stdout()
        return 1
    except EXPECTED as error:
        if isinstance(error, OSError) and not error.filename:
            abandon_stdout()
        print(f"nncore: error: {_one_line(error)}", file=sys.stderr)
        return 1
    return 0
