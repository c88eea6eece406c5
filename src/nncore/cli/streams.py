"""Standard streams as commands need them: closed ones, and those that cannot show a character."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

FAILING = ("strict", "surrogateescape")  # ways of encoding that raise for some characters


def abandon_stdout() -> None:
    """Let nothing more be written to stdout, which failed: Python would try again at its end."""
    with contextlib.suppress(OSError, ValueError):  # where it is no file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, sys.stdout.fileno())
        finally:
            os.close(nowhere)


@contextlib.contextmanager
def usable_streams() -> Iterator[None]:
    """
    Within, a closed stderr swallows what is written, and stdout shows whatever is printed.

    Without a stderr, `print` would write what belongs there to stdout. Characters that stdout's
    encoding lacks, be it of a sample or of a file's name, are shown as escapes.
    """
    with contextlib.ExitStack() as stack:
        if sys.stderr is None:
            nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
            stack.enter_context(contextlib.redirect_stderr(nowhere))
        stack.enter_context(_escapes())
        yield


@contextlib.contextmanager
def _escapes() -> Iterator[None]:
    out = sys.stdout
    errors = getattr(out, "errors", None)
    if errors not in FAILING or not hasattr(out, "reconfigure"):
        yield
        return
    out.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):  # it flushes, and the reader may be gone
            out.reconfigure(errors=errors)
