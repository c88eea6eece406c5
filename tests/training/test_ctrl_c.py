"""A small part of tools/check_ctrl_c.py, in a separate process."""

import os
import subprocess
import sys

import pytest
from checkout import TOOLS

TOOL = TOOLS / "check_ctrl_c.py"
SHARE = ["2-2-1", "20-50-5", "batches of 32", "rows held out", "full batch of 2,000", "RNN 8,"]


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_ctrl_c_is_passed_on_and_the_run_can_be_resumed():
    """The bound is a tenth of a second; other work on the machine may delay it."""
    command = [sys.executable, "-W", "error", str(TOOL), *SHARE, "--times", "3", "--bound", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("median") == 8, done.stdout
