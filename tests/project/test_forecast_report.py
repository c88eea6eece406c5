"""The table of docs/benchmarks.md about forecasts."""

import pytest
from checkout import ROOT

if not (ROOT / "benchmarks" / "report.py").exists():
    pytest.skip("needs a checkout or an unpacked sdist", allow_module_level=True)
from results import Group, Run
from tables import forecasts


def test_the_ratio_of_forecasts_is_the_median_over_turns():
    turns = {"nncore": [0.1, 0.3, 0.2], "torch": [0.4, 2.4, 1.0]}
    groups = [Group("forecast", "LSTM of 16 units", {}, turns)]
    lines = forecasts(Run({}, groups)).splitlines()
    assert lines[0] == "| Training a forecaster | nncore | PyTorch |"
    assert lines[2] == "| LSTM of 16 units | 200 ms | 5.0 |"
    assert "is below 1.2, where" in lines[-1]


def test_a_run_without_forecasts_has_no_table():
    assert forecasts(Run({}, [])) == ""
