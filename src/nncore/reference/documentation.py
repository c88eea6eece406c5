"""The parts of docstrings that activations have in common, and those of update rules."""

from __future__ import annotations

from types import FunctionType

ZERO = "Updated in place; 0 before the first update."
PARAMETERS = {
    "x": "ndarray\n    Numbers, of any shape, float32 or float64.",
    "z": "ndarray\n    The inputs, of any shape, float32 or float64.",
    "dy": "ndarray\n    Gradient of the loss with respect to the outputs, of any shape, float32 or"
    "\n    float64.",
    "y": "ndarray\n    The outputs of the forward pass, of the shape and dtype of `dy`.",
    "out": "ndarray, optional\n    Where the result is stored. It may overlap the other arrays.",
    "params": "ndarray\n    The parameters, of any shape, float32 or float64. Updated in place.",
    "grads": "ndarray\n    Their gradient. All arrays of the call have the same shape and dtype.",
    "velocity": f"ndarray\n    The velocity. {ZERO}",
    "mean": f"ndarray\n    Running mean of the gradients. {ZERO}",
    "mean_square": f"ndarray\n    Running mean of the squared gradients. {ZERO}",
    "sum_square": f"ndarray\n    Sum of the squared gradients. {ZERO}",
    "largest_mean_square": f"ndarray\n    Largest `mean_square` so far. {ZERO}",
    "gradient": f"ndarray\n    Gradient of the previous update. {ZERO}",
    "step_size": f"ndarray\n    Step size of each parameter. {ZERO}",
    "step": "int\n    Number of this update, counted from 1.",
    "learning_rate": "float\n    Step size.",
    "momentum": "float\n    Fraction of the velocity that is kept.",
    "decay": "float\n    Fraction of the mean square that is kept.",
    "beta1": "float\n    First decay rate, in [0, 1).",
    "beta2": "float\n    Second decay rate, in [0, 1).",
    "epsilon": "float\n    Small constant that avoids a division by 0.",
    "weight_decay": "float\n    Decoupled weight decay.",
    "momentum_decay": "float\n    Rate at which the momentum grows to `beta1`.",
    "shrink": "float\n    Factor of a step size when its gradient changes its sign.",
    "growth": "float\n    Factor of a step size while its gradient keeps its sign.",
    "smallest_step": "float\n    Lower limit of the step sizes.",
    "largest_step": "float\n    Upper limit of the step sizes.",
}
FORWARD_INPUTS = "ndarray\n    The inputs of the forward pass, of the shape and dtype of `dy`."
RESULT = "ndarray\n    Of the shape and dtype of the first argument."


def _names(function: FunctionType) -> tuple[str, ...]:
    """Return the names of a function's parameters."""
    code = function.__code__
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _section(title: str, lines: str) -> str:
    return f"{title}\n{'-' * len(title)}\n{lines}"


def complete(function: FunctionType) -> None:
    """Insert the sections Parameters and, if there is a result, Returns after the summary."""
    if function.__doc__ is None:  # Python -OO removes docstrings
        return
    names = _names(function)
    known = {**PARAMETERS, "z": FORWARD_INPUTS} if "dy" in names else PARAMETERS
    summary, *rest = function.__doc__.rstrip().split("\n\n")
    sections = [_section("Parameters", "\n".join(f"{name} : {known[name]}" for name in names))]
    if "out" in names:
        sections.append(_section("Returns", RESULT))
    text = "\n\n".join(sections).replace("\n", "\n    ").replace("\n    \n", "\n\n")
    function.__doc__ = "\n\n".join([summary, f"    {text}", *rest]) + "\n    "
