"""`nncore gates`: a small circuit, its derivatives, and steps that make its value grow."""

from __future__ import annotations

import argparse
import ast
import operator
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from nncore.cli.options import ANYTHING, FINITE, POSITIVE, POSITIVE_INT, add_command

if TYPE_CHECKING:
    from nncore.trainers.gates.circuits import Circuit

EPILOG = """\
examples:
  nncore gates
  nncore gates --x 5 --y -2e-3 --steps 10
  nncore gates --expression "x * y + exp(-x) / 2" --step-size 0.1
"""
INPUTS = "x y"
MOST_LINES = 10  # of a longer climb evenly spaced steps and the last one are shown

LONGEST_QUOTE = 60  # characters of an expression in an error

OPERATORS: dict[type[ast.operator], Callable[[Circuit, Circuit], Circuit]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def add(commands: Any) -> None:
    """Add gates to the commands."""
    text = "Show how derivatives increase the value of a circuit."
    parser = add_command(commands, "gates", _gates, text, EPILOG)
    parser.values_with_a_minus(ANYTHING)  # as --expression -x*y
    option = parser.add_argument
    known = "the circuit: x, y, numbers, + - * /, brackets and exp()"
    option("--expression", type=circuit, default="x * y", metavar="TEXT", help=known)
    option("--x", type=FINITE, default=3.0, metavar="NUMBER", help="value of the input x")
    option("--y", type=FINITE, default=-4.0, metavar="NUMBER", help="value of the input y")
    option("--h", type=POSITIVE, default=1e-4, help="step of the numerical derivatives")
    option("--step-size", type=POSITIVE, default=0.01, help="factor on the derivatives")
    option("--steps", type=POSITIVE_INT, default=1, help="number of steps")


# --- the expression -------------------------------------------------------------------------------


def circuit(text: str) -> Circuit:
    """Parse a circuit that reads x, y or both, without running code; an argparse type."""
    from nncore.trainers.gates.circuits import inputs

    try:
        known = {part.name: part for part in inputs(INPUTS)}
        found = _circuit(_syntax(text), known)
    except (RecursionError, MemoryError):  # also from Python's parser
        raise _refusal(text, "its terms are nested too deeply") from None
    except ValueError as error:
        raise _refusal(text, str(error)) from None
    if not found.input_names:
        raise _refusal(text, "it has neither x nor y")
    return found


def _refusal(text: str, why: str) -> argparse.ArgumentTypeError:
    """Return the error for an expression that cannot be read."""
    return argparse.ArgumentTypeError(f"cannot read {_short(repr(text))}: {why}")


def _short(text: str) -> str:
    """Return a text as one line, shortened."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_QUOTE else f"{line[:LONGEST_QUOTE]}..."


def _syntax(text: str) -> ast.expr:
    """Return the syntax tree of an expression; ValueError if it has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's, about odd syntax, which is refused anyway
        try:
            return ast.parse(text.strip(), mode="eval").body
        except SyntaxError as error:
            raise ValueError(error.msg) from None


def _circuit(node: ast.expr, known: Mapping[str, Circuit]) -> Circuit:
    """Return the circuit of a syntax tree."""
    from nncore.trainers.gates.circuits import constant, exp

    match node:
        case ast.Name(id=name) if name in known:
            return known[name]
        case ast.Constant(value=float() | int() as number) if not isinstance(number, bool):
            return constant(number)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_circuit(operand, known)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in OPERATORS:
            join = OPERATORS[type(sign)]
            return join(_circuit(left, known), _circuit(right, known))
        case ast.Call(func=ast.Name(id="exp"), args=[operand], keywords=[]):
            return exp(_circuit(operand, known))
    raise ValueError(f"{_short(ast.unparse(node))} is not an input, a number or a gate")


# --- the output -----------------------------------------------------------------------------------


def _gates(args: argparse.Namespace) -> None:
    """Run `nncore gates`."""
    from nncore.trainers.gates.gates import climb

    f: Circuit = args.expression
    idle = set(INPUTS.split()).difference(f.input_names)
    args.parser.refuse(args, idle, f"with --expression {_short(str(f))}, which does not read it")
    start = {name: getattr(args, name) for name in f.input_names}
    numerical, analytic = f.numerical_gradient(start, h=args.h), f.gradient(start)
    way = climb(f, start, args.step_size, args.steps)
    _line("A circuit", f"f = {f}")
    _line("at the inputs", _listed(start))
    _line("has the value", f"f = {way.values[0]:.8g}")
    print("\nThe derivatives of f show in which direction to move the inputs to increase it:")
    name, h = f.input_names[0], f"{args.h:g}"
    _line("numerical", _listed(numerical, "df/d"), f"(f({name} + {h}) - f({name})) / {h}")
    _line("analytic", _listed(analytic, "df/d"), "backward through the gates")
    print(f"\nEach input moves by {args.step_size:g} times its derivative:")
    every = -(-args.steps // MOST_LINES)
    for step in sorted({*range(every, args.steps, every), args.steps}):
        here = {name: values[step] for name, values in way.inputs.items()}
        _line(f"step {step}", _listed(here), f"f = {way.values[step]:.8g}")


def _listed(numbers: Mapping[str, float], before: str = "") -> str:
    """Return numbers with their names as text."""
    return ", ".join(f"{before}{name} = {value:.6g}" for name, value in numbers.items())


def _line(label: str, what: str, beside: str = "") -> None:
    """Print one line of the output."""
    print(f"  {label:<15} {what:<34} {beside}".rstrip())
