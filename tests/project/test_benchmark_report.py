"""benchmarks/report.py: one run is written into the README and into docs/, and nowhere else."""

import json
import re
import subprocess
import sys

import pytest
from checkout import ROOT

BENCHMARKS = ROOT / "benchmarks"
if not (BENCHMARKS / "report.py").exists():
    pytest.skip("needs a checkout or an unpacked sdist", allow_module_level=True)

MACHINE = {
    "processor": "A processor, 2 cores",
    "level": "avx2",
    "python": "3.11",
    "numpy": "2.0",
    "blas": "none",
    "peers": "PyTorch 2.9",
    "date": "2026-01-01",
}
RNN = {"hidden": 100, "streams": 1, "dtype": "float32"}
ROW = "3-3-1, SGD, one row per step"
PAGE = "before\n<!-- benchmarks:begin -->\nold\n<!-- benchmarks:end -->\nafter\n"


def timed(kind, case, seconds, **info):
    """One entry per path, as pytest-benchmark writes it; seconds of each path's turns by name."""
    for path, turns in seconds.items():
        for turn in turns:
            extra = {"kind": kind, "case": case, "path": path, "per_call": 1, **info}
            yield {"group": f"{kind}-{case}", "extra_info": extra, "stats": {"median": turn}}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The JSON of a short run."""
    groups = [
        timed(
            "char_rnn_train",
            "H100",
            {"nncore": [1e-5], "numpy": [2e-4], "step_by_step": [5e-4]},
            flops=1e6,
            **RNN,
        ),
        timed("char_rnn_sample", "H100", {"nncore": [1e-6], "numpy": [1e-5]}, **RNN),
        timed(
            "mlp_train",
            ROW,
            {"nncore": [1e-7, 3e-7, 2e-7], "step_by_step": [1e-5, 6e-5, 6e-5], "numba": [5e-8] * 3},
            unit="step",
        ),
        timed(
            "population",
            "1000 of 2-3-2, 4 rows",
            {"nncore": [2e-8], "two_threads": [1e-8], "loop": [5e-7], "jax": [1e-7]},
        ),
        timed(
            "kernel",
            "tanh_forward",
            {"nncore": [1e-6], "numpy": [5e-7]},
            size=[1, 3, 3],
            dtype="float32",
        ),
        timed(
            "kernel",
            "exp",
            {"nncore": [1e-6], "numpy": [4e-6]},
            size=[1, 3, 3],
            dtype="float64",
        ),
    ]
    path = tmp_path_factory.mktemp("run") / "results.json"
    entries = [entry for group in groups for entry in group]
    path.write_text(json.dumps({"machine_info": {"nncore": MACHINE}, "benchmarks": entries}))
    return path


def report(results, *arguments):
    pytest.importorskip("matplotlib", reason="the report draws a picture")
    command = [sys.executable, BENCHMARKS / "report.py", results, *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=True)


@pytest.fixture(scope="module")
def written(results, tmp_path_factory):
    """The README, the page of tables and the picture after a report on the short run."""
    folder = tmp_path_factory.mktemp("pages")
    pages = [folder / name for name in ("README.md", "benchmarks.md", "picture.png")]
    for page in pages[:2]:
        page.write_text(PAGE, encoding="utf-8")
    report(results, "--readme", pages[0], "--tables", pages[1], "--plot", pages[2])
    return pages


def test_text_outside_the_markers_is_kept_on_both_pages(written):
    for page in written[:2]:
        text = page.read_text(encoding="utf-8")
        assert text.startswith("before\n<!-- benchmarks:begin -->\n")
        assert text.endswith("\n<!-- benchmarks:end -->\nafter\n")
        assert "old" not in text


def test_the_readme_gets_the_fastest_of_the_numpy_programs(written):
    text = written[0].read_text(encoding="utf-8")
    assert "| Train a character RNN, 100 units | 10 µs per step | 20 |  |  |  |  |" in text


def test_ratios_are_medians_of_turns_and_losses_are_bold(written):
    text = written[0].read_text(encoding="utf-8")
    assert f"| Train {ROW} | 200 ns per step | 200 |  |  | **0.25** |  |" in text


def test_the_readme_counts_the_kernels_that_are_faster(written):
    text = written[0].read_text(encoding="utf-8")
    assert "Of 2 cases" in text
    assert "faster than vectorised NumPy in 1." in text


def test_the_page_gets_all_tables_under_headings(written):
    text = written[1].read_text(encoding="utf-8")
    assert re.findall("^## (.*)$", text, re.M) == [
        "Character RNN",
        "Dense networks",
        "Many networks",
        "Single kernels",
    ]
    assert "| 100 units, float32 | 10 µs | 100 | 20 | 50 |" in text
    assert f"| {ROW} | 200 ns per step | 200 | **0.25** |" in text
    assert "| 1000 of 2-3-2, 4 rows | 20 ns | **0.50** | 25 | 5.0 |" in text
    assert "| `tanh_forward` | **0.50** |" in text
    assert "`tanh_forward` float32: 1×3×3 0.50." in text


def test_both_pages_name_the_machine(written):
    for page in written[:2]:
        text = page.read_text(encoding="utf-8")
        assert "A processor, 2 cores; avx2; Python 3.11, NumPy 2.0" in text
        assert "PyTorch 2.9; 2026-01-01. Medians of one run, one thread." in text


def test_the_picture_is_drawn(written):
    assert written[2].read_bytes().startswith(b"\x89PNG")


def test_a_page_without_markers_is_left_alone(results, tmp_path):
    readme, tables = tmp_path / "README.md", tmp_path / "missing.md"
    readme.write_text("nothing to replace\n", encoding="utf-8")
    picture = tmp_path / "picture.png"
    done = report(results, "--readme", readme, "--tables", tables, "--plot", picture)
    assert readme.read_text(encoding="utf-8") == "nothing to replace\n"
    assert not tables.exists()
    assert done.stderr.count("nothing written") == 2
    assert "## Single kernels" in done.stdout


# --- the pages of the checkout ----------------------------------------------------------------


def section(name, page):
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.search(rf"<!-- {name}:begin -->\n(.*)\n<!-- {name}:end -->", text, re.S)[1]


def test_both_pages_are_of_the_same_run():
    short, tables = section("benchmarks", "README.md"), section("benchmarks", "docs/benchmarks.md")
    assert short.splitlines()[-1] in tables.splitlines()
    rows = [row for row in short.splitlines()[2:] if row.startswith("| ")]
    assert rows
    for row in rows:
        assert row.split(" | ")[1].split(" per ")[0] in tables


def test_other_programs_have_their_sections():
    assert section("held-out", "docs/benchmarks.md")
    assert section("trainers", "docs/benchmarks.md")


def test_every_row_of_the_readme_is_timed(monkeypatch):
    pytest.importorskip("sklearn", reason="a row is of an estimator")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import bench_char_rnn
    import bench_sklearn
    import mlp_problems
    import population_problems
    import recurrent_problems
    from summary import HEADLINES

    timed_cases = {
        "mlp_train": [{"case": problem.name} for problem in mlp_problems.PROBLEMS],
        "mlp_predict": [{"case": "3-3-1, one row"}],  # the only one, see bench_mlp.py
        "char_rnn_train": [network._asdict() for network in bench_char_rnn.NETWORKS],
        "recurrent": [{"case": str(problem)} for problem in recurrent_problems.PROBLEMS],
        "population": [{"case": problem.name} for problem in population_problems.PROBLEMS],
        "sklearn_fit": [{"case": shape.name} for shape in bench_sklearn.SHAPES],
    }
    for headline in HEADLINES:
        assert headline.info in timed_cases[headline.kind]
