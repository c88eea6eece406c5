"""The command line: `nncore`, or `python -m nncore`.

Exit status: 0 done, 1 failed, 2 wrong use, 130 ended by Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from nncore.char_rnn import CharRNN
    from nncore.optimizers import Optimizer
    from nncore.schedules import Schedule

EPILOG = """\
examples:
  nncore demo
  nncore char-rnn train novel.txt --epochs 5 --save novel.safetensors
  nncore char-rnn sample novel.safetensors --prime "The " --temperature 0.7
  nncore char-rnn evaluate novel.safetensors other.txt
  nncore info
"""
TRAIN_EPILOG = """\
examples:
  nncore char-rnn train novel.txt --save novel.safetensors
  nncore char-rnn train part1.txt part2.txt --hidden-size 256 --epochs 10 --plot loss.png
  cat *.txt | nncore char-rnn train - --save all.safetensors
  nncore char-rnn train photo.bin --vocabulary bytes
  nncore char-rnn train novel.txt --min-char-rnn

Ctrl-C ends the training; what there is by then is saved if --save was given.
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
INFO_EPILOG = """\
examples:
  nncore info
  NNCORE_SIMD=base nncore info
"""
DEMO_EPILOG = """\
examples:
  nncore demo
  nncore demo --seconds 60 --out results
"""


class _Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults, and examples as they are written."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with a command in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def _number(kind: Callable[[str], Any], wanted: str, fits: Callable[[Any], bool]) -> Any:
    """An argparse type: a number for which fits() holds."""

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not fits(value):
            raise argparse.ArgumentTypeError(f"wanted {wanted}, got {text!r}")
        return value

    return parse


POSITIVE_INT = _number(int, "an integer of at least 1", lambda n: n >= 1)
NATURAL = _number(int, "0 or a positive integer", lambda n: n >= 0)
POSITIVE = _number(float, "a positive number", lambda x: 0 < x < float("inf"))
TEMPERATURE = _number(float, "0 or a positive number", lambda x: 0 <= x < float("inf"))
LIMIT = _number(float, "0 (no limit) or a positive number", lambda x: 0 <= x < float("inf"))
FRACTION = _number(float, "a number from 0 to below 1", lambda x: 0 <= x < 1)
SHARE = _number(float, "a number above 0, at most 1", lambda x: 0 < x <= 1)


def _add(commands: Any, name: str, run: Any, text: str, epilog: str = "") -> Any:
    """A subcommand whose `run(args)` does the work."""
    parser = commands.add_parser(
        name, help=text, description=text, epilog=epilog, formatter_class=_Help
    )
    parser.set_defaults(run=run)
    return parser


def build_parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    from nncore._version import __version__

    parser = _Parser(
        prog="nncore",
        description="Small neural networks on the CPU, trained in compiled code.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"nncore {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add(
        commands, "info", _info, "Show versions, processor and instruction-set level.", INFO_EPILOG
    )
    text = "Train on text that Python carries, in under a minute."
    demo = _add(commands, "demo", _demo, text, DEMO_EPILOG)
    demo.add_argument("--out", type=Path, default=Path("nncore-demo"), help="folder for results")
    demo.add_argument("--seconds", type=POSITIVE, default=20.0, help="training time aimed at")
    rnn = commands.add_parser(
        "char-rnn",
        help="Train and use character-level recurrent networks.",
        description="Train and use character-level recurrent networks.",
        epilog=CHAR_RNN_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    rnn_commands = rnn.add_subparsers(metavar="COMMAND", required=True)
    _add_train(rnn_commands)
    _add_sample(rnn_commands)
    _add_evaluate(rnn_commands)
    return parser


def _add_train(commands: Any) -> None:
    parser = _add(commands, "train", _train, "Train a network on text.", TRAIN_EPILOG)
    parser.add_argument("text", nargs="+", metavar="TEXT", help="text files, or - for stdin")
    option = parser.add_argument
    option("--save", type=Path, metavar="FILE", help="write the model here")
    option("--plot", type=Path, metavar="FILE", help="write a picture of the loss here")
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
    parser = _add(commands, "sample", _sample, "Write text with a trained network.", SAMPLE_EPILOG)
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
    parser = _add(
        commands,
        "evaluate",
        _evaluate,
        "Measure how well a network predicts text.",
        EVALUATE_EPILOG,
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="file that train --save wrote")
    parser.add_argument("text", nargs="+", metavar="TEXT", help="text files, or - for stdin")


OPTIMIZER_NAMES = ("SGD", "RMSprop", "Adagrad", "Adam", "AdamW")
SCHEDULE_NAMES = ("Constant", "CosineDecay", "ExponentialDecay", "StepDecay")


def _info(args: argparse.Namespace) -> None:
    from nncore.config import show_config

    show_config()


def _demo(args: argparse.Namespace) -> None:
    from nncore import demo

    demo.run(args.out, args.seconds)


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


def _network(args: argparse.Namespace) -> CharRNN:
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
    from nncore import checkpoint, plots

    model = _network(args)
    for path in filter(None, (args.save, args.plot)):
        checkpoint.check_target(path)
    if args.plot:
        plots.figure()  # raises now if there is no matplotlib
    try:
        model.fit(
            _sources(args.text),
            args.epochs,
            iterations=args.iterations,
            validation_fraction=args.validation_fraction,
            progress=not args.quiet,
        )
    finally:
        # Also after Ctrl-C or a divergence: the last good parameters are worth keeping.
        if args.save and model.history.iterations:
            model.save(args.save)
            print(f"model: {args.save}", file=sys.stderr)
    print(model.history)
    if not args.quiet:
        _write(model.sample(300), "\n")
    if args.plot:
        plots.loss_curve(model.history, args.plot, "Character RNN")
        print(f"picture: {args.plot}", file=sys.stderr)


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


def _one_line(error: BaseException) -> str:
    """What went wrong, for a person at a terminal."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    args = build_parser().parse_args(argv)
    try:
        args.run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("nncore: ended by Ctrl-C", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader (head, less) has left: nothing to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (OSError, ValueError, TypeError, ArithmeticError, ImportError, MemoryError) as error:
        print(f"nncore: error: {_one_line(error)}", file=sys.stderr)
        return 1
    return 0
