"""`nncore char-rnn train`: what it trains, writes and prints."""

import io
import re
import sys
import types

import pytest
from command_line import SMALL, TEXT, run, stdin

from nncore import SGD, AdamW, CharRNN, DivergenceError, StepDecay, cli
from nncore.cli.char_rnn_network import network as network_of


def test_train_saves_a_model_and_a_picture_and_says_where(text, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="--plot needs matplotlib: nncore[plot]")
    saved, picture = tmp_path / "m.safetensors", tmp_path / "loss.png"
    status, out, err = run(
        capsys, "char-rnn", "train", text, *SMALL, "--save", saved, "--plot", picture
    )
    assert status == 0
    assert " on the held-out text.\n" in out
    assert len(out.splitlines()[-1]) > 10  # a sample
    for part in ("loss=", "bits/char=", f"model: {saved}", f"picture: {picture}"):
        assert part in err
    network = CharRNN.load(saved)
    assert (network.hidden_size, network.seq_length, network.batch_size) == (8, 10, 2)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_quiet_prints_the_result_alone(text, capsys):
    status, out, err = run(capsys, "char-rnn", "train", text, *SMALL, "--quiet")
    assert (status, err) == (0, "")
    sentence = r"Trained 1 layer of 8 gru units for \d+ updates in \d+\.\d s: "
    sentence += r"\d\.\d{3} bits per character in training"
    assert re.fullmatch(rf"{sentence} \(smoothed\), \d\.\d{{3}} on the held-out text\.\n", out)
    options = ("--quiet", "--validation-fraction", 0)
    status, out, _ = run(capsys, "char-rnn", "train", text, *SMALL, *options)
    assert re.fullmatch(rf"{sentence} \(smoothed\)\.\n", out)


def test_options_reach_the_network(text, tmp_path, capsys):
    options = (
        "--optimizer RMSprop --learning-rate 0.002 --schedule StepDecay --clip 0 --clip-norm 3"
    )
    options += " --dtype float64 --backend numpy --vocabulary bytes --iterations 3"
    options += " --validation-fraction 0"
    status, _, _ = run(
        capsys,
        "char-rnn",
        "train",
        text,
        *SMALL,
        *options.split(),
        "--quiet",
        "--save",
        tmp_path / "m",
    )
    assert status == 0
    network = CharRNN.load(tmp_path / "m")
    assert repr(network.optimizer).startswith("RMSprop(learning_rate=0.002")
    assert type(network.schedule).__name__ == "StepDecay"
    assert (network.clip, network.clip_norm) == (None, 3.0)
    assert (network.dtype.name, network.vocabulary.kind) == ("float64", "bytes")
    assert network.history.iterations == 3
    assert len(network.history.validation_iteration) == 0


def test_without_options_the_network_has_the_defaults_of_the_library():
    args = cli.build_parser().parse_args(["char-rnn", "train", "x"])
    assert repr(network_of(args)) == repr(CharRNN())
    args = cli.build_parser().parse_args(["char-rnn", "train", "x", "--min-char-rnn"])
    assert repr(network_of(args)) == repr(CharRNN.min_char_rnn())
    assert network_of(args).clip == 5.0


@pytest.mark.parametrize(
    "options", ["--optimizer AdamW", "--schedule CosineDecay", "--clip 0", "--clip-norm 1"]
)
@pytest.mark.parametrize("size", [50, 200])
def test_naming_a_default_changes_nothing(options, size):
    words = ["char-rnn", "train", "x", "--hidden-size", str(size), *options.split()]
    network = network_of(cli.build_parser().parse_args(words))
    for name in ("optimizer", "schedule", "clip", "clip_norm"):
        assert getattr(network, name) == getattr(CharRNN(size), name)


def test_another_learning_rate_changes_nothing_else_of_the_default_optimizer():
    for named in ("", "--optimizer AdamW"):
        words = ["char-rnn", "train", "x", "--learning-rate", "0.002", *named.split()]
        optimizer = network_of(cli.build_parser().parse_args(words)).optimizer
        assert optimizer == AdamW(0.002, weight_decay=CharRNN().optimizer.weight_decay)


def test_chosen_optimizers_and_schedules_have_their_defaults():
    words = ["char-rnn", "train", "x", "--optimizer", "SGD", "--schedule", "StepDecay"]
    network = network_of(cli.build_parser().parse_args(words))
    assert (network.optimizer, network.schedule) == (SGD(), StepDecay())


def test_min_char_rnn_can_be_varied():
    options = "--min-char-rnn --hidden-size 9 --learning-rate 0.01"
    words = ["char-rnn", "train", "x", *options.split()]
    network = network_of(cli.build_parser().parse_args(words))
    assert (network.hidden_size, network.seq_length, network.clip) == (9, 25, 5.0)
    assert repr(network.optimizer).startswith("Adagrad(learning_rate=0.01")


def test_the_same_seed_trains_the_same_network(text, tmp_path, capsys):
    for name in "ab":
        run(capsys, "char-rnn", "train", text, *SMALL, "--quiet", "--save", tmp_path / name)
    a, b = (CharRNN.load(tmp_path / name) for name in "ab")
    assert a._weights.tobytes() == b._weights.tobytes()


def test_several_files_and_stdin_are_one_text(text, tmp_path, capsys, monkeypatch):
    parts = [tmp_path / "1", tmp_path / "3"]
    parts[0].write_text(TEXT[:1000], newline="")
    parts[1].write_text(TEXT[2000:], newline="")
    stdin(monkeypatch, TEXT[1000:2000].encode())
    common = (*SMALL, "--quiet", "--save")
    run(capsys, "char-rnn", "train", parts[0], "-", parts[1], *common, tmp_path / "parts")
    run(capsys, "char-rnn", "train", text, *common, tmp_path / "whole")
    parts, whole = (CharRNN.load(tmp_path / name) for name in ("parts", "whole"))
    assert parts._weights.tobytes() == whole._weights.tobytes()


@pytest.mark.parametrize("vocabulary", ["characters", "bytes"])
def test_stdin_is_read_as_bytes(vocabulary, tmp_path, capsys, monkeypatch):
    stdin(monkeypatch, "é\r\n".encode() * 300)
    command = ("char-rnn", "train", "-", *SMALL, "--quiet", "--vocabulary", vocabulary)
    status, _, err = run(capsys, *command, "--save", tmp_path / "m")
    assert (status, err) == (0, f"model: {tmp_path / 'm'}\n")
    expected = {"characters": "\n\ré", "bytes": "".join(map(chr, range(256)))}
    assert CharRNN.load(tmp_path / "m").vocabulary.characters == expected[vocabulary]


def test_errors_for_bad_utf8_on_stdin_have_its_offset(capsys, monkeypatch):
    stdin(monkeypatch, b"abc\xff" * 300)
    status, _, err = run(capsys, "char-rnn", "train", "-", *SMALL)
    assert status == 1
    assert "byte 0xff at offset 3" in err


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [(DivergenceError("it ran off"), 1, "it ran off"), (KeyboardInterrupt(), 130, "by Ctrl-C")],
    ids=["divergence", "Ctrl-C"],
)
def test_an_interrupted_run_is_saved(error, status, message, text, tmp_path, capsys, monkeypatch):
    def fit(self, *args, **kwargs):
        train(self, TEXT, iterations=5)
        raise error

    train = CharRNN.fit
    monkeypatch.setattr(CharRNN, "fit", fit)
    command = ("char-rnn", "train", text, *SMALL, "--quiet", "--save", tmp_path / "m")
    got, out, err = run(capsys, *command)
    assert (got, out) == (status, "")
    assert f"model: {tmp_path / 'm'}" in err
    assert message in err.splitlines()[-1]
    assert CharRNN.load(tmp_path / "m").history.iterations == 5


def test_nothing_is_saved_before_the_first_update(text, tmp_path, capsys):
    command = (
        "char-rnn",
        "train",
        text,
        "--batch-size",
        10**4,
        "--quiet",
        "--save",
        tmp_path / "m",
    )
    status, _, err = run(capsys, *command)
    assert status == 1
    assert "10000 stream(s) of windows" in err
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(("name", "file"), [("loss", "loss.png"), ("a.b/loss", "a.b/loss.png")])
def test_a_picture_without_a_suffix_is_a_png(name, file, text, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="--plot needs matplotlib: nncore[plot]")
    (tmp_path / "a.b").mkdir()
    command = ("char-rnn", "train", text, *SMALL, "--quiet", "--plot", tmp_path / name)
    status, _, err = run(capsys, *command)
    assert (status, err) == (0, f"picture: {tmp_path / file}\n")
    assert (tmp_path / file).read_bytes().startswith(b"\x89PNG")


def test_a_picture_of_an_unknown_format_is_refused_before_the_training(text, capsys):
    pytest.importorskip("matplotlib", reason="--plot needs matplotlib: nncore[plot]")
    status, out, err = run(capsys, "char-rnn", "train", text, *SMALL, "--plot", "loss.xyz")
    assert (status, out) == (1, "")
    assert err.startswith("nncore: error: loss.xyz: expected a file name with one of the suffixes ")
    assert ".png" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--save {text}", "--save: {text} is also given as TEXT"),
        ("--checkpoint {dir}/./novel.txt --resume", "is also given as TEXT"),
        ("--save x.png --plot x.png", "--save: x.png is also given as --plot"),
        ("--checkpoint x.png --plot x", "--checkpoint: x.png is also given as --plot"),
    ],
)
def test_no_file_is_written_over_another_of_the_command(
    options, message, text, tmp_path, capsys, monkeypatch
):
    pytest.importorskip("matplotlib", reason="--plot needs matplotlib: nncore[plot]")
    monkeypatch.chdir(tmp_path)
    before = text.read_bytes()
    options = options.format(text=text, dir=tmp_path).split()
    status, out, err = run(capsys, "char-rnn", "train", text, *SMALL, *options)
    assert (status, out) == (2, "")
    assert message.format(text=text, dir=tmp_path) in err
    assert text.read_bytes() == before


def test_a_picture_is_not_written_over_the_text(text, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="--plot needs matplotlib: nncore[plot]")
    text = text.rename(tmp_path / "novel.png")
    status, _, err = run(capsys, "char-rnn", "train", text, "--plot", tmp_path / "novel")
    assert status == 2
    assert f"argument --plot: {text} is also given as TEXT" in err


def test_stdin_is_one_text_at_most(text, model, capsys):
    for command in (("train", "-", text), ("evaluate", model, "-")):
        status, out, err = run(capsys, "char-rnn", *command, "-")
        assert (status, out) == (2, "")
        assert "argument TEXT: - is stdin, which can be read only once" in err


def test_empty_stdin_is_named(capsys, monkeypatch):
    stream = io.BytesIO(b"")
    stream.name = "<stdin>"
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=stream))
    status, _, err = run(capsys, "char-rnn", "train", "-", *SMALL)
    assert (status, err) == (1, "nncore: error: text in <stdin> is empty\n")


@pytest.mark.parametrize("prime", ["-", "-1", "-So", "--prime=-h it", "--prime=--x"])
def test_a_prime_may_begin_with_a_minus(prime, tmp_path, capsys):
    CharRNN(hidden_size=4, rng=0).build("- 1=hSoit-x").save(tmp_path / "m")
    words = [prime] if prime.startswith("--prime") else ["--prime", prime]
    status, out, err = run(capsys, "char-rnn", "sample", tmp_path / "m", *words, "--length", 5)
    assert (status, err) == (0, "")
    assert out.startswith(prime.removeprefix("--prime="))


def test_a_picture_without_matplotlib_is_refused_before_the_training(text, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    status, out, err = run(capsys, "char-rnn", "train", text, *SMALL, "--plot", "x.png")
    assert (status, out) == (1, "")
    assert "pip install 'nncore[plot]'" in err
    assert "loss=" not in err
