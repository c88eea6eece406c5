"""The commands of `nncore rgb`: a light or a dark font on a colour."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

from nncore.cli.options import (
    NATURAL,
    POSITIVE_INT,
    CommandError,
    add_command,
    add_group,
    draw,
    path,
    same_file,
)

if TYPE_CHECKING:
    from nncore.trainers.rgb.data import RGBData
    from nncore.trainers.rgb.train import FontPredictor, RGBResult

RGB_EPILOG = """\
examples:
  nncore rgb train
  nncore rgb train colors.csv --save fonts.safetensors --out pictures
  nncore rgb predict 255,140,0
  nncore rgb ask --model fonts.safetensors
"""
TRAIN_EPILOG = """\
examples:
  nncore rgb train
  nncore rgb train colors.csv --save fonts.safetensors --out pictures
  nncore rgb train colors.csv --method seed --split rows

A CSV file has red, green and blue from 0 to 255 and, in the last column, 1 or dark for a
dark font, 0 or light for a light one; a header is optional. Without a file, 1000 colours are
used; those with a brightness 0.299 R + 0.587 G + 0.114 B above 127 have a dark font.
"""
PREDICT_EPILOG = """\
examples:
  nncore rgb predict 255,140,0
  nncore rgb predict 0,0,0 "#ff8c00" ff8c00 "#f80" orange RebeccaPurple
  nncore rgb predict 255,140,0 --model fonts.safetensors
"""
ASK_EPILOG = """\
examples:
  nncore rgb ask
  nncore rgb ask --model fonts.safetensors

An empty line, q or the end of the input ends the command.
"""
# Names, as importing the trainer would slow down every command; a test compares them.
METHOD_NAMES = ("balanced", "plain", "seed")
SPLITS = {"color": "by colour", "rows": "by rows"}
PROMPT = "R,G,B: "


def add(commands: Any) -> None:
    """Add the group rgb to the commands."""
    text = "Predict whether a light or a dark font is readable on a colour."
    group = add_group(commands, "rgb", text, RGB_EPILOG)
    _add_train(group)
    predict = add_command(
        group, "predict", _predict, "Predict the font for colours.", PREDICT_EPILOG
    )
    forms = "such as 255,140,0, a CSS name, or #ff8c00 (quoted in shells, or without the #)"
    predict.add_argument("colors", nargs="+", type=_color, metavar="COLOR", help=forms)
    ask = add_command(group, "ask", _ask, "Ask for colours and predict their fonts.", ASK_EPILOG)
    for parser in (predict, ask):
        trained = "file written by train --save; without it, a network is trained first"
        parser.add_argument(
            "--model", type=path, default=argparse.SUPPRESS, metavar="MODEL", help=trained
        )


def _add_train(commands: Any) -> None:
    """Add the command train."""
    text = "Train a network and show its accuracy."
    option = add_command(commands, "train", _train, text, TRAIN_EPILOG).add_argument
    option("table", nargs="?", type=path, metavar="CSV", help="colours and fonts (see below)")
    option("--save", type=path, metavar="MODEL", help="write the network here")
    option("--out", type=path, metavar="FOLDER", help="write pictures here")
    kept = "the network to show and save: the one tested on held-out colours, or on held-out rows"
    option("--split", choices=tuple(SPLITS), default="color", help=kept)
    ways = "balanced fonts and a smooth boundary; closest to the labels; as in the tutorial"
    option("--method", choices=METHOD_NAMES, default="balanced", help=ways)
    option("--hidden-size", type=POSITIVE_INT, default=3, help="hidden units")
    epochs = "passes through the colours, or steps / 1000 for seed (default: 100, or 500 for plain)"
    option("--epochs", type=POSITIVE_INT, default=argparse.SUPPRESS, help=epochs)
    option("--seed", type=NATURAL, default=0, help="seed of the split, weights and order of rows")


def _color(text: str) -> tuple[int, int, int]:
    """Return a colour; an argparse type."""
    from nncore.trainers.rgb.data import parse_color

    try:
        return parse_color(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


# --- train ----------------------------------------------------------------------------------------


def _train(args: argparse.Namespace) -> None:
    """Run `nncore rgb train`."""
    from nncore.files.atomic import check_target
    from nncore.trainers import plots
    from nncore.trainers.rgb import plots as plots_rgb
    from nncore.trainers.rgb.given import colors_from
    from nncore.trainers.rgb.train import train_rgb

    if args.save and same_file(args.save, args.table):
        args.parser.error(f"argument --save: {args.save} is also given as CSV")
    if args.out:
        plots.figure()  # raises now if there is no matplotlib
        args.out.mkdir(parents=True, exist_ok=True)
    if args.save:
        check_target(args.save)
    data = colors_from(args.table)
    start = time.perf_counter()
    results = {
        split: train_rgb(
            data,
            hidden_size=args.hidden_size,
            split=split,
            epochs=getattr(args, "epochs", None),
            method=args.method,
            rng=args.seed,
        )
        for split in SPLITS
    }
    seconds = (time.perf_counter() - start) / len(results)
    _show(data, results, args, seconds)
    if args.save:
        results[args.split].save(args.save)
        print(f"model:   {args.save}")
    if args.out:
        pictures = {"rgb_fonts.png": plots_rgb.font_samples, "rgb_boundary.png": plots_rgb.boundary}
        draw(pictures, results[args.split], args.out)


def _show(
    data: RGBData, results: dict[str, RGBResult], args: argparse.Namespace, seconds: float
) -> None:
    """Print the data, the accuracies and the predictions."""
    dark = int(data.dark.sum())
    print(f"{len(data)} rows, {data.distinct} colours: ", end="")
    print(f"{dark} rows have a dark font, {len(data) - dark} a light one.")
    if data.contradictions:
        print(f"{data.contradictions} colours have rows with both labels, of which one is wrong.")
    net = results[args.split].net
    sizes = "-".join(map(str, net.layer_sizes))
    print(f"Network {sizes}, method {args.method}, {net.history.epochs} epochs, {seconds:.2f} s.")
    print("\nAccuracy on held-out rows:")
    for split, result in results.items():
        test = result.test
        both = test.shared(result.train) or "none"
        print(f"  split {SPLITS[split]:<10} {result.accuracy:7.2%}   {len(test)} rows,", end=" ")
        print(f"{test.distinct} colours, {both} of them also in training rows")
    print(f"\nRows by font, split {SPLITS[args.split]}:\n{results[args.split].confusion}\n")
    _show_named(results[args.split])


def _show_named(result: RGBResult) -> None:
    """Print the predictions for the named colours."""
    from nncore.trainers.rgb.data import FONTS, NAMED_COLORS, brightness, wants_dark

    print("Named colours, and the probability of a dark font:")
    for name, color in NAMED_COLORS.items():
        font, expected = result.predict_font(*color), FONTS[int(wants_dark(color))]
        line = f"  {name:<14} {_listed(color):<12} {font:<6} {_chance(result, color)}"
        if font != expected:
            line += f"   {expected} by brightness: {brightness(color):.1f}, the limit is 127"
        print(line)


# --- predict and ask ------------------------------------------------------------------------------


def _predictor(args: argparse.Namespace) -> FontPredictor:
    """Return the network of the file, or one that is trained now."""
    from nncore.trainers.rgb.train import FontPredictor, train_rgb

    return FontPredictor.load(args.model) if "model" in args else train_rgb()


def _listed(color: tuple[int, int, int]) -> str:
    """Return a colour as text."""
    return ",".join(map(str, color))


def _chance(predictor: FontPredictor, color: tuple[int, int, int]) -> str:
    """Return the probability of a dark font as text."""
    return f"{predictor.predict_probability(*color):.3f}"


def _answer(predictor: FontPredictor, color: tuple[int, int, int]) -> str:
    """Return the prediction for a colour as one line."""
    font, chance = predictor.predict_font(*color), _chance(predictor, color)
    return f"{_listed(color)}: {font} font (probability of dark {chance})"


def _predict(args: argparse.Namespace) -> None:
    """Run `nncore rgb predict`."""
    predictor = _predictor(args)
    for color in args.colors:
        print(_answer(predictor, color))


def _ask(args: argparse.Namespace) -> None:
    """Run `nncore rgb ask`."""
    from nncore.trainers.rgb.data import parse_color

    if sys.stdin is None:
        raise CommandError("standard input is closed")
    predictor = _predictor(args)
    while True:
        try:
            text = input(PROMPT).removeprefix("\ufeff")  # of a file as stdin
            if text.strip().lower() in ("", "q", "quit", "exit"):
                return
            print(_answer(predictor, parse_color(text)))
        except EOFError:
            print()  # ends the line of the prompt
            return
        except ValueError as error:  # also for bytes that cannot be decoded
            print(error)
