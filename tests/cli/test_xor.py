"""`nncore xor`: one network with its report, or how often networks learn."""

import re

import pytest
from command_line import run

from nncore.cli import build_parser
from nncore.cli import xor as command
from nncore.trainers import plots
from nncore.trainers.xor.task import GOALS, METHODS
from nncore.trainers.xor.train import train_xor, xor_success_rates

NONE_LEARNED = "nncore: error: none of 2 starts learned the points; the reasons are listed above\n"
NOT_LEARNED = "did not learn the table; the reasons are listed above\n"
TABLE = re.compile(
    r"^ +([01]) +([01]) +([01]) +([01]) +([01]\.\d{4}), ([01]\.\d{4})$", re.MULTILINE
)


def quiet(capsys, *options):
    return run(capsys, "xor", "--no-pictures", *options)


def test_without_options_the_command_learns_the_table_and_draws_it(tmp_path, capsys, monkeypatch):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib: nncore[plot]")
    monkeypatch.chdir(tmp_path)
    status, out, err = run(capsys, "xor")
    assert (status, err) == (0, "")
    assert out.startswith("Network 2-3-2, table of 4 rows, 1500 epochs per start, ")
    assert "restarts: 0 (start 1 learned)\n" in out
    assert "accuracy: 1.0000 (4 of 4 rows)\n" in out
    assert f"loss:     {train_xor().loss:.4g}\n" in out
    assert [found[:4] for found in TABLE.findall(out)] == [
        ("0", "0", "0", "0"),
        ("0", "1", "1", "1"),
        ("1", "0", "1", "1"),
        ("1", "1", "0", "0"),
    ]
    for name, first in (("png", b"\x89PNG"), ("gif", b"GIF89a")):
        picture = tmp_path / "nncore-xor" / f"xor.{name}"
        assert picture.read_bytes().startswith(first)
        assert f"picture: nncore-xor/xor.{name}\n" in out


def test_pictures_are_written_to_the_paths_given(tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib: nncore[plot]")
    folder = tmp_path / "new" / "folder"
    status, out, err = run(capsys, "xor", "--epochs", 5, "--max-restarts", 0, "--out", folder)
    assert (status, err) == (1, f"nncore: error: the only start {NOT_LEARNED}")  # pictures help
    assert sorted(path.name for path in folder.iterdir()) == ["xor.gif", "xor.png"]
    assert f"picture: {folder / 'xor.gif'}\n" in out


def test_without_matplotlib_the_command_says_so_and_continues(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(plots, "available", lambda: False)
    status, out, err = run(capsys, "xor", "--out", tmp_path / "pictures")
    assert (status, err) == (0, "")
    assert "accuracy: 1.0000" in out
    assert out.endswith("picture: none, as matplotlib is missing (pip install 'nncore[plot]')\n")
    assert not list(tmp_path.iterdir())


def test_pictures_can_be_switched_off(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, _ = quiet(capsys)
    assert status == 0
    assert "picture" not in out
    assert not list(tmp_path.iterdir())


def test_options_reach_the_training(capsys):
    options = "--dataset points --hidden-size 5 --reg 0.5 --epochs 40 --learning-rate 0.7 --seed 3"
    status, out, err = quiet(capsys, *options.split(), "--max-restarts", 1, "--method", "seed")
    assert (status, err) == (1, NONE_LEARNED)
    optimizer = command._optimizer(build_parser().parse_args(["xor", "--learning-rate", "0.7"]))
    result = train_xor(
        5,
        "points",
        reg=0.5,
        method="seed",
        optimizer=optimizer,
        epochs=40,
        max_restarts=1,
        rng=3,
    )
    assert out.startswith("Network 2-5-2, points of 300 rows, 40 epochs per start, ")
    for number, diagnosis in enumerate(result.diagnoses, start=1):
        assert f"  start {number} did not learn: {diagnosis}\n" in out
    assert "restarts: 1\nno start learned; this is the best one\n" in out
    right = round(result.accuracy * 300)
    assert f"accuracy: {result.accuracy:.4f} ({right} of 300 rows)\n" in out
    assert f"loss:     {result.loss:.4g}\n" in out
    assert "x1  x2" not in out


def test_the_learning_rate_is_that_of_the_method_unless_given():
    parser = build_parser()
    assert command._optimizer(parser.parse_args(["xor"])) is None
    for name, method in METHODS.items():
        rate = str(method.optimizer.learning_rate)
        given = parser.parse_args(["xor", "--method", name, "--learning-rate", rate])
        assert command._optimizer(given) == method.optimizer
    text = next(a.help for a in parser._actions[-1].choices["xor"]._actions if "rate" in a.dest)
    assert text.endswith("(default: 0.3, or 1 for seed)")


def test_choices_and_defaults_are_those_of_the_trainer():
    assert set(command.DATASETS) == set(GOALS)
    assert set(command.METHOD_NAMES) == set(METHODS)
    args = build_parser().parse_args(["xor"])
    for name, default in {**train_xor.__kwdefaults__, "hidden_size": 3, "dataset": "table"}.items():
        if hasattr(args, name):
            assert getattr(args, name) == default
    assert train_xor.__defaults__ == (3, "table")
    assert xor_success_rates.__defaults__ == (1000, command.HIDDEN_SIZES)


def test_restarts_are_reported_with_their_reasons(capsys):
    status, out, _ = quiet(capsys, "--hidden-size", 2, "--seed", 8)
    assert status == 0
    assert re.search(
        r"^  start 1 did not learn: saddle: the gradient's norm is ", out, re.MULTILINE
    )
    assert "restarts: 1 (start 2 learned)\n" in out


def test_wrong_predictions_are_marked(capsys):
    status, out, _ = quiet(capsys, "--learning-rate", 100, "--max-restarts", 0)
    assert status == 1
    assert "start 1 did not learn: step too large: " in out
    assert sum(line.endswith("   wrong") for line in out.splitlines()) >= 1


@pytest.mark.parametrize("method", METHODS)
def test_a_trace_shows_both_passes_before_training(method, capsys):
    status, out, _ = quiet(capsys, "--trace", "--method", method, "--reg", 0.5)
    assert status == 1  # the penalty is too large
    result = train_xor(method=method, reg=0.5, snapshots=1)
    net = result.net_at(result.snapshots[0])
    first = "One forward and backward pass before training:\n"
    assert out.startswith(f"{first}{net.trace(result.X[1], result.Y[1])}\n\nNetwork 2-3-2")
    for name in ("z1 = x @ w1 + b1", "a1 = sigmoid(z1)", "loss = ", "dw2 = ", "dw1 = "):
        assert f"\n{name}" in out


def test_seeds_measures_single_starts_and_restarts(capsys):
    status, out, err = run(capsys, "xor", "--seeds", 20, "--threads", 2, "--epochs", 300)
    assert (status, err) == (0, "")
    title, header, single, restarted = out.splitlines()
    assert title == "Fraction of 20 seeds that learn the table, by hidden units:"
    assert header.split() == ["2", "3", "4", "50", "seconds"]
    for line, label, most in ((single, "single starts", 0), (restarted, "up to 10 restarts", 10)):
        rates = xor_success_rates(20, max_restarts=most, epochs=300)
        assert line.startswith(f"  {label} ")
        assert line.split()[-5:-1] == [f"{rate:.3f}" for rate in rates.values()]


def test_seeds_measures_the_hidden_size_that_is_given(capsys):
    options = ("--seeds", 20, "--hidden-size", 1, "--epochs", 300, "--max-restarts", 0)
    status, out, err = run(capsys, "xor", *options)
    assert (status, err) == (0, "")
    _, header, rates = out.splitlines()
    assert header.split() == ["1", "seconds"]
    assert rates.split()[:3] == ["single", "starts", "0.000"]  # a single unit cannot


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--seeds 3 --seed 1", "--seed: not allowed with --seeds, which counts its seeds from 0"),
        ("--seeds 3 --out x", "--out: not allowed with --seeds, which draws no pictures"),
        ("--trace --seeds 3", "--trace: not allowed with --seeds"),
        ("--threads 3", "--threads: not allowed without --seeds"),
        ("--no-pictures --out x", "--out: not allowed with --no-pictures"),
    ],
)
def test_options_that_would_have_no_effect_are_refused(options, message, capsys):
    status, out, err = run(capsys, "xor", *options.split())
    assert (status, out) == (2, "")
    assert err.startswith(f"nncore xor: error: argument {message}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("restarts", "which"), [(0, "the only start did"), (2, "none of 3 starts")]
)
def test_when_no_start_learns_the_command_says_so_with_status_1(restarts, which, capsys):
    status, out, err = quiet(capsys, "--hidden-size", 1, "--max-restarts", restarts)
    assert status == 1
    assert err.startswith(f"nncore: error: {which}")
    assert err.count("\n") == 1
    assert "no start learned; this is the best one" in out


@pytest.mark.parametrize("option", ["--threads", "--seeds", "--max-restarts"])
def test_counts_that_are_too_large_are_refused_before_anything_is_printed(option, capsys):
    status, out, err = run(capsys, "xor", "--seeds", 3, option, 10**20)
    assert (status, out) == (2, "")
    assert f"{option}: expected at most {1 << 53}, got '1{'0' * 20}'" in err


def test_seeds_without_restarts_is_one_line(capsys):
    options = ("--seeds", 3, "--threads", 1, "--epochs", 2, "--max-restarts", 0)
    status, out, _ = run(capsys, "xor", *options)
    assert status == 0
    assert len(out.splitlines()) == 3
    assert "restarts" not in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--hidden-size 0", "--hidden-size: expected an integer of at least 1, got '0'"),
        ("--dataset moons", "--dataset: invalid choice: 'moons'"),
        ("--reg=-1", "--reg: expected 0 or a positive number, got '-1'"),
        ("--epochs 1.5", "--epochs: expected an integer of at least 1, got '1.5'"),
        ("--learning-rate 0", "--learning-rate: expected a positive number, got '0'"),
        ("--max-restarts=-1", "--max-restarts: expected 0 or a positive integer, got '-1'"),
        ("--seeds 0", "--seeds: expected an integer of at least 1, got '0'"),
        ("--threads 0", "--threads: expected an integer of at least 1, got '0'"),
        ("table", "unrecognized arguments: table"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(options, message, capsys):
    status, out, err = run(capsys, "xor", *options.split())
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_folder_that_cannot_be_made_is_reported_before_training(tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib: nncore[plot]")
    (tmp_path / "file").write_text("")
    status, out, err = run(capsys, "xor", "--out", tmp_path / "file")
    assert (status, out) == (1, "")
    assert err == f"nncore: error: {tmp_path / 'file'}: File exists\n"
