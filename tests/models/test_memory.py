"""Memory use does not grow, and failed allocations do not change networks."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from builds import NOT_SANITIZED
from checkout import TOOLS
from mlps import small, state_of
from numpy.lib.stride_tricks import as_strided

TOOL = TOOLS / "check_memory.py"


@NOT_SANITIZED
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux")
def test_memory_stays_flat_and_failed_allocations_change_no_network():
    """A small part of the tool, in a separate process."""
    command = [sys.executable, str(TOOL), "--share", "0.003", "--step", "8000000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("KiB after") == 6, done.stdout
    assert len(re.findall(r"\d+ failed allocations: <", done.stdout)) == 6, done.stdout


CALLS = {
    "fit": lambda net, x, y: net.fit(x, y, epochs=1),
    "loss": lambda net, x, y: net.loss(x, y),
    "trace": lambda net, x, y: net.trace(x, y),
    "predict": lambda net, x, y: net.predict(x),
    "predict_class": lambda net, x, y: net.predict_class(x),
    "accuracy": lambda net, x, y: net.accuracy(x, y),
}


@pytest.mark.parametrize("rows", [2**44, 2**57])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i2"])
@pytest.mark.parametrize("call", CALLS)
def test_rows_that_no_machine_holds_are_refused_at_once(call, dtype, rows):
    """One row, repeated so often that sizes in bytes are close to 2**63."""
    net = small()
    before = state_of(net)
    x, y = (
        as_strided(np.zeros(4, dtype), (rows, n), (0, np.dtype(dtype).itemsize)) for n in (4, 3)
    )
    with pytest.raises((MemoryError, ValueError), match=r"allocate|memory|large|big|maximum"):
        CALLS[call](net, x, y)
    assert state_of(net) == before
