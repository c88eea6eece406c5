"""The command line as a whole: help, wrong usage, and one line for each error."""

import argparse
import inspect
import os
import re

import pytest
from command_line import run

from nncore import CharRNN, checks, cli, optimizers, registry, schedules
from nncore.cli import options

# --- help ---------------------------------------------------------------------------------------


def parsers(parser=None, name=()):
    """All parsers by their subcommands."""
    parser = parser or cli.build_parser()
    found = {name: parser}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, child in action.choices.items():
                found |= parsers(child, (*name, word))
    return found


COMMANDS = [
    "",
    "info",
    "demo",
    "gates",
    "neuron",
    "xor",
    "rgb",
    *(f"rgb {c}" for c in ("train", "predict", "ask")),
    "char-rnn",
    *(f"char-rnn {c}" for c in ("train", "sample", "evaluate")),
]


def test_the_commands_are_complete():
    assert sorted(map(" ".join, parsers())) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_complete_and_has_examples(command, capsys):
    status, out, err = run(capsys, *command.split(), "--help")
    assert (status, err) == (0, "")
    examples = out.partition("examples:\n")[2].splitlines()
    assert sum("nncore " + command in line for line in examples) >= 2
    for action in parsers()[tuple(command.split())]._actions:
        assert action.help or action.choices, action
        for option in action.option_strings:
            assert option in out
        for choice in action.choices or ():
            assert choice in out


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_of_the_help_are_right(command):
    parser = cli.build_parser()
    for line in parsers()[tuple(command.split())].epilog.splitlines():
        if found := re.search(r"^  .*?\bnncore (.+)$", line):
            words = re.findall(r'"[^"]*"|\S+', found[1])
            args = parser.parse_args([word.strip('"') for word in words])
            assert callable(args.run)


def test_the_help_shows_the_defaults_of_the_network():
    actions = {action.dest: action for action in parsers()["char-rnn", "train"]._actions}
    known, network = inspect.signature(CharRNN).parameters, CharRNN()
    for name in sorted(set(actions) & set(known)):
        default = known[name].default
        if name.startswith("clip"):
            default = f"{default or 0:g}"
        if name in ("optimizer", "schedule"):
            default = type(getattr(network, name)).__name__
        assert actions[name].help.endswith(f" ({default})")
    assert set(known) - set(actions) == {"weight_init", "rng"}
    for cell, units, most in (("gru", 133, 0.015), ("tanh", 100, 0.01)):
        small, large = (CharRNN(size, cell=cell).optimizer for size in (units, units + 1))
        assert small.learning_rate == most > large.learning_rate


def test_all_optimizers_and_schedules_can_be_chosen():
    assert tuple(optimizers.OPTIMIZERS) == registry.OPTIMIZER_NAMES
    assert tuple(schedules.SCHEDULES) == options.SCHEDULE_NAMES


def test_version(capsys):
    status, out, _ = run(capsys, "--version")
    assert status == 0
    assert re.fullmatch(r"nncore \d+\.\d+\.\d+\S*\n", out)


# --- wrong use ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", "the following arguments are required: COMMAND"),
        ("dance", "argument COMMAND: invalid choice: 'dance'"),
        ("char-rnn", "the following arguments are required: COMMAND"),
        ("char-rnn train", "the following arguments are required: TEXT"),
        ("char-rnn sample", "the following arguments are required: MODEL"),
        ("char-rnn evaluate m", "the following arguments are required: TEXT"),
        ("char-rnn train x --hidden-size 0", "--hidden-size: expected an integer of at least 1"),
        ("char-rnn train x --hidden-size big", "expected an integer of at least 1, got 'big'"),
        ("char-rnn train x --epochs nan", "--epochs: expected a positive number, got 'nan'"),
        ("char-rnn train x --epochs inf", "--epochs: expected a positive number, got 'inf'"),
        ("char-rnn train x --iterations 1.5", "--iterations: expected an integer of at least 1"),
        ("char-rnn train x --learning-rate -1", "--learning-rate: expected a positive number"),
        ("char-rnn train x --clip -1", "--clip: expected 0 (no limit) or a positive number"),
        ("char-rnn train x --validation-fraction 1", "expected a number from 0 to below 1"),
        ("char-rnn train x --optimizer LBFGS", "--optimizer: invalid choice: 'LBFGS'"),
        ("char-rnn train x --vocabulary words", "--vocabulary: invalid choice: 'words'"),
        ("char-rnn train x --seed -1", "--seed: expected 0 or a positive integer"),
        ("char-rnn train x --colour", "unrecognized arguments: --colour"),
        ("char-rnn sample m --temperature -1", "--temperature: expected 0 or a positive number"),
        ("char-rnn sample m --top-p 0", "--top-p: expected a number above 0, at most 1"),
        ("char-rnn sample m --top-p 1.5", "--top-p: expected a number above 0, at most 1"),
        ("char-rnn sample m --top-k -1", "--top-k: expected 0 or a positive integer"),
        ("char-rnn sample m --length 0", "--length: expected an integer of at least 1"),
        ("demo --seconds 0", "--seconds: expected a positive number"),
        ("char-rnn sample m --length 99999999999999999999", "--length: expected at most 9007199"),
        ("char-rnn train x --save=", "--save: expected the name of a file or folder, got ''"),
        ("char-rnn train -quiet", "unrecognized arguments: -quiet (see nncore char-rnn train -"),
        ("rgb predict -orange", "unrecognized arguments: -orange (see nncore rgb predict --h"),
        ("rgb --colour", "unrecognized arguments: --colour (see nncore rgb --help"),
        ("rgb predict --mod x", "the following arguments are required: COLOR"),
        ("char-rnn evaluate --", "the following arguments are required: MODEL, TEXT"),
        ("char-rnn sample --prime -x", "the following arguments are required: MODEL"),
        ("char-rnn sample m --prime --x", "--prime: expected one argument; write OPTION=VALUE if"),
        ("info now", "unrecognized arguments: now"),
    ],
)
def test_wrong_use_is_one_line_on_stderr_and_status_2(command, message, capsys):
    status, out, err = run(capsys, *command.split())
    assert (status, out) == (2, "")
    assert message in err
    assert err.startswith("nncore")
    assert "--help)" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", [name for name in COMMANDS if name])
@pytest.mark.parametrize("unknown", ["--colour", "-q", "--colour=3"])
def test_an_unknown_option_points_to_the_help_of_its_command(command, unknown, capsys):
    needed = {"rgb predict": "1,2,3", "char-rnn train": "t", "char-rnn sample": "m"}
    needed |= {"char-rnn evaluate": "m t", "rgb": "ask", "char-rnn": "train t"}
    words = [*command.split(), *needed.get(command, "").split()]
    name = f"{command} {needed[command].split()[0]}" if command in ("rgb", "char-rnn") else command
    status, out, err = run(capsys, *words, unknown)
    assert (status, out) == (2, "")
    expected = (
        f"nncore {name}: error: unrecognized arguments: {unknown} (see nncore {name} --help)\n"
    )
    assert err == expected


def test_the_largest_count_is_that_of_the_library():
    assert options.LARGEST == checks.LARGEST


# --- failures -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("char-rnn train {dir}/missing", "missing: No such file or directory"),
        ("char-rnn train {dir}", "Is a directory"),
        ("char-rnn train {text} {dir}/missing", "missing: No such file or directory"),
        ("char-rnn train {dir}/empty", "empty is empty"),
        ("char-rnn train {dir}/short", "short has 2 characters to train on"),
        ("char-rnn train {dir}/same", "same must have at least 2 different characters"),
        ("char-rnn train {dir}/latin", "latin is not valid UTF-8: byte 0xe9 at offset 3"),
        ("char-rnn train {text} --save {dir}/nowhere/m", "is in a folder that does not exist"),
        ("char-rnn train {text} --save {dir}", "is a folder, not a file"),
        ("char-rnn train {text} --plot {dir}/nowhere/p.png", "is in a folder that does not exist"),
        ("char-rnn train {text} --learning-rate 1e9 --optimizer SGD --clip-norm 0", "diverged"),
        ("char-rnn train {text} --batch-size 4000", "4000 stream(s) of windows of"),
        ("char-rnn sample {dir}/missing", "missing: No such file or directory"),
        ("char-rnn sample {text}", "novel.txt is not a model file, or is damaged"),
        ("char-rnn sample {model} --prime ÄÖ", "prime has 2 character(s) outside the vocabul"),
        ("char-rnn evaluate {model} {dir}/empty", "empty has 0 character(s), expected at least 2"),
        ("char-rnn evaluate {model} {dir}/missing", "missing: No such file or directory"),
        ("demo --out {text}", "File exists"),
    ],
)
def test_failures_are_one_line_on_stderr_and_status_1(
    command, message, capsys, tmp_path, text, model
):
    for name, content in {
        "empty": b"",
        "short": b"ab",
        "same": b"a" * 999,
        "latin": b"caf\xe9",
    }.items():
        (tmp_path / name).write_bytes(content)
    words = command.format(dir=tmp_path, text=text, model=model).split()
    status, out, err = run(capsys, *words, *(["--quiet"] if "train" in words else []))
    assert (status, out) == (1, "")
    assert message in err
    assert err.startswith("nncore: error: ")
    assert err.count("\n") == 1


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs /proc")
@pytest.mark.parametrize(
    "command",
    [
        "char-rnn train {}",
        "char-rnn sample {}",
        "rgb train {}",
        "rgb predict 1,2,3 --model {}",
        "char-rnn train {} --vocabulary bytes",
    ],
)
def test_a_file_that_cannot_be_read_is_named(command, capsys):
    status, out, err = run(capsys, *command.format("/proc/self/mem").split())
    assert (status, out) == (1, "")
    assert err == "nncore: error: /proc/self/mem: Input/output error\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_picture_that_cannot_be_written_is_named(tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib: nncore[plot]")
    (tmp_path / "rgb_fonts.png").symlink_to("/dev/full")
    status, _, err = run(capsys, "rgb", "train", "--epochs", 1, "--out", tmp_path)
    assert status == 1
    assert err == f"nncore: error: {tmp_path / 'rgb_fonts.png'}: No space left on device\n"


@pytest.mark.skipif(not os.path.exists("/proc/cpuinfo"), reason="needs /proc")
def test_a_file_of_unknown_size_is_trained_on(capsys):
    command = "char-rnn train /proc/cpuinfo --hidden-size 4 --batch-size 1 --iterations 2 --quiet"
    status, out, err = run(capsys, *command.split())
    assert (status, err) == (0, "")
    assert "2 updates" in out
