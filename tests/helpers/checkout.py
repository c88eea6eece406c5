"""The checkout, and the programs in it that tests run as a process."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HELPERS = Path(__file__).resolve().parent
EXAMPLES = ROOT / "examples"
TOOLS = ROOT / "tools"
