"""Run scikit-learn's own tests of its MLPClassifier and MLPRegressor on ours.

    python tools/scikit_learn_tests.py [pytest's options]

The file is read from the installed scikit-learn. Tests of private functions are listed below with
the reason why they do not pass. Exits with 1 if another test fails, or a listed one passes.
"""

import sys
from pathlib import Path

import pytest
import sklearn.neural_network

import nncore.sklearn

NOT_PASSING = {
    "test_gradient": "calls the private _loss_grad_lbfgs; test_lbfgs of ours compares the results",
}


class Outcomes:
    """A plugin of pytest that records the outcomes of the tests."""

    def __init__(self) -> None:
        self.failed: set[str] = set()
        self.passed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.split("::")[-1].split("[")[0]
        if report.failed:
            self.failed.add(name)
        elif report.when == "call" and report.passed:
            self.passed.add(name)


def main(options: list[str]) -> int:
    """Run the tests; return the exit status."""
    for name in ("MLPClassifier", "MLPRegressor"):
        setattr(sklearn.neural_network, name, getattr(nncore.sklearn, name))
    folder = Path(sklearn.neural_network.__file__).parent / "tests"
    outcomes = Outcomes()
    fixed = ["-q", "-p", "no:cacheprovider", "-c", "/dev/null", f"--rootdir={folder}"]
    pytest.main([*fixed, *options, str(folder / "test_mlp.py")], plugins=[outcomes])
    unexpected = sorted(outcomes.failed - NOT_PASSING.keys())
    stale = sorted(NOT_PASSING.keys() & (outcomes.passed - outcomes.failed))
    print(f"{len(outcomes.passed - outcomes.failed)} tests pass, {len(outcomes.failed)} do not:")
    for name in sorted(outcomes.failed & NOT_PASSING.keys()):
        print(f"  {name}: {NOT_PASSING[name]}")
    for what, names in (("fails", unexpected), ("passes, though it is listed", stale)):
        for name in names:
            print(f"  {name} {what}", file=sys.stderr)
    return 1 if unexpected or stale or not outcomes.passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
