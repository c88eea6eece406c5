"""`nncore gates`: the tutorial, custom circuits, and expressions that cannot be parsed."""

import subprocess
import sys
from argparse import ArgumentTypeError
from contextlib import suppress

import pytest
from command_line import run
from hypothesis import given
from hypothesis import strategies as st

from nncore.cli.gates import LONGEST_QUOTE, MOST_LINES, circuit
from nncore.trainers.gates.gates import climb, exp, inputs

X, Y = inputs("x y")
STORY = """\
  A circuit       f = x * y
  at the inputs   x = 3, y = -4
  has the value   f = -12

The derivatives of f show in which direction to move the inputs to increase it:
  numerical       df/dx = -4, df/dy = 3              (f(x + 0.0001) - f(x)) / 0.0001
  analytic        df/dx = -4, df/dy = 3              backward through the gates

Each input moves by 0.01 times its derivative:
  step 1          x = 2.96, y = -3.97                f = -11.7512
"""


def test_without_options_the_command_shows_the_tutorial(capsys):
    assert run(capsys, "gates") == (0, STORY, "")


def test_options_reach_the_circuit(capsys):
    options = ("--x=-0.5", "--y", "2", "--step-size", "0.25", "--steps", "2", "--h", "0.5")
    status, out, err = run(capsys, "gates", "--expression", "exp(x) + y * y", *options)
    assert (status, err) == (0, "")
    f = exp(X) + Y * Y
    way = climb(f, {"x": -0.5, "y": 2}, 0.25, 2)
    numerical = f.numerical_gradient(x=-0.5, y=2, h=0.5)
    for part in (
        "f = exp(x) + y * y\n",
        "x = -0.5, y = 2\n",
        f"df/dx = {numerical['x']:.6g}, df/dy = 4.5 ",
        "df/dx = 0.606531, df/dy = 4 ",
        "(f(x + 0.5) - f(x)) / 0.5\n",
        f"f = {way.values[0]:.8g}\n",
        f"f = {way.values[2]:.8g}\n",
    ):
        assert part in out


def test_an_input_that_the_circuit_does_not_read_is_not_shown(capsys):
    status, out, _ = run(capsys, "gates", "--expression", "-y")
    assert status == 0
    assert "x =" not in out
    assert "(f(y + 0.0001) - f(y)) / 0.0001" in out


@pytest.mark.parametrize(("expression", "option"), [("-y", "--x"), ("exp(x)", "--y")])
def test_a_value_for_an_input_that_the_circuit_does_not_read_is_refused(expression, option, capsys):
    status, out, err = run(capsys, "gates", option, 7, "--expression", expression)
    assert (status, out) == (2, "")
    assert f"argument {option}: not allowed with --expression {expression}, which does not" in err


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("--x -2e-3", "x = -0.002, y = -4"),
        ("--y -.5", "y = -0.5"),
        ("--y -1E+2", "y = -100"),
        ("--expression -x*y", "f = -x * y"),
        ("--expression -exp(x)", "f = -exp(x)"),
        ("--expression -(x+y) --x -1", "x = -1, y = -4"),
    ],
)
def test_values_may_begin_with_a_minus(words, part, capsys):
    status, out, err = run(capsys, "gates", *words.split())
    assert (status, err) == (0, "")
    assert part in out


@pytest.mark.parametrize("steps", [1, 9, 10, 11, 95, 1000])
def test_a_long_climb_shows_some_steps_and_the_last(steps, capsys):
    status, out, _ = run(capsys, "gates", "--expression=-x*x", "--steps", steps)
    shown = [int(line.split()[1]) for line in out.splitlines() if line.startswith("  step")]
    assert status == 0
    assert shown == sorted(set(shown))
    assert shown[-1] == steps
    assert min(steps, MOST_LINES) / 2 <= len(shown) <= MOST_LINES
    assert steps > MOST_LINES or shown == list(range(1, steps + 1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x*y", "x * y"),
        ("  x*y ", "x * y"),
        ("-x", "-x"),
        ("((x))", "x"),
        ("x-(y-1)", "x - (y - 1)"),
        ("exp(-x)/2e3", "exp(-x) / 2000"),
        ("x*-2.5", "x * -2.5"),
        ("0x10*x", "16 * x"),
        ("exp(0)*x", "exp(0) * x"),
    ],
)
def test_expressions_are_read_as_python_writes_them(text, expected):
    assert str(circuit(text)) == expected


def test_an_expression_may_have_hundreds_of_terms(capsys):
    status, out, _ = run(capsys, "gates", "--expression", "+".join("x" * 300), "--x", 1)
    assert status == 0
    assert "f = 300\n" in out


# --- expressions that cannot be parsed ------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "invalid syntax"),
        ("x +", "invalid syntax"),
        ("x y", "invalid syntax"),
        ("x; y", "invalid syntax"),
        ("x = 3", "invalid syntax"),
        ("(x", "'(' was never closed"),
        ("x\0", "null bytes"),
        ("\udcff", "surrogates not allowed"),
        ("x ** 2", "x ** 2 is not an input, a number or a gate"),
        ("x % 2", "x % 2 is not an input, a number or a gate"),
        ("+x", "+x is not an input, a number or a gate"),
        ("x < y", "x < y is not an input, a number or a gate"),
        ("x if y else 1", "x if y else 1 is not an input, a number or a gate"),
        ("1if x else y", "1 if x else y is not an input, a number or a gate"),
        ("x * z", "z is not an input, a number or a gate"),
        ("x * exp", "exp is not an input, a number or a gate"),
        ("sin(x)", "sin(x) is not an input, a number or a gate"),
        ("exp()", "exp() is not an input, a number or a gate"),
        ("exp(x, y)", "exp(x, y) is not an input, a number or a gate"),
        ("exp(*x)", "*x is not an input, a number or a gate"),
        ("exp(x, y=2)", "exp(x, y=2) is not an input, a number or a gate"),
        ("exp(x=x)", "exp(x=x) is not an input, a number or a gate"),
        ("exp(x)(y)", "exp(x)(y) is not an input, a number or a gate"),
        ("x.real", "x.real is not an input, a number or a gate"),
        ("x[0]", "x[0] is not an input, a number or a gate"),
        ("(x, y)", "(x, y) is not an input, a number or a gate"),
        ("'x' * y", "'x' is not an input, a number or a gate"),
        ("f'''\n{x}'''", "is not an input, a number or a gate"),
        ("True * x", "True is not an input, a number or a gate"),
        ("2j * x", "2j is not an input, a number or a gate"),
        ("(lambda: x)()", "is not an input, a number or a gate"),
        ("__import__('os').abort()", "is not an input, a number or a gate"),
        ("[x for x in y]", "[x for x in y] is not an input, a number or a gate"),
        ("x * 1e999", "a constant must be a finite number, got inf"),
        ("x * 1" + "0" * 400, "a constant must be a number, got one too large for a float"),
        ("x * " + "9" * 10_000, "Exceeds the limit"),
        ("2 + 3", "it has neither x nor y"),
        ("(" * 10_000 + "x" + ")" * 10_000, "too many nested parentheses"),
        ("-" * 10_000 + "x", "nested too deeply"),
        ("+".join("x" * 10_000), "nested too deeply"),
    ],
    ids=lambda text: text[:20].encode("unicode_escape").decode(),
)
def test_invalid_circuits_are_reported_in_one_line_with_status_2(text, why, capsys):
    status, out, err = run(capsys, "gates", f"--expression={text}")
    assert (status, out) == (2, "")
    assert err.startswith("nncore gates: error: argument --expression: cannot read ")
    assert why in err
    assert err.endswith(" (see nncore gates --help)\n")
    assert err.count("\n") == 1
    assert len(err) < 4 * LONGEST_QUOTE + 200


@given(st.text(st.sampled_from("xyz012.e+-*/() ,:='\"[]{}\\\n\0é"), max_size=20) | st.text())
def test_any_text_is_a_circuit_or_refused(text):
    with suppress(ArgumentTypeError):
        assert set(circuit(text).input_names) <= {"x", "y"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--x -inf", "--x: expected a finite number, got '-inf'"),
        ("--x -nan", "--x: expected a finite number, got '-nan'"),
        ("--h -1e-4", "--h: expected a positive number, got '-1e-4'"),
        ("-x*y", "unrecognized arguments: -x*y"),
        ("--x nan", "--x: expected a finite number, got 'nan'"),
        ("--y inf", "--y: expected a finite number, got 'inf'"),
        ("--x three", "--x: expected a finite number, got 'three'"),
        ("--h 0", "--h: expected a positive number, got '0'"),
        ("--step-size=-1", "--step-size: expected a positive number, got '-1'"),
        ("--steps 0", "--steps: expected an integer of at least 1, got '0'"),
        ("x*y", "unrecognized arguments: x*y"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(options, message, capsys):
    status, out, err = run(capsys, "gates", *options.split())
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--expression 1/x --x 0", "1 / x divides by zero"),
        ("--expression exp(x) --x 1000", "exp(x) is too large for a float, with operands 1000.0"),
        ("--expression x*x --step-size 1 --steps 1000", "x * x is too large for a float"),
        ("--x 1e300", "h is too small for an element of x: 0.0001 for 1e+300"),
        ("--steps 1000000000000000", "Unable to allocate"),
    ],
)
def test_failures_are_one_line_and_status_1(options, message, capsys):
    status, out, err = run(capsys, "gates", *options.split())
    assert (status, out) == (1, "")
    assert err.startswith("nncore: error: ")
    assert message in err
    assert err.count("\n") == 1


def test_warnings_of_pythons_parser_are_not_shown():
    command = [sys.executable, "-W", "always", "-m", "nncore", "gates", "--expression=1if x else y"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
