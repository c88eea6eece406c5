"""Helpers for tests of the command line: a text, a small trained network, and calls."""

import io
import sys
import types

from texts import prose

from nncore import CharRNN, cli

TEXT = prose(3000)


def run(capsys, *argv):
    """Exit status, stdout and stderr of a command."""
    capsys.readouterr()
    try:
        status = cli.main([str(argument) for argument in argv])
    except SystemExit as exit_:
        status = exit_.code
    return status, *capsys.readouterr()


def written_text(folder):
    path = folder / "novel.txt"
    path.write_text(TEXT, newline="")
    return path


def trained_model(folder):
    path = folder / "novel.safetensors"
    network = CharRNN(hidden_size=8, rng=0)
    network.fit(TEXT, epochs=5)
    network.save(path)
    return path


SMALL = ("--hidden-size", "8", "--seq-length", "10", "--batch-size", "2", "--seed", "1")


def stdin(monkeypatch, content):
    stream = types.SimpleNamespace(buffer=io.BytesIO(content), read=None)
    monkeypatch.setattr(sys, "stdin", stream)
