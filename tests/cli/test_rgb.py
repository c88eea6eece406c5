"""`nncore rgb`: training with its report, predictions for colours, and the prompt."""

import inspect
import io
import re
import struct
import subprocess
import sys

import pytest
from command_line import run

from nncore import MLP, cli
from nncore.cli import rgb as commands
from nncore.trainers.rgb.data import NAMED_COLORS, default_colors, wants_dark
from nncore.trainers.rgb.train import METHODS, FontPredictor, train_rgb

QUICK = ("--epochs", "5")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "fonts"
    train_rgb(rng=3).save(path)
    return path


@pytest.fixture
def table(tmp_path):
    """Every colour twice, black also with the wrong label."""
    colors = default_colors().rgb[::7]
    rows = [f"{r},{g},{b},{int(wants_dark([r, g, b]))}" for r, g, b in colors.tolist()] * 2
    path = tmp_path / "colors.csv"
    path.write_text("\n".join(["red,green,blue,font", *rows, "0,0,0,dark"]))
    return path


def answer(predictor, color):
    listed = ",".join(map(str, color))
    chance = f"{predictor.predict_probability(*color):.3f}"
    return f"{listed}: {predictor.predict_font(*color)} font (probability of dark {chance})\n"


# --- train ----------------------------------------------------------------------------------------


def test_training_reports_both_splits_the_confusion_and_the_named_colours(table, capsys):
    status, out, err = run(capsys, "rgb", "train", table)
    assert (status, err) == (0, "")
    assert "287 rows, 143 colours: " in out
    assert "1 colours have rows with both labels" in out
    results = {split: train_rgb(table, split=split) for split in ("color", "rows")}
    assert f"  split by colour  {results['color'].accuracy:7.2%}   " in out
    assert f"  split by rows    {results['rows'].accuracy:7.2%}   " in out
    assert "48 colours, none of them also in training rows\n" in out
    assert re.search(r"by rows .* colours, \d+ of them also in training rows\n", out)
    assert str(results["color"].confusion) in out
    for name, color in NAMED_COLORS.items():
        listed = ",".join(map(str, color))
        font = results["color"].predict_font(*color)
        assert re.search(rf"^  {name} +{listed} +{font} +\d\.\d\d\d", out, re.M)


def test_without_a_table_the_embedded_colours_are_taken(capsys):
    status, out, _ = run(capsys, "rgb", "train")
    assert status == 0
    assert "1000 rows, 1000 colours: 502 rows have a dark font, 498 a light one.\n" in out
    assert "rows with both labels" not in out


def test_options_reach_the_network_that_is_saved(table, tmp_path, capsys):
    options = ("--method", "seed", "--split", "rows", "--hidden-size", 5, "--epochs", 2)
    status, out, _ = run(
        capsys, "rgb", "train", table, *options, "--seed", 9, "--save", tmp_path / "m"
    )
    assert status == 0
    expected = train_rgb(table, method="seed", split="rows", hidden_size=5, epochs=2, rng=9)
    assert "Network 3-5-1, method seed, 2 epochs, " in out
    assert str(expected.confusion) in out
    assert f"model:   {tmp_path / 'm'}\n" in out
    found = FontPredictor.load(tmp_path / "m")
    colors = default_colors().rgb
    assert (found.probabilities(colors) == expected.probabilities(colors)).all()


def test_fonts_against_the_brightness_are_marked(tmp_path, capsys):
    wrong = tmp_path / "wrong.csv"
    colors = default_colors().rgb.tolist()
    wrong.write_text("\n".join(f"{r},{g},{b},{int(g < 100)}" for r, g, b in colors))
    status, out, _ = run(capsys, "rgb", "train", wrong)
    assert status == 0
    assert re.search(r"aqua .* light .* dark by brightness: 178\.8, the limit is 127\n", out)
    assert re.search(r"black .* dark .* light by brightness: 0\.0, the limit is 127\n", out)


def test_pictures_are_written_to_the_paths_given(tmp_path, capsys):
    folder = tmp_path / "a" / "b"
    status, out, _ = run(capsys, "rgb", "train", *QUICK, "--out", folder)
    assert status == 0
    for name in ("rgb_fonts.png", "rgb_boundary.png"):
        width, height = struct.unpack(">II", (folder / name).read_bytes()[16:24])
        assert min(width, height) > 500
        assert f"picture: {folder / name}\n" in out


def test_without_matplotlib_pictures_are_refused_before_training(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    status, out, err = run(capsys, "rgb", "train", "--out", tmp_path / "p")
    assert (status, out) == (1, "")
    assert err == "nncore: error: pictures need matplotlib: pip install 'nncore[plot]'\n"
    assert not (tmp_path / "p").exists()


def test_the_command_has_the_methods_and_defaults_of_the_trainer():
    args = cli.build_parser().parse_args(["rgb", "train"])
    defaults = inspect.signature(train_rgb).parameters
    for option, name in (("hidden_size",) * 2, ("split",) * 2, ("method",) * 2, ("seed", "rng")):
        assert getattr(args, option) == defaults[name].default
    assert tuple(METHODS) == commands.METHOD_NAMES
    assert (METHODS["balanced"], METHODS["seed"], METHODS["plain"]) == (100, 100, 500)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "0,0,0,0\n1,2\n",
            "colors.csv, line 2 has 2 column(s), expected 4: red, green, blue, label",
        ),
        ("0,0,0,0\n1,2,3,1\n2,x,2,1\n", "colors.csv, line 3: green is 'x', expected an integer"),
        ("0,0,0,1\n1,2,3,1\n", "colors.csv: all 2 rows have a dark font, expected some rows for"),
        ("", "colors.csv has no rows of colours"),
        (None, "colors.csv: No such file or directory"),
    ],
)
def test_wrong_tables_are_one_line_and_status_1(content, message, tmp_path, capsys):
    path = tmp_path / "colors.csv"
    if content is not None:
        path.write_text(content)
    status, out, err = run(capsys, "rgb", "train", path)
    assert (status, out) == (1, "")
    assert err.startswith("nncore: error: ")
    assert message in err
    assert err.count("\n") == 1


def test_the_table_is_not_written_over(table, capsys):
    before = table.read_bytes()
    status, out, err = run(capsys, "rgb", "train", table, "--save", table)
    assert (status, out) == (2, "")
    assert f"argument --save: {table} is also given as CSV" in err
    assert table.read_bytes() == before


def test_a_path_for_the_model_is_required_before_training(tmp_path, capsys):
    status, out, err = run(capsys, "rgb", "train", "--save", tmp_path / "no" / "m")
    assert (status, out) == (1, "")
    assert "is in a folder that does not exist" in err


# --- predict --------------------------------------------------------------------------------------


def test_a_colour_is_predicted_without_a_model(capsys):
    assert run(capsys, "rgb", "predict", "255,140,0") == (
        0,
        answer(train_rgb(), (255, 140, 0)),
        "",
    )


def test_several_colours_are_predicted_by_a_model(model, capsys):
    words = ("0,0,0", "#ff8c00", "FFFFFF", "--model", model)
    status, out, err = run(capsys, "rgb", "predict", *words)
    assert (status, err) == (0, "")
    predictor = FontPredictor.load(model)
    assert out == "".join(
        answer(predictor, color) for color in ((0, 0, 0), (255, 140, 0), (255, 255, 255))
    )


def test_colours_have_the_names_of_css(model, capsys):
    words = ("orange", "RebeccaPurple", "#F80", "--model", model)
    status, out, err = run(capsys, "rgb", "predict", *words)
    assert (status, err) == (0, "")
    predictor = FontPredictor.load(model)
    expected = ((255, 165, 0), (102, 51, 153), (255, 136, 0))
    assert out == "".join(answer(predictor, color) for color in expected)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("predict", "the following arguments are required: COLOR"),
        (
            "predict rouge",
            "COLOR: expected a colour such as 255,140,0, #ff8c00 or orange, got 'rouge'",
        ),
        ("predict 1,2,3 1,2,256", "COLOR: blue of '1,2,256' is '256', expected an integer"),
        ("predict 1,2", "got '1,2'"),
        ("predict -1,0,0", "COLOR: red of '-1,0,0' is '-1', expected an integer from 0 to 255"),
        ("predict 0,0,0 -.5,0,0", "COLOR: red of '-.5,0,0' is '-.5', expected an integer"),
        ("predict 0,0,0 --model=", "--model: expected the name of a file or folder, got ''"),
        ("train --method adam", "--method: invalid choice: 'adam'"),
        ("train --hidden-size 0", "--hidden-size: expected an integer of at least 1, got '0'"),
        ("train --split colour", "--split: invalid choice: 'colour'"),
        ("", "the following arguments are required: COMMAND"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(words, message, capsys):
    status, out, err = run(capsys, "rgb", *words.split())
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", ["predict 1,2,3", "ask"])
def test_files_of_other_networks_are_one_line_and_status_1(command, tmp_path, capsys):
    (tmp_path / "text").write_text("text")
    MLP([2, 1], rng=0).save(tmp_path / "other")
    for name, message in (
        ("missing", "No such file or directory"),
        ("text", "is not a model file, or is damaged"),
        ("other", "expected 3 inputs (red, green, blue) and 1 sigmoid output"),
    ):
        status, out, err = run(capsys, "rgb", *command.split(), "--model", tmp_path / name)
        assert (status, out) == (1, "")
        assert str(tmp_path / name) in err
        assert message in err
        assert err.count("\n") == 1


# --- ask ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "q\n", " Q \n", "quit\n", ""])
def test_the_prompt_answers_until_it_is_ended(end, model, capsys, monkeypatch):
    asked = f"255,140,0\n#000000\n{end}"
    monkeypatch.setattr(sys, "stdin", io.StringIO(asked + ("1,1,1\n" if end else "")))
    status, out, err = run(capsys, "rgb", "ask", "--model", model)
    assert (status, err) == (0, "")
    predictor = FontPredictor.load(model)
    expected = "".join("R,G,B: " + answer(predictor, c) for c in ((255, 140, 0), (0, 0, 0)))
    assert out == expected + "R,G,B: " + ("" if end else "\n")


def test_a_byte_order_mark_is_not_part_of_the_first_colour(model, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("\ufefforange\n"))
    status, out, _ = run(capsys, "rgb", "ask", "--model", model)
    assert status == 0
    assert out.startswith("R,G,B: 255,165,0: dark font")


def test_the_prompt_says_what_is_wrong_and_asks_again(model, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("rouge\n1,2\n1,2,256\n1,,3\n\x00\n0,0,0\n"))
    status, out, err = run(capsys, "rgb", "ask", "--model", model)
    assert (status, err) == (0, "")
    lines = out.split("R,G,B: ")[1:]
    assert lines[0] == "expected a colour such as 255,140,0, #ff8c00 or orange, got 'rouge'\n"
    assert lines[1].endswith("got '1,2'\n")
    assert lines[2] == "blue of '1,2,256' is '256', expected an integer from 0 to 255\n"
    assert lines[3] == "green of '1,,3' is '', expected an integer from 0 to 255\n"
    assert lines[4].endswith(r"got '\x00'" + "\n")
    assert lines[5].startswith("0,0,0: light font (probability of dark 0.0")


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_undecodable_bytes_do_not_end_the_prompt(errors, model):
    command = [sys.executable, "-m", "nncore", "rgb", "ask", "--model", str(model)]
    done = subprocess.run(
        command,
        input=b"\xff\xfe\n0,0,0\nq\n",
        capture_output=True,
        check=False,
        env={"PYTHONIOENCODING": f"utf-8:{errors}", "PATH": ""},
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"R,G,B: ") >= 2
