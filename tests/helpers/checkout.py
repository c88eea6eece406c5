"""Where the checkout is, and what in it tests run as a process."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HELPERS = Path(__file__).resolve().parent
EXAMPLES = ROOT / "examples"
TOOLS = ROOT / "tools"
