"""`nncore xor`: learn XOR with diagnoses and plots, or measure how often it is learned."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nncore.cli.options import (
    COUNT,
    NATURAL,
    POSITIVE,
    POSITIVE_INT,
    TEMPERATURE,
    CommandError,
    add_command,
    draw,
    given,
    path,
)

if TYPE_CHECKING:
    from nncore.optimizers import Optimizer
    from nncore.trainers.xor.train import XORResult

EPILOG = """\
examples:
  nncore xor
  nncore xor --dataset points --hidden-size 50 --reg 1e-4 --out pictures
  nncore xor --hidden-size 2 --seed 7 --trace --no-pictures
  nncore xor --seeds 1000 --threads 2
  nncore xor --seeds 100 --hidden-size 2 --max-restarts 0

The table is the truth table; the points are 300 points around the origin, with XOR of the signs
of their coordinates. A start that does not learn is diagnosed, and training is restarted from new
weights. The exit status is 1 if no start learned.
"""
# Names, as importing the trainer would slow down every command; a test compares them.
DATASETS = ("table", "points")
METHOD_NAMES = ("default", "seed")
HIDDEN_SIZES = (2, 3, 4, 50)  # for --seeds without --hidden-size
FRAMES = 60
TRACED_ROW = 1  # (0, 1) of the table


def add(commands: Any) -> None:
    """Add xor to the commands."""
    text = "Learn XOR with one hidden layer, with diagnoses and plots."
    option = add_command(commands, "xor", _xor, text, EPILOG).add_argument
    option("--dataset", choices=DATASETS, default="table", help="the data set")
    option("--hidden-size", type=POSITIVE_INT, default=3, help="hidden units")
    penalty = "penalty: REG * (sum of all squared weights) / (2 * rows) is added to the loss"
    option("--reg", type=TEMPERATURE, default=0.0, help=penalty)
    option("--epochs", type=POSITIVE_INT, default=1500, help="updates, each with all rows")
    rate = "step size of SGD with Nesterov's momentum of 0.9 (default: 0.3, or 1 for seed)"
    option("--learning-rate", type=POSITIVE, default=argparse.SUPPRESS, help=rate)
    ways = "softmax and cross-entropy, or, as in the tutorial, sigmoid and squared error"
    option("--method", choices=METHOD_NAMES, default="default", help=ways)
    option("--max-restarts", type=COUNT, default=10, help="maximum number of restarts")
    option("--seed", type=NATURAL, default=0, help="seed of all random numbers")
    folder = "folder for pictures"
    option("--out", type=path, default=Path("nncore-xor"), metavar="FOLDER", help=folder)
    option("--no-pictures", action="store_true", help="do not write pictures")
    passes = "print every number of one forward and backward pass before training"
    option("--trace", action="store_true", help=passes)
    sizes = ", ".join(map(str, HIDDEN_SIZES))
    many = f"only measure how many of N seeds learn, with {sizes} or --hidden-size hidden units"
    option("--seeds", type=POSITIVE_INT, default=argparse.SUPPRESS, metavar="N", help=many)
    option("--threads", type=POSITIVE_INT, default=2, help="number of threads, for --seeds")


def _xor(args: argparse.Namespace) -> None:
    """Run `nncore xor`."""
    _refuse_silenced(args)
    if "seeds" in args:
        _rates(args)
    else:
        _train(args)


def _refuse_silenced(args: argparse.Namespace) -> None:
    """End with an error for options that have no effect with the others."""
    if "seeds" in args:
        args.parser.refuse(args, ("seed",), "with --seeds, which counts its seeds from 0")
        args.parser.refuse(args, ("out",), "with --seeds, which draws no pictures")
        if args.trace:
            args.parser.error("argument --trace: not allowed with --seeds, which shows rates alone")
    else:
        args.parser.refuse(args, ("threads",), "without --seeds: one network is one thread")
    if args.no_pictures:
        args.parser.refuse(args, ("out",), "with --no-pictures")


def _settings(args: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that training and measuring have in common."""
    names = ("dataset", "reg", "epochs", "method")
    return {name: getattr(args, name) for name in names} | {"optimizer": _optimizer(args)}


def _optimizer(args: argparse.Namespace) -> Optimizer | None:
    """Return the optimizer of the options; None for the default."""
    from nncore.optimizers import SGD

    if "learning_rate" not in args:
        return None
    return SGD(args.learning_rate, 0.9, nesterov=True)


# --- one network ----------------------------------------------------------------------------------


def _train(args: argparse.Namespace) -> None:
    """Train one network, and show and draw the result."""
    from nncore.trainers import plots
    from nncore.trainers.xor import plots as plots_xor
    from nncore.trainers.xor.train import train_xor

    drawn = not args.no_pictures and plots.available()
    if drawn:
        args.out.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    result = train_xor(
        args.hidden_size,
        max_restarts=args.max_restarts,
        rng=args.seed,
        snapshots=FRAMES if drawn or args.trace else 0,
        **_settings(args),
    )
    seconds = time.perf_counter() - start
    if args.trace:
        _show_trace(result)
    _show(result, args, seconds)
    if drawn:
        pictures = {
            "xor.png": plots_xor.training_picture,
            "xor.gif": plots_xor.training_animation,
        }
        draw(pictures, result, args.out)
    elif not args.no_pictures:
        print("picture: none, as matplotlib is missing (pip install 'nncore[plot]')")
    if not result.learned:
        raise CommandError(_not_learned(result, args))


def _not_learned(result: XORResult, args: argparse.Namespace) -> str:
    """Return the error for a result that did not learn."""
    starts = len(result.diagnoses)
    which = f"none of {starts} starts learned" if starts > 1 else "the only start did not learn"
    return f"{which} the {args.dataset}; the reasons are listed above"


def _show_trace(result: XORResult) -> None:
    """Print a forward and backward pass before training."""
    net = result.net_at(result.snapshots[0])
    print("One forward and backward pass before training:")
    print(net.trace(result.X[TRACED_ROW], result.Y[TRACED_ROW]), end="\n\n")


def _show(result: XORResult, args: argparse.Namespace, seconds: float) -> None:
    """Print the result."""
    net, rows = result.net, len(result.X)
    print(f"Network {'-'.join(map(str, net.layer_sizes))}, {args.dataset} of {rows} rows,", end=" ")
    print(f"{args.epochs} epochs per start, {seconds:.2f} s.")
    for number, diagnosis in enumerate(result.diagnoses, start=1):
        print(f"  start {number} did not learn: {diagnosis}")
    print(f"restarts: {result.restarts}", end="" if result.learned else "\n")
    if result.learned:
        print(f" (start {result.restarts + 1} learned)")
    else:
        print("no start learned; this is the best one")
    print(f"accuracy: {result.accuracy:.4f} ({round(result.accuracy * rows)} of {rows} rows)")
    print(f"loss:     {result.loss:.4g}")
    if args.dataset == "table":
        _show_table(result)


def _show_table(result: XORResult) -> None:
    """Print the predictions for the truth table."""
    print("\n  x1  x2  XOR  predicted   output for 0, for 1")
    outputs, classes = result.net.predict(result.X), result.net.predict_class(result.X)
    for x, y, answer, output in zip(result.X, result.Y, classes, outputs, strict=True):
        line = (
            f"{x[0]:4.0f}{x[1]:4.0f}{y.argmax():5}{answer:11}   {output[0]:12.4f}, {output[1]:.4f}"
        )
        print(line + ("" if answer == y.argmax() else "   wrong"))
    print()


# --- many networks --------------------------------------------------------------------------------


def _rates(args: argparse.Namespace) -> None:
    """Print success rates over many seeds."""
    from nncore.trainers.xor.train import xor_success_rates

    sizes = (args.hidden_size,) if "hidden_size" in given(args) else HIDDEN_SIZES
    print(f"Fraction of {args.seeds} seeds that learn the {args.dataset}, by hidden units:")
    print("                     " + "".join(f"{size:8}" for size in sizes) + "   seconds")
    for restarts in dict.fromkeys((0, args.max_restarts)):
        start = time.perf_counter()
        rates = xor_success_rates(
            args.seeds,
            sizes,
            threads=args.threads,
            max_restarts=restarts,
            **_settings(args),
        )
        label = f"up to {restarts} restarts" if restarts else "single starts"
        columns = "".join(f"{rates[size]:8.3f}" for size in sizes)
        print(f"  {label:<19}{columns}{time.perf_counter() - start:10.1f}", flush=True)
