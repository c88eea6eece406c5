"""The command `nncore`, outside the package so that it can tell why the package won't load."""

import sys


def main() -> int:
    """Run the command line; a wrong NNCORE_SIMD and Ctrl-C at the start are no tracebacks."""
    try:
        from nncore.cli import main as run
    except KeyboardInterrupt:
        return 130
    except ImportError as error:
        if error.name != "nncore":
            raise
        if sys.stderr is not None:  # `print` would take stdout instead
            print(f"nncore: error: {error}", file=sys.stderr)
        return 1
    return run()
