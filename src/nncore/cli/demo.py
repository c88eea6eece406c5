"""`nncore demo`: XOR, fonts on colours, and a character RNN, trained on embedded data."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from nncore import kernels
from nncore.char_rnn.fit_settings import TrainingEvent
from nncore.char_rnn.network import CharRNN
from nncore.cli import rgb, xor
from nncore.cli.char_rnn import summary
from nncore.cli.options import Parser
from nncore.trainers import plots

SECONDS = 20.0  # intended; a slow machine trains on less text, not for longer
SAMPLE_LENGTH = 300


def prose() -> str:
    """Return half a million characters of English, the texts of Python's `help()`."""
    from pydoc_data import topics

    return "\n".join(topics.topics[name] for name in sorted(topics.topics))


def _affordable_epochs(text: str, seconds: float) -> float:
    """Return how many epochs a network of the demo's size can train in this time."""
    trial = CharRNN(rng=0).build(text)
    trial.fit(text, iterations=4)  # the first calls also warm up the caches
    start = time.perf_counter()
    trial.fit(text, iterations=20)
    per_window = (time.perf_counter() - start) / 20
    windows = seconds / per_window
    return min(12.0, windows * trial.batch_size * trial.seq_length / len(text))


def _print_sample(model: CharRNN, title: str, write: Callable[[str], None] = print) -> None:
    """Print a sample under a title."""
    sample = str(model.sample(SAMPLE_LENGTH, "The ", temperature=0.7, rng=7))
    write(f"\n--- {title} ---\nThe {sample}\n")


class SampleDuringTraining:
    """A callback that prints a sample after given fractions of the training."""

    def __init__(self, *parts: float) -> None:
        self.parts = list(parts)

    def __call__(self, event: TrainingEvent) -> None:
        from tqdm import tqdm

        if self.parts and event.iteration >= self.parts[0] * event.iterations:
            part = self.parts.pop(0)

            def write(text: str) -> None:
                tqdm.write(text, file=sys.stdout)

            title = f"after {part:.0%}, {event.bits_per_char:.2f} bits per character"
            _print_sample(event.model, title, write)


def run(folder: Path, seconds: float = SECONDS) -> None:
    """Run all trainers and write models and pictures to a folder.

    Parameters
    ----------
    folder : Path
        The folder, which is created.
    seconds : float
        Approximate time for training the character RNN.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draw = ["--out", str(folder)] if plots.available() else []
    model = ["--save", str(folder / "rgb.safetensors")]
    _command("XOR, which no straight line separates", ["xor", *(draw or ["--no-pictures"])])
    _command("A light or a dark font on a colour", ["rgb", "train", *model, *draw])
    _title("A character RNN, which reads English and learns to write it", "char-rnn train TEXT")
    _read_and_write(folder, seconds)


def _title(what: str, command: str) -> None:
    """Print the title of a part of the demo."""
    print(f"\n=== {what} (nncore {command})\n", flush=True)


def _command(what: str, words: list[str]) -> None:
    """Run a command of the command line; its errors end the demo."""
    _title(what, " ".join(words))
    parser = Parser(prog="nncore")
    commands = parser.add_subparsers()
    for group in (rgb, xor):
        group.add(commands)
    args = parser.parse_args(words)
    args.run(args)


def _read_and_write(folder: Path, seconds: float) -> None:
    """Train a character RNN; write the model and a picture of the loss to a folder."""
    text = prose()
    print(f"Reading {len(text):,} characters of Python's help texts ({kernels.level} kernels).")
    model = CharRNN(rng=1).build(text)
    _print_sample(model, "before training")
    epochs = _affordable_epochs(text, seconds)
    try:
        model.fit(
            text,
            epochs=epochs,
            validation_fraction=0.05,
            callbacks=[SampleDuringTraining(0.1, 0.5)],
            progress=True,
        )
        _print_sample(model, "after training")
        print(summary(model))
    finally:  # also after Ctrl-C
        if model.history.iterations:
            model.save(folder / "char_rnn.safetensors")
            print(f"model:   {folder / 'char_rnn.safetensors'}")
    if plots.available():
        plots.loss_curve(model.history, folder / "char_rnn_loss.png", "Character RNN")
        print(f"picture: {folder / 'char_rnn_loss.png'}")
    else:
        print("picture: none, as matplotlib is missing (pip install 'nncore[plot]')")
    print(f"Next: nncore char-rnn sample {folder / 'char_rnn.safetensors'} --prime 'The '")
