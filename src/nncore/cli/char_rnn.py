"""The character RNN's commands: train, sample and evaluate."""

from __future__ import annotations

import argparse
import errno
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from nncore.cli.options import (
    FRACTION,
    LIMIT,
    NATURAL,
    OPTIMIZER_NAMES,
    POSITIVE,
    POSITIVE_INT,
    SCHEDULE_NAMES,
    SHARE,
    TEMPERATURE,
    add_command,
    add_group,
)
from nncore.cli.signals import Interrupts, held_back

if TYPE_CHECKING:
    from nncore.char_rnn import CharRNN
    from nncore.optimizers import Optimizer
    from nncore.schedules import Schedule

TRAIN_EPILOG = """\
examples:
  nncore char-rnn train novel.txt --save novel.safetensors
  nncore char-rnn train part1.txt part2.txt --hidden-size 256 --epochs 10 --plot loss.png
  cat *.txt | nncore char-rnn train - --save all.safetensors
  nncore char-rnn train photo.bin --vocabulary bytes
  nncore char-rnn train novel.txt --min-char-rnn
  nncore char-rnn train novel.txt --epochs 50 --checkpoint run.safetensors --resume
  nncore char-rnn train letters.txt --start-from novel.safetensors --save letters.safetensors

Ctrl-C ends the training, and so does a SIGTERM; what there is by then is saved if --save or
--checkpoint was given, and no further signal breaks that off. The --resume line above begins
the run and, given again, finishes it.
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
    parser = add_command(commands, "train", _train, "Train a network on text.", TRAIN_EPILOG)
    parser.add_argument("text", nargs="+", metavar="TEXT", help="text files, or - for stdin")
    option = parser.add_argument
    option("--save", type=Path, metavar="FILE", help="write the model here")
    option("--plot", type=Path, metavar="FILE", help="write a picture of the loss here")
    option("--checkpoint", type=Path, metavar="FILE", help="write everything here now and then")
    every = "seconds between two writings of the checkpoint"
    option("--checkpoint-every", type=LIMIT, default=60.0, metavar="SECONDS", help=every)
    resume = "finish the run that the checkpoint is of, if there is one"
    option("--resume", action="store_true", help=resume)
    weights = "begin with the weights of this model, and with nothing else of it"
    option("--start-from", type=Path, metavar="MODEL", help=weights)
    option("--epochs", type=POSITIVE, default=3.0, help="times through the text")
    option("--iterations", type=POSITIVE_INT, metavar="N", help="updates, in place of --epochs")
    option("--validation-fraction", type=FRACTION, default=0.1, help="part held out, at the end")
    option("--min-char-rnn", action="store_true", help="exactly min-char-rnn's settings")
    option("--quiet", action="store_true", help="no progress bar and no samples")
    # What is not given stays as the network has it. The help tells that default in words, as
    # importing the network to ask would hold up every command; a test compares the two.
    model = parser.add_argument_group("the network (in brackets: defaults without --min-char-rnn)")
    choose = partial(model.add_argument, default=argparse.SUPPRESS)
    choose("--hidden-size", type=POSITIVE_INT, help="units (128)")
    choose("--seq-length", type=POSITIVE_INT, help="steps of a window (25)")
    choose("--batch-size", type=POSITIVE_INT, help="parallel streams (16)")
    choose("--optimizer", choices=OPTIMIZER_NAMES, help="update rule (Adam)")
    rate = "step size (Adam: 1 / units, at most 0.01; other rules: their own)"
    choose("--learning-rate", type=POSITIVE, help=rate)
    choose("--schedule", choices=SCHEDULE_NAMES, help="of the step size (CosineDecay)")
    choose("--clip", type=LIMIT, help="limit of each gradient, 0 for none (0)")
    choose("--clip-norm", type=LIMIT, help="limit of their norm, 0 for none (1)")
    choose("--vocabulary", choices=("characters", "bytes"), help="units of text (characters)")
    choose("--dtype", choices=("float32", "float64"), help="of numbers (float32)")
    choose("--backend", choices=("compiled", "numpy"), help="which code (compiled)")
    choose("--seed", type=NATURAL, help="of all random numbers (another every time)")


def _add_sample(commands: Any) -> None:
    parser = add_command(
        commands, "sample", _sample, "Write text with a trained network.", SAMPLE_EPILOG
    )
    option = parser.add_argument
    option("model", type=Path, metavar="MODEL", help="file that train --save wrote")
    option("--prime", default="", metavar="TEXT", help="text to go on from")
    option("--length", type=POSITIVE_INT, default=500, help="characters to write")
    heat = "0: always the likeliest; 1: as learned"
    option("--temperature", type=TEMPERATURE, default=0.8, help=heat)
    option("--top-k", type=NATURAL, default=0, help="only the k likeliest characters; 0: all")
    option("--top-p", type=SHARE, default=1.0, help="only the likeliest that hold this probability")
    option("--seed", type=NATURAL, help="of the random numbers")


def _add_evaluate(commands: Any) -> None:
    parser = add_command(
        commands,
        "evaluate",
        _evaluate,
        "Measure how well a network predicts text.",
        EVALUATE_EPILOG,
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="file that train --save wrote")
    parser.add_argument("text", nargs="+", metavar="TEXT", help="text files, or - for stdin")


def _sources(names: Sequence[str]) -> list[Path | IO[Any]]:
    stdin = getattr(sys.stdin, "buffer", sys.stdin)  # bytes, which files hold as well
    return [stdin if name == "-" else Path(name) for name in names]


def _schedule(name: str) -> Schedule:
    """A schedule by its name: the network's own where it is of this kind."""
    from nncore.char_rnn_settings import DEFAULT_SCHEDULE
    from nncore.schedules import SCHEDULES

    usual: Schedule = DEFAULT_SCHEDULE
    return usual if name == type(usual).__name__ else SCHEDULES[name]()


def _optimizer(name: str, given: dict[str, Any]) -> Optimizer | None:
    """An optimizer by its name; None, which is Adam with the network's own step size."""
    from nncore.optimizers import OPTIMIZERS

    if "learning_rate" in given:
        return OPTIMIZERS[name](given["learning_rate"])
    return None if name == "Adam" else OPTIMIZERS[name]()  # type: ignore[call-arg]


def network(args: argparse.Namespace) -> CharRNN:
    """The network that the options ask for."""
    from nncore import CharRNN

    given = vars(args)
    names = ("hidden_size", "seq_length", "batch_size", "vocabulary", "dtype", "backend")
    settings: dict[str, Any] = {name: given[name] for name in names if name in given}
    settings |= {name: given[name] or None for name in ("clip", "clip_norm") if name in given}
    if "schedule" in given:
        settings["schedule"] = _schedule(given["schedule"])
    if "optimizer" in given or "learning_rate" in given:
        usual = "Adagrad" if args.min_char_rnn else "Adam"
        settings["optimizer"] = _optimizer(given.get("optimizer", usual), given)
    settings["rng"] = given.get("seed")
    return CharRNN.min_char_rnn(**settings) if args.min_char_rnn else CharRNN(**settings)


def _train(args: argparse.Namespace) -> None:
    with held_back() as interrupts:
        with interrupts.let_through():
            model, resumed = _prepared(args)
        _fit_and_save(model, args, resumed, interrupts)
        with interrupts.let_through():
            _show(model, args)


def _prepared(args: argparse.Namespace) -> tuple[CharRNN, bool]:
    """The network and whether it has a run to finish; raises for what would fail at the end."""
    from nncore import checkpoint, plots

    model, resumed = _model_to_train(args)
    for path in filter(None, (args.save, args.plot, args.checkpoint)):
        checkpoint.check_target(path)
    if args.plot:
        plots.figure()  # raises now if there is no matplotlib
    return model, resumed


def _fit_and_save(
    model: CharRNN, args: argparse.Namespace, resumed: bool, interrupts: Interrupts
) -> None:
    try:
        with interrupts.let_through():
            if resumed and model.finished:
                print(f"finished: the run in {args.checkpoint}", file=sys.stderr)
            else:
                _fit(model, args, resumed)
    finally:
        # Also after Ctrl-C or a divergence: the last good parameters are worth keeping.
        if args.save and model.history.iterations:
            model.save(args.save)
            print(f"model: {args.save}", file=sys.stderr)


def _show(model: CharRNN, args: argparse.Namespace) -> None:
    from nncore import plots

    print(model.history)
    if not args.quiet:
        _write(model.sample(300), "\n")
    if args.plot:
        plots.loss_curve(model.history, args.plot, "Character RNN")
        print(f"picture: {args.plot}", file=sys.stderr)


def _fit(model: CharRNN, args: argparse.Namespace, resumed: bool) -> None:
    model.fit(
        _sources(args.text),
        args.epochs,
        iterations=args.iterations,
        validation_fraction=args.validation_fraction,
        progress=not args.quiet,
        checkpoint=args.checkpoint,
        checkpoint_every=args.checkpoint_every,
        resume=resumed,
    )


def _model_to_train(args: argparse.Namespace) -> tuple[CharRNN, bool]:
    """The network, and whether it has a run to finish."""
    from nncore import CharRNN

    if args.resume and not args.checkpoint:
        raise ValueError("--resume needs --checkpoint FILE, which the run is finished from")
    if args.resume and args.start_from:
        raise ValueError("--resume finishes a run and --start-from begins one: give one of them")
    if args.checkpoint and args.checkpoint.exists():
        if not args.resume:
            raise FileExistsError(
                errno.EEXIST,
                "exists: add --resume to finish its run, or name another file",
                str(args.checkpoint),
            )
        return CharRNN.load(args.checkpoint), True
    model = network(args)
    if args.start_from:
        model.start_from(args.start_from)
    return model, False


def _write(*parts: str | bytes) -> None:
    """To stdout at once; bytes as they are."""
    for part in parts:
        if isinstance(part, bytes):
            sys.stdout.flush()
            sys.stdout.buffer.write(part)
        else:
            sys.stdout.write(part)
    sys.stdout.flush()


def _sample(args: argparse.Namespace) -> None:
    from itertools import islice

    from nncore import CharRNN, randomness

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
        rng=randomness.generator(args.seed),  # without a seed another text every time
    )
    _write(prime)
    for piece in islice(pieces, args.length):
        _write(piece)
    _write("\n")


def _evaluate(args: argparse.Namespace) -> None:
    from nncore import CharRNN

    result = CharRNN.load(args.model).evaluate(_sources(args.text))
    print(
        f"{result.bits_per_char:.4f} bits per character, perplexity {result.perplexity:.3f}, "
        f"over {result.characters} characters"
    )
