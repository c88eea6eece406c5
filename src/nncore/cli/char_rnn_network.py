"""The network of `nncore char-rnn train`: a new one from its options, or that of a checkpoint."""

from __future__ import annotations

import argparse
import errno
from functools import partial
from typing import TYPE_CHECKING, Any

from nncore.arguments.recurrent import MOST_LAYERS
from nncore.cli.options import (
    FRACTION,
    LIMIT,
    NATURAL,
    POSITIVE,
    POSITIVE_INT,
    SCHEDULE_NAMES,
    given,
    number,
    option_of,
)
from nncore.registry import CELLS, OPTIMIZER_NAMES

if TYPE_CHECKING:
    from nncore.char_rnn.network import CharRNN
    from nncore.optimizers import Optimizer
    from nncore.schedules import Schedule


LAYERS = number(int, "an integer of at least 1", lambda n: n >= 1, MOST_LAYERS)
STACK = ("hidden_size", "cell", "layers", "dropout")


def add_network_options(parser: argparse.ArgumentParser) -> None:
    """Add what `network` reads."""
    # An option that is not given keeps the default of CharRNN. The help states it in words, as
    # importing the network would slow down every command; a test compares the two.
    model = parser.add_argument_group("the network (defaults without --min-char-rnn in brackets)")
    choose = partial(model.add_argument, default=argparse.SUPPRESS)
    choose("--cell", choices=CELLS, help="cell of the recurrent layers (gru)")
    choose("--layers", type=LAYERS, help="recurrent layers (1)")
    choose("--hidden-size", type=POSITIVE_INT, help="hidden units of each layer (128)")
    choose("--dropout", type=FRACTION, help="fraction of outputs dropped between layers (0.0)")
    choose("--seq-length", type=POSITIVE_INT, help="steps of a window (64)")
    choose("--batch-size", type=POSITIVE_INT, help="parallel streams (32)")
    choose("--optimizer", choices=OPTIMIZER_NAMES, help="update rule (AdamW)")
    rate = "step size (AdamW: 2 / units, at most 0.015; for tanh half of it, at most 0.01)"
    choose("--learning-rate", type=POSITIVE, help=rate)
    choose("--schedule", choices=SCHEDULE_NAMES, help="schedule of the step size (CosineDecay)")
    choose("--clip", type=LIMIT, help="limit of each gradient, 0 for none (0)")
    choose("--clip-norm", type=LIMIT, help="limit of the norm of all gradients, 0 for none (1)")
    choose("--vocabulary", choices=("characters", "bytes"), help="units of text (characters)")
    choose("--dtype", choices=("float32", "float64"), help="type of numbers (float32)")
    choose("--backend", choices=("compiled", "numpy"), help="implementation (compiled)")
    choose("--seed", type=NATURAL, help="seed of all random numbers (a new one each time)")


def _schedule(name: str) -> Schedule:
    """Return a schedule by name, with the constants of the default if it is the default's class."""
    from nncore.char_rnn.settings import DEFAULT_SCHEDULE
    from nncore.schedules import SCHEDULES

    usual: Schedule = DEFAULT_SCHEDULE
    return usual if name == type(usual).__name__ else SCHEDULES[name]()


def _optimizer(name: str, options: dict[str, Any]) -> Optimizer | None:
    """Return an optimizer by name; None for the default of `CharRNN`.

    AdamW has the weight decay of that default also with another learning rate.
    """
    from nncore.char_rnn.settings import WEIGHT_DECAY
    from nncore.optimizers import OPTIMIZERS

    usual = {"weight_decay": WEIGHT_DECAY} if name == "AdamW" else {}
    if "learning_rate" in options:
        return OPTIMIZERS[name](options["learning_rate"], **usual)
    return None if usual else OPTIMIZERS[name]()  # type: ignore[call-arg]


def network(args: argparse.Namespace) -> CharRNN:
    """Return a new network with the settings of the options."""
    from nncore.char_rnn.network import CharRNN

    options = vars(args)
    names = (*STACK, "seq_length", "batch_size", "vocabulary", "dtype", "backend")
    settings: dict[str, Any] = {name: options[name] for name in names if name in options}
    settings |= {name: options[name] or None for name in ("clip", "clip_norm") if name in options}
    if "schedule" in options:
        settings["schedule"] = _schedule(options["schedule"])
    if "optimizer" in options or "learning_rate" in options:
        usual = "Adagrad" if args.min_char_rnn else "AdamW"
        settings["optimizer"] = _optimizer(options.get("optimizer", usual), options)
    settings["rng"] = options.get("seed")
    return CharRNN.min_char_rnn(**settings) if args.min_char_rnn else CharRNN(**settings)


# --- an interrupted run ---------------------------------------------------------------------------


def model_to_train(args: argparse.Namespace) -> tuple[CharRNN, bool]:
    """Return the network, and whether it has a run to finish."""
    from nncore.char_rnn.network import CharRNN

    _refuse_silenced(args)
    if args.checkpoint and args.checkpoint.exists():
        if not args.resume:
            raise FileExistsError(
                errno.EEXIST,
                "exists: add --resume to finish its run, or name another file",
                str(args.checkpoint),
            )
        model = CharRNN.load(args.checkpoint, backend=getattr(args, "backend", "compiled"))
        _check_settings(model, args)
        _check_length(model, args)
        return model, True
    model = network(args)
    if args.start_from:
        model.start_from(args.start_from)
    return model, False


def _refuse_silenced(args: argparse.Namespace) -> None:
    """End with an error for options that have no effect with the others."""
    parser = args.parser
    if args.resume and not args.checkpoint:
        parser.error("argument --resume: needs --checkpoint FILE, from which the run continues")
    if args.resume and args.start_from:
        parser.error(
            "argument --start-from: not allowed with --resume, which finishes a run "
            "instead of starting one"
        )
    if args.iterations:
        parser.refuse(args, ("epochs",), "with --iterations")
    if not args.checkpoint:
        parser.refuse(args, ("checkpoint_every",), "without --checkpoint")
    if getattr(args, "dropout", 0) and getattr(args, "layers", 1) == 1:
        parser.error("argument --dropout: needs --layers 2 or more, between which it acts")
    if args.start_from:
        parser.refuse(args, ("vocabulary",), "with --start-from, whose vocabulary is taken")


def _settings(model: CharRNN) -> dict[str, Any]:
    """Return the settings of a network by the names of the options."""
    return {
        **{name: getattr(model, name) for name in STACK},
        "seq_length": model.seq_length,
        "batch_size": model.batch_size,
        "optimizer": type(model.optimizer).__name__,
        "learning_rate": model.optimizer.learning_rate,
        "schedule": type(model.schedule).__name__,
        "clip": model.clip or 0.0,
        "clip_norm": model.clip_norm or 0.0,
        "dtype": model.dtype.name,
    }


def _check_settings(model: CharRNN, args: argparse.Namespace) -> None:
    """End with an error for options that differ from the network of the checkpoint."""
    asked, found = _settings(network(args)), _settings(model)
    if "vocabulary" in given(args):
        asked["vocabulary"], found["vocabulary"] = args.vocabulary, model.vocabulary.kind
    for name in asked if args.min_char_rnn else given(args).intersection(asked):
        if asked[name] != found[name]:
            option = option_of(name) if name in given(args) else "--min-char-rnn"
            args.parser.error(
                f"argument {option}: not allowed with --resume: the run in {args.checkpoint} "
                f"has {option_of(name)} {found[name]}, not {asked[name]}"
            )


def _check_length(model: CharRNN, args: argparse.Namespace) -> None:
    """End with an error for a length that differs from that of the checkpoint's run."""
    from nncore.char_rnn.data import epoch_length
    from nncore.char_rnn.fit_settings import updates_of

    run, asked = model._run, args.iterations
    planned = (run and run.planned) or model.history.iterations
    if "epochs" in given(args) and run:
        asked = updates_of(args.epochs, epoch_length(model, run.characters))
    if asked and asked != planned:
        option = "--iterations" if args.iterations else f"--epochs {args.epochs:g}"
        args.parser.error(
            f"argument {option}: not allowed with --resume: the run in {args.checkpoint} has "
            f"{planned} updates, not {asked}; --start-from starts another from its weights"
        )
