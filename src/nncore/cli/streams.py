"""Handling of standard streams that are closed or cannot encode a character."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

FAILING = ("strict", "surrogateescape")  # error handlers that raise for some characters


def abandon_stdout() -> None:
    """Discard all further output to a broken stdout, which Python would flush at exit."""
    with contextlib.suppress(OSError, ValueError):  # if it is not a file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, sys.stdout.fileno())
        finally:
            os.close(nowhere)


@contextlib.contextmanager
def usable_streams() -> Iterator[None]:
    """
    Make closed streams and any character usable within the block.

    Output to a closed stderr is discarded; `print` would write it to stdout. Characters that the
    encoding of stdout lacks are shown as escapes.
    """
    with contextlib.ExitStack() as stack:
        if sys.stderr is None:
            nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
            stack.enter_context(contextlib.redirect_stderr(nowhere))
        stack.enter_context(_escapes())
        yield


@contextlib.contextmanager
def _escapes() -> Iterator[None]:
    """Show characters that the encoding of stdout lacks as escapes within the block."""
    out = sys.stdout
    errors = getattr(out, "errors", None)
    if errors not in FAILING or not hasattr(out, "reconfigure"):
        yield
        return
    out.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):  # it flushes, and the pipe may be closed
            out.reconfigure(errors=errors)
