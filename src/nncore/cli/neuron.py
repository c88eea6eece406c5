"""`nncore neuron`: fit a single weight, and then a network of two layers."""

from __future__ import annotations

import argparse
from typing import Any

from nncore.cli.options import FINITE, NATURAL, POSITIVE, POSITIVE_INT, add_command

EPILOG = """\
examples:
  nncore neuron
  nncore neuron --x 6 --target -1.5 --steps 2000
  nncore neuron --learning-rate 0.001 --layer-steps 20000 --seed 3
"""
MOST_LINES = 6  # steps of the weight that are shown


def add(commands: Any) -> None:
    """Add neuron to the commands."""
    text = "Fit a single weight by the sign of its error, and then a network of two layers."
    option = add_command(commands, "neuron", _neuron, text, EPILOG).add_argument
    option("--x", type=FINITE, default=6.0, metavar="NUMBER", help="input of the neuron")
    option("--target", type=FINITE, default=1.5, metavar="NUMBER", help="its target output")
    option("--step-size", type=POSITIVE, default=0.0001, help="step size of the weight")
    option("--steps", type=POSITIVE_INT, default=1000, help="steps of the weight")
    option("--learning-rate", type=POSITIVE, default=0.01, help="step size of the two layers")
    option("--layer-steps", type=POSITIVE_INT, default=3000, help="updates of the two layers")
    option("--seed", type=NATURAL, default=0, help="seed of the initial weights")


def _neuron(args: argparse.Namespace) -> None:
    """Run `nncore neuron`."""
    from nncore.trainers.neuron import fit_weight, train_regressor

    fitted = fit_weight(
        args.x, args.target, step_size=args.step_size, steps=args.steps, rng=args.seed
    )
    print(f"One neuron: y = w * x, with x = {args.x:g} and target {args.target:g}")
    last = len(fitted.weights) - 1
    for step in sorted({round(i * last / (MOST_LINES - 1)) for i in range(MOST_LINES)}):
        print(
            f"  step {step:<6}  w = {fitted.weights[step]:<10.6g}  y = {fitted.outputs[step]:.6g}"
        )
    print(f"  final error: {fitted.error:.3g}")
    layers = train_regressor(
        learning_rate=args.learning_rate, steps=args.layer_steps, rng=args.seed
    )
    loss = layers.history.loss / layers.targets.shape[1]
    print(f"\nTwo layers: {'-'.join(map(str, layers.net.layer_sizes))}, sigmoid between them")
    print(f"  inputs          {_row(layers.inputs)}\n  targets         {_row(layers.targets)}")
    print(f"  predictions     {_row(layers.predictions)}")
    print(f"  mean error      {loss[0]:.4g} at the start, {layers.error:.4g} after ", end="")
    print(f"{layers.history.epochs} steps in {layers.history.seconds * 1000:.1f} ms")


def _row(array: Any) -> str:
    """Return the first row of an array as text."""
    return "  ".join(f"{x:.4f}" for x in array[0])
