"""No kernel reads or writes outside the arrays it is given (see guard_pages.py)."""

import os
import signal
import subprocess
import sys

import pytest
from builds import LEVELS
from checkout import HELPERS

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs mprotect")


def guarded(what):
    command = [sys.executable, str(HELPERS / "guard_pages.py"), what]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_guard_catches_a_read_of_one_byte_too_many():
    assert guarded("overread").returncode in (-signal.SIGSEGV, -signal.SIGBUS)


@pytest.mark.parametrize("level", LEVELS)
def test_kernels_stay_within_their_arrays(level):
    done = guarded(level)
    assert done.returncode == 0, done.stderr or f"died of {signal.Signals(-done.returncode).name}"
