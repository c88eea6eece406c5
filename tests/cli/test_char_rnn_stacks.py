"""Cells, layers and dropout on the command line, and texts with unknown characters."""

import re

import pytest
from command_line import SMALL, TEXT, run, trained_model, written_text

from nncore import CharRNN

STACK = ("--cell", "lstm", "--layers", "2", "--dropout", "0.25")


@pytest.fixture
def text(tmp_path):
    return written_text(tmp_path)


@pytest.fixture
def trained(text, tmp_path, capsys):
    """The command that trained a stack with a checkpoint, to be run again, and its file."""
    path = tmp_path / "run.safetensors"
    command = ("char-rnn", "train", text, "--checkpoint", path, "--resume", "--quiet", *SMALL)
    command = (*command, "--iterations", "20")
    assert run(capsys, *command, *STACK)[0] == 0
    return command, path


def test_the_options_reach_the_network(trained):
    network = CharRNN.load(trained[1])
    assert (network.cell, network.layers, network.dropout) == ("lstm", 2, 0.25)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--cell", "lstm"), "Trained 1 layer of 8 lstm units for 3 updates in "),
        (("--layers", "2"), "Trained 2 layers of 8 gru units for 3 updates in "),
        (("--cell", "tanh"), "Trained 1 layer of 8 tanh units for 3 updates in "),
        ((), "Trained 1 layer of 8 gru units for 3 updates in "),
    ],
    ids=str,
)
def test_the_result_names_the_stack(options, what, text, capsys):
    train = ("char-rnn", "train", text, *SMALL, "--iterations", "3", "--quiet", *options)
    status, out, err = run(capsys, *train)
    assert (status, err) == (0, "")
    assert out.startswith(what)


def test_a_run_of_a_stack_is_resumed_by_the_same_line(trained, capsys):
    command, path = trained
    for options in (STACK, ()):
        status, out, err = run(capsys, *command, *options)
        assert status == 0
        assert f"finished: the run in {path}" in err
        assert out.startswith("Trained 2 layers of 8 lstm units for 20 updates")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--cell", "gru"), "--cell: not allowed with --resume: .* has --cell lstm, not gru"),
        (("--layers", "3"), "--layers: not allowed with --resume: .* has --layers 2, not 3"),
        (
            ("--layers", "2", "--dropout", "0.5"),
            r"--dropout: not allowed with --resume: .* has --dropout 0\.25, not 0\.5",
        ),
    ],
    ids=str,
)
def test_a_stack_other_than_that_of_the_run_is_refused(options, message, trained, capsys):
    status, _, err = run(capsys, *trained[0], *options)
    assert status == 2
    assert re.search(message, err)
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--dropout", "0.5"), "argument --dropout: needs --layers 2 or more, between which it"),
        (("--dropout", "0.5", "--layers", "1"), "argument --dropout: needs --layers 2 or more"),
        (("--layers", "2", "--dropout", "1"), "argument --dropout: expected a number from 0 to b"),
        (("--layers", "0"), "argument --layers: expected an integer of at least 1, got '0'"),
        (("--layers", "17"), "argument --layers: expected at most 16, got '17'"),
        (("--cell", "rnn"), "argument --cell: invalid choice: 'rnn'"),
    ],
    ids=str,
)
def test_options_that_make_no_network_are_refused(options, message, text, capsys):
    status, _, err = run(capsys, "char-rnn", "train", text, *options)
    assert status == 2
    assert message in err
    assert err.count("\n") == 1


def test_no_dropout_can_be_asked_for_with_one_layer(text, capsys):
    train = ("char-rnn", "train", text, *SMALL, "--iterations", "2", "--dropout", "0")
    assert run(capsys, *train)[0] == 0


def test_weights_of_another_stack_are_refused(text, tmp_path, capsys):
    path = tmp_path / "m.safetensors"
    CharRNN(hidden_size=8, cell="gru", rng=0).build("abc").save(path)
    start = ("char-rnn", "train", text, *SMALL, "--start-from", path)
    status, _, err = run(capsys, *start, "--cell", "tanh")
    assert status == 1
    assert "has gru cells, expected tanh as in this network" in err
    status, _, err = run(capsys, *start, "--cell", "gru", "--layers", "2")
    assert status == 1
    assert "has 1 layer(s), expected 2 as in this network" in err


def test_samples_of_a_stack_are_those_of_the_network(trained, capsys):
    path = trained[1]
    sample = ("char-rnn", "sample", path, "--prime", "the", "--length", "30", "--seed", "3")
    status, out, _ = run(capsys, *sample)
    assert (status, out) == (
        0, "the" + CharRNN.load(path).sample(30, "the", temperature=0.8, rng=3) + "\n"
    )  # fmt: skip


# --- unknown characters -------------------------------------------------------------------------


def test_unknown_characters_are_skipped_if_asked_for(tmp_path, capsys):
    model, other = trained_model(tmp_path), tmp_path / "other.txt"
    other.write_text(TEXT[:200] + "\u2603\u2603" + TEXT[200:400], newline="", encoding="utf-8")
    status, _, err = run(capsys, "char-rnn", "evaluate", model, other)
    assert status == 1
    assert "outside the vocabulary" in err
    status, out, _ = run(capsys, "char-rnn", "evaluate", model, other, "--unknown", "skip")
    bits = CharRNN.load(model).evaluate(TEXT[:400]).bits_per_char
    assert status == 0
    assert out.startswith(f"{bits:.4f} bits per character, perplexity ")
    assert out.endswith(", over 399 characters, 2 skipped\n")
