"""`nncore char-rnn sample`, `evaluate` and `info`, and `nncore demo`."""

import re

import pytest
from command_line import TEXT, run, stdin

from nncore import CharRNN, cli
from nncore.cli import demo
from nncore.trainers import plots


def test_sample_goes_on_from_its_prime(model, capsys):
    command = ("char-rnn", "sample", model, "--prime", "the ", "--length", 40, "--seed", 3)
    status, out, err = run(capsys, *command, "--temperature", 0.5)
    assert (status, err) == (0, "")
    expected = CharRNN.load(model).sample(40, "the ", temperature=0.5, rng=3)
    assert out == f"the {expected}\n"


def test_sample_with_a_seed_is_repeatable(model, capsys):
    one, two, other, free, free2 = (
        run(capsys, "char-rnn", "sample", model, "--top-k", 5, "--top-p", 0.9, *seed)[1]
        for seed in (("--seed", 1), ("--seed", 1), ("--seed", 2), (), ())
    )
    assert one == two != other
    assert len(one) == 501
    assert free != free2


def test_sample_writes_bytes_as_they_are(tmp_path, capfdbinary):
    CharRNN(hidden_size=4, vocabulary="bytes", rng=0).save(tmp_path / "m")
    assert (
        cli.main(["char-rnn", "sample", str(tmp_path / "m"), "--prime", "\udcff", "--seed", "1"])
        == 0
    )
    out = capfdbinary.readouterr().out
    assert out[:1] == b"\xff"
    assert out[1:-1] == CharRNN.load(tmp_path / "m").sample(500, b"\xff", temperature=0.8, rng=1)


def test_evaluate_prints_bits_and_perplexity(model, text, capsys, monkeypatch):
    status, out, err = run(capsys, "char-rnn", "evaluate", model, text)
    assert (status, err) == (0, "")
    result = CharRNN.load(model).evaluate(TEXT)
    assert out == (
        f"{result.bits_per_char:.4f} bits per character, perplexity {result.perplexity:.3f}, "
        f"over 2999 characters\n"
    )
    stdin(monkeypatch, TEXT.encode())
    assert run(capsys, "char-rnn", "evaluate", model, "-")[1] == out


def test_info_names_processor_and_level(capsys):
    status, out, err = run(capsys, "info")
    assert (status, err) == (0, "")
    for part in ("nncore", "level", "levels available", "processor", "python", "numpy"):
        assert re.search(rf"^ *{part}  \S", out, re.MULTILINE)


@pytest.mark.slow
def test_demo_trains_and_shows_the_results(tmp_path, capsys):
    out_dir = tmp_path / "new" / "results"
    status, out, err = run(capsys, "demo", "--seconds", "1", "--out", out_dir)
    assert status == 0
    for title in ("before training", "after 10%", "after 50%", "after training"):
        sample = out.partition(f"--- {title}")[2].partition("\n")[2]
        assert sample.startswith("The ")
        assert len(sample.partition("\n\n")[0]) > 3
    for part in ("loss=", "bits/char=", "char/s"):
        assert part in err
    saved = out_dir / "char_rnn.safetensors"
    assert f"model:   {saved}" in out
    history = CharRNN.load(saved).history
    assert history.iterations > 0
    assert history.seconds < 10  # about 1, as asked for
    assert f"nncore char-rnn sample {saved}" in out
    assert "accuracy: 1.0000 (4 of 4 rows)" in out
    assert "split by colour" in out
    pictures = ("xor.png", "xor.gif", "rgb_fonts.png", "rgb_boundary.png", "char_rnn_loss.png")
    for name in pictures:
        assert f"picture: {out_dir / name}" in out
        assert (out_dir / name).stat().st_size > 10_000


@pytest.mark.slow
def test_demo_runs_without_matplotlib(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(plots, "available", lambda: False)
    status, out, _ = run(capsys, "demo", "--seconds", "0.2", "--out", tmp_path)
    assert status == 0
    assert "picture: none, as matplotlib is missing (pip install 'nncore[plot]')" in out
    models = ["char_rnn.safetensors", "rgb.safetensors"]
    assert sorted(path.name for path in tmp_path.iterdir()) == models


def test_demo_keeps_what_ctrl_c_leaves(tmp_path, capsys, monkeypatch):
    def fit(self, *args, **kwargs):
        train(self, TEXT, iterations=5)
        raise KeyboardInterrupt

    train = CharRNN.fit
    monkeypatch.setattr(demo, "prose", lambda: TEXT)
    monkeypatch.setattr(demo, "_affordable_epochs", lambda text, seconds: 1.0)
    monkeypatch.setattr(CharRNN, "fit", fit)
    status, out, err = run(capsys, "demo", "--out", tmp_path)
    saved = tmp_path / "char_rnn.safetensors"
    assert (status, err) == (130, "nncore: ended by Ctrl-C\n")
    assert out.splitlines()[-1] == f"model:   {saved}"
    assert CharRNN.load(saved).history.iterations == 5
