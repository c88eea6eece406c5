"""A small share of tools/check_memory.py, in a process of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[1] / "tools" / "check_memory.py"


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux")
def test_memory_stays_flat_and_its_refusal_changes_no_network():
    command = [sys.executable, str(TOOL), "--share", "0.003", "--step", "8000000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("KiB after") == 6, done.stdout
    assert len(re.findall(r"\d+ refusals of memory: <", done.stdout)) == 4, done.stdout
