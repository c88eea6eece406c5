"""The commands `nncore info` and `nncore demo`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nncore.cli.options import POSITIVE, add_command, path

INFO_EPILOG = """\
examples:
  nncore info
  NNCORE_SIMD=base nncore info
"""
DEMO_EPILOG = """\
examples:
  nncore demo
  nncore demo --seconds 60 --out results
"""


def add(commands: Any) -> None:
    """Add info and demo to the commands."""
    text = "Show versions, processor and instruction-set level."
    add_command(commands, "info", _info, text, INFO_EPILOG)
    text = "Train XOR, fonts on colours and a character RNN on embedded data, in under a minute."
    demo = add_command(commands, "demo", _demo, text, DEMO_EPILOG)
    demo.add_argument("--out", type=path, default=Path("nncore-demo"), help="folder for results")
    demo.add_argument(
        "--seconds",
        type=POSITIVE,
        default=20.0,
        help="approximate time for training the character RNN",
    )


def _info(args: argparse.Namespace) -> None:
    """Run `nncore info`."""
    from nncore.config import show_config

    show_config()


def _demo(args: argparse.Namespace) -> None:
    """Run `nncore demo`."""
    from nncore.cli import demo

    demo.run(args.out, args.seconds)
