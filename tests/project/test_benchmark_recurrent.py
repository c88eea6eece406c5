"""The table of recurrent cells in docs/benchmarks.md, and the row in the README."""

import pytest
from checkout import ROOT

if not (ROOT / "benchmarks" / "report.py").exists():
    pytest.skip("needs a checkout or an unpacked sdist", allow_module_level=True)

from recurrent_problems import PROBLEMS
from results import Group, Run
from summary import summary
from tables import CELLS, markdown, recurrent

from nncore.registry import CELL_ROW

MACHINE = dict.fromkeys(("processor", "level", "python", "numpy", "blas", "date"), "-")


def group(problem, **seconds):
    """A case whose paths took these times in each turn."""
    info = {"case": str(problem), "flops": problem.flops, **problem._asdict()}
    return Group("recurrent", str(problem), info, seconds)


@pytest.fixture
def run():
    """A run of two problems, the second of which was not timed in JAX."""
    first = {"nncore": [2e-3, 1e-3, 3e-3], "reference": [2e-2] * 3, "jax": [4e-3, 4e-3, 3e-3]}
    second = {"nncore": [1e-4], "reference": [5e-3], "torch": [4e-4]}
    return Run(MACHINE, [group(PROBLEMS[0], **first), group(PROBLEMS[1], **second)])


def test_a_row_has_time_rate_and_ratios(run):
    rows = recurrent(run).splitlines()[2:4]
    assert rows[0] == "| LSTM, 128 units, 25 steps, 16 streams | 2 ms | 89 | 10 | 2.0 |  |"
    assert rows[1] == "| LSTM, 128 units, 50 steps, 1 stream | 100 µs | 222 | 50 |  | 4.0 |"


def test_the_page_says_what_an_iteration_is_and_what_the_libraries_run(run):
    page = markdown(run)
    assert "## Recurrent networks\n\n| One training iteration | nncore | GFLOP/s |" in page
    assert "An iteration is one window" in page
    assert "`nn.LSTM`" in page
    assert "JAX is one jitted call" in page
    assert "Numba" not in page


def test_the_readme_has_a_row_of_it(run):
    row = "| Train an LSTM over text, 128 units, 16 streams | 2 ms per step | 10 |  |  |  | 2.0 |"
    assert row in summary(run)


def test_a_run_without_it_has_no_section():
    assert not recurrent(Run(MACHINE, []))


def test_every_cell_is_timed_and_has_a_heading():
    assert CELLS.keys() == CELL_ROW.keys() == {problem.cell for problem in PROBLEMS}


def test_operations_are_those_of_six_products():
    problem = PROBLEMS[0]
    rows, h, v = problem.steps * problem.streams, problem.hidden, 65
    forward = 2 * rows * h * (CELL_ROW[problem.cell].gates * h + v)
    assert problem.flops == 3 * forward
