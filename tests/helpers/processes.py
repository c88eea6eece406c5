"""New processes for the command line and for Python code."""

import os
import signal
import subprocess
import sys
from threading import Timer

import pytest

NNCORE = [sys.executable, "-m", "nncore"]
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and pipes")


def start(*argv, **settings):
    pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    if os.name == "posix":  # background jobs of a shell ignore Ctrl-C, and so do their children
        pipes["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen([*NNCORE, *map(str, argv)], **(pipes | settings))


def read_until(stream, desired, seconds=30):
    """The output of a process up to the first time that it contains `desired`."""
    seen, killer = b"", Timer(seconds, stream.close)
    killer.start()
    while desired not in seen:
        piece = os.read(stream.fileno(), 4096)
        assert piece, f"ended before {desired!r}: {seen!r}"
        seen += piece
    killer.cancel()
    return seen


def python(code, *arguments, **environment):
    """The output of a new process."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
