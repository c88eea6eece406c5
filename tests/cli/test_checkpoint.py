"""`nncore char-rnn train` with checkpoints: interrupted, resumed, and started from weights."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from command_line import run
from processes import POSIX, read_until, start
from texts import prose

from nncore import CharRNN, cli
from nncore.cli.char_rnn_network import model_to_train

# Long enough to be interrupted; under the sanitizers everything takes fifty times as long.
LONG = "2" if os.environ.get("NNCORE_SANITIZED") else "80"
SMALL = ("--hidden-size", "12", "--batch-size", "4", "--seed", "1", "--quiet")


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "novel.txt"
    path.write_text(prose(60_000))
    return path


def trained(path):
    model = CharRNN.load(path)
    return model._weights.tobytes(), model.history.loss.tobytes(), model.sample(20)


def test_the_command_runs_in_a_thread_where_signal_handlers_cannot_be_set(text, tmp_path, capsys):
    out, before = tmp_path / "run.safetensors", signal.getsignal(signal.SIGTERM)
    arguments = ("char-rnn", "train", text, "--checkpoint", out, "--epochs", "1", *SMALL)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(run, capsys, *arguments).result()[0] == 0
    assert CharRNN.load(out).history.iterations
    assert signal.getsignal(signal.SIGTERM) is before


@POSIX
@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_ctrl_c_or_sigterm_ends_is_finished_with_the_same_bits(which, text, tmp_path):
    whole, part = tmp_path / "whole.safetensors", tmp_path / "part.safetensors"
    options = ("char-rnn", "train", text, "--epochs", LONG, "--hidden-size", "64", "--seed", "1")
    options += ("--cell", "tanh", "--seq-length", "25", "--batch-size", "16")
    with start(*options, "--checkpoint", part, "--resume") as process:
        read_until(process.stderr, b"loss=")
        time.sleep(0.1)
        process.send_signal(which)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.decode().splitlines()[-1] == "nncore: ended by Ctrl-C"
    assert CharRNN.load(part).history.iterations > 0
    for path in (part, whole):
        with start(*options, "--quiet", "--checkpoint", path, "--resume") as process:
            assert process.wait(60) == 0
    assert trained(part) == trained(whole)


def test_a_checkpoint_is_not_overwritten_by_another_run(text, tmp_path, capsys):
    path = tmp_path / "run.safetensors"
    train = ("char-rnn", "train", text, *SMALL, "--epochs", "1", "--checkpoint", path)
    assert run(capsys, *train)[0] == 0
    before = path.read_bytes()
    status, _, err = run(capsys, *train)
    assert status == 1
    assert "exists: add --resume to finish its run, or name another file" in err
    assert path.read_bytes() == before


def test_a_finished_run_is_reported_and_can_still_be_saved(text, tmp_path, capsys):
    path, saved = tmp_path / "run.safetensors", tmp_path / "m.safetensors"
    train = ("char-rnn", "train", text, *SMALL, "--epochs", "1", "--checkpoint", path, "--resume")
    assert run(capsys, *train)[0] == 0
    status, out, err = run(capsys, *train, "--save", saved)
    assert status == 0
    assert f"finished: the run in {path}" in err
    assert "updates" in out
    assert trained(saved) == trained(path)


def test_another_run_starts_from_the_weights_alone(text, tmp_path, capsys):
    first, second = tmp_path / "1.safetensors", tmp_path / "2.safetensors"
    train = ("char-rnn", "train", text, *SMALL)
    assert run(capsys, *train, "--epochs", "6", "--save", first)[0] == 0
    go_on = (*train, "--iterations", "10", "--start-from", first, "--save", second)
    assert run(capsys, *go_on)[0] == 0
    old, new = CharRNN.load(first), CharRNN.load(second)
    assert new.history.iterations == 10
    assert new.history.loss[0] < 0.8 * old.history.loss[0]  # it knows the text
    assert new.vocabulary.characters == old.vocabulary.characters


def test_weights_of_another_size_are_refused(text, tmp_path, capsys):
    path = tmp_path / "m.safetensors"
    CharRNN(hidden_size=8, rng=0).build("abc").save(path)
    status, _, err = run(capsys, "char-rnn", "train", text, *SMALL, "--start-from", path)
    assert status == 1
    assert "has 8 units, expected 12 as in this network" in err


@pytest.mark.parametrize(
    ("options", "text_of_error"),
    [
        (("--resume",), "--resume: needs --checkpoint FILE"),
        (("--epochs", "2", "--iterations", "3"), "--epochs: not allowed with --iterations"),
        (("--checkpoint-every", "3"), "--checkpoint-every: not allowed without --checkpoint"),
        (
            ("--start-from", "m", "--vocabulary", "bytes"),
            "--vocabulary: not allowed with --start-from",
        ),
        (
            ("--resume", "--checkpoint", "c", "--start-from", "m"),
            "--start-from: not allowed with --resume, which finishes a run",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, text_of_error, text, capsys):
    status, _, err = run(capsys, "char-rnn", "train", text, *options)
    assert status == 2
    assert err.startswith("nncore char-rnn train: error: argument --")
    assert text_of_error in err
    assert err.count("\n") == 1


@pytest.fixture
def finished(text, tmp_path, capsys):
    """The command that trained a network with a checkpoint, and its arguments to run it again."""
    path = tmp_path / "run.safetensors"
    command = ("char-rnn", "train", text, "--checkpoint", path, "--resume", "--quiet")
    settings = ("--hidden-size", "12", "--batch-size", "4", "--seed", "1", "--iterations", "20")
    assert run(capsys, *command, *settings)[0] == 0
    return command


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--hidden-size 13", "--hidden-size: * has --hidden-size 12, not 13"),
        ("--seq-length 5", "--seq-length: * has --seq-length 64, not 5"),
        ("--batch-size 5", "--batch-size: * has --batch-size 4, not 5"),
        ("--optimizer SGD", "--optimizer: * has --optimizer AdamW, not SGD"),
        ("--learning-rate 0.5", "--learning-rate: * has --learning-rate 0.015, not 0.5"),
        ("--schedule WarmUp", "--schedule: * has --schedule CosineDecay, not WarmUp"),
        ("--clip 2", "--clip: * has --clip 0.0, not 2.0"),
        ("--clip-norm 0", "--clip-norm: * has --clip-norm 1.0, not 0.0"),
        ("--dtype float64", "--dtype: * has --dtype float32, not float64"),
        ("--vocabulary bytes", "--vocabulary: * has --vocabulary characters, not bytes"),
        ("--min-char-rnn", "--min-char-rnn: * has --hidden-size 12, not 100"),
        ("--iterations 30", "--iterations: * has 20 updates, not 30"),
        ("--epochs 1", "--epochs 1: * has 20 updates, not "),
    ],
)
def test_settings_that_a_run_does_not_have_are_refused(options, message, finished, capsys):
    path = finished[4]
    before = path.read_bytes()
    status, out, err = run(capsys, *finished, *options.split())
    assert (status, out) == (2, "")
    middle = f"not allowed with --resume: the run in {path}"
    assert f"argument {message.replace('*', middle)}" in err
    assert err.count("\n") == 1
    assert path.read_bytes() == before


def test_settings_of_a_run_may_be_given_again(finished, capsys):
    options = (
        "--hidden-size 12 --seq-length 64 --batch-size 4 --optimizer AdamW --clip 0 --clip-norm 1"
    )
    options += " --schedule CosineDecay --dtype float32 --vocabulary characters --iterations 20"
    status, _, err = run(capsys, *finished, *options.split(), "--backend", "numpy", "--seed", "9")
    assert status == 0
    assert err == f"finished: the run in {finished[4]}; nothing is trained\n"


def test_a_run_is_finished_by_the_backend_that_is_asked_for(finished, monkeypatch):
    args = cli.build_parser().parse_args([*map(str, finished), "--backend", "numpy"])
    assert model_to_train(args)[0].backend == "numpy"


def test_epochs_of_a_run_may_be_given_again(text, tmp_path, capsys):
    path = tmp_path / "run.safetensors"
    train = ("char-rnn", "train", text, *SMALL, "--checkpoint", path, "--resume", "--epochs")
    for _ in range(2):
        assert run(capsys, *train, "0.37")[0] == 0
    assert run(capsys, *train, "0.38")[0] == 2
