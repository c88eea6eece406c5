"""Runs of setup.py."""

import os
import subprocess
import sys


def setup_py(folder, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "setup.py", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
