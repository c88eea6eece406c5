"""The command `nncore`, outside the package so that it can report why nncore cannot be loaded."""

import sys


def main() -> int:
    """Run the command line, without a traceback for a wrong NNCORE_SIMD or an early Ctrl-C."""
    try:
        from nncore.cli import main as run
    except KeyboardInterrupt:
        return 130
    except ImportError as error:
        if error.name != "nncore":
            raise
        if sys.stderr is not None:  # `print` would write to stdout instead
            print(f"nncore: error: {error}", file=sys.stderr)
        return 1
    return run()
