"""The character RNN's commands: train, sample and evaluate."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from nncore.cli.char_rnn_network import add_network_options, model_to_train
from nncore.cli.options import (
    ANYTHING,
    FRACTION,
    LIMIT,
    NATURAL,
    POSITIVE,
    POSITIVE_INT,
    PROBABILITY,
    TEMPERATURE,
    CommandError,
    add_command,
    add_group,
    name_of_file,
    path,
    same_file,
)
from nncore.cli.signals import Interrupts, held_back

if TYPE_CHECKING:
    from nncore.char_rnn.network import CharRNN

TRAIN_EPILOG = """\
examples:
  nncore char-rnn train novel.txt --save novel.safetensors
  nncore char-rnn train novel.txt --cell lstm --layers 2 --dropout 0.1
  nncore char-rnn train part1.txt part2.txt --hidden-size 256 --epochs 10 --plot loss.png
  cat *.txt | nncore char-rnn train - --save all.safetensors
  nncore char-rnn train photo.bin --vocabulary bytes
  nncore char-rnn train novel.txt --min-char-rnn
  nncore char-rnn train novel.txt --epochs 50 --checkpoint run.safetensors --resume
  nncore char-rnn train letters.txt --start-from novel.safetensors --save letters.safetensors

Ctrl-C and SIGTERM end the training; the current state is saved if --save or --checkpoint was
given, and further signals do not interrupt the saving. The --resume line above starts the run
and, if repeated, finishes it; settings that differ from those of the run are refused.
"""
SAMPLE_EPILOG = """\
examples:
  nncore char-rnn sample novel.safetensors
  nncore char-rnn sample novel.safetensors --prime "It was " --length 1000 --temperature 0.6
  nncore char-rnn sample novel.safetensors --top-k 10 --seed 1
"""
EVALUATE_EPILOG = """\
examples:
  nncore char-rnn evaluate novel.safetensors unseen.txt
  nncore char-rnn evaluate novel.safetensors other.txt --unknown skip
  cat *.txt | nncore char-rnn evaluate novel.safetensors -
"""
CHAR_RNN_EPILOG = """\
examples:
  nncore char-rnn train novel.txt --save novel.safetensors
  nncore char-rnn sample novel.safetensors --prime "The "
  nncore char-rnn evaluate novel.safetensors unseen.txt
"""


def add(commands: Any) -> None:
    """Add the group char-rnn to the commands."""
    text = "Train and use character-level recurrent networks."
    group = add_group(commands, "char-rnn", text, CHAR_RNN_EPILOG)
    _add_train(group)
    _add_sample(group)
    _add_evaluate(group)


def _add_train(commands: Any) -> None:
    """Add the command train."""
    parser = add_command(commands, "train", _train, "Train a network on text.", TRAIN_EPILOG)
    _add_texts(parser)
    option = parser.add_argument
    option("--save", type=path, metavar="FILE", help="write the model here")
    option("--plot", type=path, metavar="FILE", help="write a picture of the loss here")
    option("--checkpoint", type=path, metavar="FILE", help="regularly save the whole run here")
    every = "seconds between two checkpoints"
    option("--checkpoint-every", type=LIMIT, default=60.0, metavar="SECONDS", help=every)
    resume = "finish the run of the checkpoint, if it exists, with its settings"
    option("--resume", action="store_true", help=resume)
    weights = "start from the vocabulary and weights of this model"
    option("--start-from", type=path, metavar="MODEL", help=weights)
    option("--epochs", type=POSITIVE, default=3.0, help="passes through the text")
    option("--iterations", type=POSITIVE_INT, metavar="N", help="updates, instead of --epochs")
    held_out = "fraction of the text, at its end, to hold out"
    option("--validation-fraction", type=FRACTION, default=0.1, help=held_out)
    option("--min-char-rnn", action="store_true", help="use exactly min-char-rnn's settings")
    option("--quiet", action="store_true", help="no progress bar and no samples")
    add_network_options(parser)


def _add_texts(parser: argparse.ArgumentParser) -> None:
    """Add the argument for texts."""
    texts = "text files, or - for stdin; UTF-8 unless a byte order mark indicates another encoding"
    parser.add_argument("text", nargs="+", type=name_of_file, metavar="TEXT", help=texts)


def _add_sample(commands: Any) -> None:
    """Add the command sample."""
    parser = add_command(
        commands, "sample", _sample, "Write text with a trained network.", SAMPLE_EPILOG
    )
    parser.values_with_a_minus(ANYTHING)  # as --prime "-So"
    option = parser.add_argument
    option("model", type=path, metavar="MODEL", help="file written by train --save")
    option("--prime", default="", metavar="TEXT", help="text to continue")
    option("--length", type=POSITIVE_INT, default=500, help="characters to write")
    heat = "0: always the most likely character; 1: as learned"
    option("--temperature", type=TEMPERATURE, default=0.8, help=heat)
    option("--top-k", type=NATURAL, default=0, help="only the k most likely characters; 0: all")
    top_p = "only the most likely characters whose probabilities add up to this"
    option("--top-p", type=PROBABILITY, default=1.0, help=top_p)
    option("--seed", type=NATURAL, help="seed of the random numbers")


def _add_evaluate(commands: Any) -> None:
    """Add the command evaluate."""
    parser = add_command(
        commands,
        "evaluate",
        _evaluate,
        "Measure how well a network predicts text.",
        EVALUATE_EPILOG,
    )
    parser.add_argument("model", type=path, metavar="MODEL", help="file written by train --save")
    _add_texts(parser)
    unknown = "what to do with characters that the network has never seen"
    parser.add_argument("--unknown", choices=("error", "skip"), default="error", help=unknown)


def _sources(args: argparse.Namespace) -> list[Path | IO[Any]]:
    """Return the files of the names, and stdin for -, which can be read only once."""
    stdin = getattr(sys.stdin, "buffer", sys.stdin)  # bytes, as from files
    if args.text.count("-") > 1:
        args.parser.error("argument TEXT: - is stdin, which can be read only once")
    if stdin is None and "-" in args.text:
        raise CommandError("standard input (-) is closed")
    return [stdin if name == "-" else Path(name) for name in args.text]


def _train(args: argparse.Namespace) -> None:
    """Run `nncore char-rnn train`."""
    with held_back() as interrupts:
        with interrupts.let_through():
            model, resumed = _prepared(args)
        _fit_and_save(model, args, resumed, interrupts)
        with interrupts.let_through():
            _show(model, args)


def _prepared(args: argparse.Namespace) -> tuple[CharRNN, bool]:
    """Return the network, and whether it has a run to finish, after checks of all outputs."""
    from nncore.files.atomic import check_target

    if args.plot:
        args.plot = _picture(args.plot)
    _check_distinct(args)
    model, resumed = model_to_train(args)
    for target in filter(None, (args.save, args.plot, args.checkpoint)):
        check_target(target)
    return model, resumed


def _picture(file: Path) -> Path:
    """Return the file of the picture, PNG if it has no suffix; raise if it cannot be drawn."""
    from nncore.files.atomic import check_target
    from nncore.trainers import plots

    check_target(file)
    formats = plots.figure().canvas.get_supported_filetypes()  # raises if there is no matplotlib
    if not file.suffix:
        return file.with_name(f"{file.name}.png")
    if file.suffix[1:].lower() not in formats:
        listed = ", ".join(f".{name}" for name in sorted(formats))
        raise ValueError(f"{file}: expected a file name with one of the suffixes {listed}")
    return file


def _check_distinct(args: argparse.Namespace) -> None:
    """End with an error if a file would overwrite another one of the same command."""
    files = {"TEXT": [Path(name) for name in args.text if name != "-"], "--plot": [args.plot]}
    files |= {"--save": [args.save], "--checkpoint": [args.checkpoint]}
    for option, others in (
        ("--save", ("TEXT", "--plot")),
        ("--checkpoint", ("TEXT", "--plot")),
        ("--plot", ("TEXT",)),
    ):
        (target,) = files[option]
        for other in others:
            if target and any(same_file(target, file) for file in files[other]):
                args.parser.error(f"argument {option}: {target} is also given as {other}")


def _fit_and_save(
    model: CharRNN, args: argparse.Namespace, resumed: bool, interrupts: Interrupts
) -> None:
    """Train, unless the run is finished, and save the model, also after an error."""
    try:
        with interrupts.let_through():
            if resumed and model.finished:
                print(
                    f"finished: the run in {args.checkpoint}; nothing is trained", file=sys.stderr
                )
            else:
                _fit(model, args, resumed)
    finally:
        # Also after Ctrl-C or divergence, as the last good parameters are worth keeping.
        if args.save and model.history.iterations:
            model.save(args.save)
            print(f"model: {args.save}", file=sys.stderr)


def _show(model: CharRNN, args: argparse.Namespace) -> None:
    """Print the result and a sample, and draw the loss."""
    from nncore.files.paths import naming_errors
    from nncore.trainers import plots

    print(summary(model))
    if not args.quiet:
        _write(model.sample(300), "\n")
    if args.plot:
        with naming_errors(str(args.plot)):
            plots.loss_curve(model.history, args.plot, "Character RNN")
        print(f"picture: {args.plot}", file=sys.stderr)


def summary(model: CharRNN) -> str:
    """Return the network and the result of training as a sentence."""
    history, layers = model.history, f"{model.layers} layer{'s' * (model.layers > 1)}"
    text = (
        f"Trained {layers} of {model.hidden_size} {model.cell} units "
        f"for {history.iterations} updates in {history.seconds:.1f} s: "
        f"{history.bits_per_char[-1]:.3f} bits per character in training (smoothed)"
    )
    if len(history.validation_bits_per_char):
        text += f", {history.validation_bits_per_char[-1]:.3f} on the held-out text"
    return text + "."


def _fit(model: CharRNN, args: argparse.Namespace, resumed: bool) -> None:
    """Train with the options of the command."""
    model.fit(
        _sources(args),
        args.epochs,
        iterations=args.iterations,
        validation_fraction=args.validation_fraction,
        progress=not args.quiet,
        checkpoint=args.checkpoint,
        checkpoint_every=args.checkpoint_every,
        resume=resumed,
    )


def _write(*parts: str | bytes) -> None:
    """Write to stdout without buffering; bytes unchanged."""
    for part in parts:
        if isinstance(part, bytes):
            sys.stdout.flush()
            sys.stdout.buffer.write(part)
        else:
            sys.stdout.write(part)
    sys.stdout.flush()


def _sample(args: argparse.Namespace) -> None:
    """Run `nncore char-rnn sample`."""
    from itertools import islice

    from nncore import randomness
    from nncore.char_rnn.network import CharRNN

    model = CharRNN.load(args.model)
    prime = (
        args.prime.encode(errors="surrogateescape")
        if model.vocabulary.kind == "bytes"
        else args.prime
    )
    pieces = model.generate(
        prime,
        temperature=args.temperature,
        top_k=args.top_k,
        top_p=args.top_p,
        rng=randomness.generator(args.seed),  # without a seed a different text each time
    )
    _write(prime)
    for piece in islice(pieces, args.length):
        _write(piece)
    _write("\n")


def _evaluate(args: argparse.Namespace) -> None:
    """Run `nncore char-rnn evaluate`."""
    from nncore.char_rnn.network import CharRNN

    result = CharRNN.load(args.model).evaluate(_sources(args), args.unknown)
    skipped = f", {result.skipped} skipped" if args.unknown == "skip" else ""
    print(
        f"{result.bits_per_char:.4f} bits per character, perplexity {result.perplexity:.3f}, "
        f"over {result.characters} characters{skipped}"
    )
