"""Generation of a C header and of Python functions from `nncore.registry`, during the build."""

from __future__ import annotations

import runpy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ACTIVATION_FUNCTIONS = """\
def {name}_forward(z, *, out=None):
    return forward({code}, z, out)


def {name}_backward(dy, {slope_from}, *, out=None):
    return backward({code}, dy, {slope_from}, out)


"""
LOSS_FUNCTION = """\
def {name}(pred, target):
    return loss({code}, pred, target)


"""


UPDATE_FUNCTION = """\
def {name}_update({arrays}, *, {keywords}):
    cdef Rule rule = new_rule(<Optimizer>{code})
    cdef long long count = {count}
{constants}    optimizer_update(&rule, params, grads, {{{slots}}}, count)


"""


def _list_macro(macro: str, names: list[str]) -> str:
    """Return a macro that applies X to the code and the name of each row."""
    entries = "".join(f" \\\n    X({name.upper()}, {name})" for name in names)
    return f"#define {macro}(X){entries}\n\n"


def _check_supported(rows: dict[str, Any]) -> None:
    """Raise ValueError for rows with properties that the kernels do not support."""
    activations, losses = rows["ACTIVATION_ROWS"], rows["LOSS_ROWS"]
    over_rows = [row.name for row in activations if row.over_rows]
    with_labels = [row.name for row in losses if row.takes_labels]
    if over_rows != ["softmax"] or with_labels != ["softmax_cross_entropy"]:
        raise ValueError(
            f"the kernels compute over_rows for softmax and takes_labels for softmax_cross_entropy "
            f"only, got {over_rows} and {with_labels}"
        )
    for row in rows["CELL_ROWS"]:
        if row.states not in (1, 2):
            raise ValueError(f"the kernels store 1 or 2 states, got {row.states} of {row.name}")


def header(rows: dict[str, Any]) -> str:
    """Return registry.h: the codes, and lists of the element-wise activations and losses."""
    activations, losses = rows["ACTIVATION_ROWS"], rows["LOSS_ROWS"]
    _check_supported(rows)
    codes = {
        "Activation": rows["ACTIVATIONS"],
        "Loss": rows["LOSSES"],
        "Optimizer": rows["UPDATE_ROW"],
        "Cell": [f"{name}_cell" for name in rows["CELLS"]],
    }
    enums = [
        f"typedef enum {{ {', '.join(name.upper() for name in names)} }} {kind};\n\n"
        for kind, names in codes.items()
    ]
    single = [row.name for row in activations if not row.over_rows and row.name != "identity"]
    pairs = [row.name for row in losses if not row.takes_labels]
    from_input = "".join(f" || (f) == {r.name.upper()}" for r in activations if r.slope_from_input)
    return (
        "/* Written by the build from registry.py. */\n"
        "#ifndef NNCORE_REGISTRY_H\n#define NNCORE_REGISTRY_H\n\n"
        + "".join(enums)
        + f"enum {{ MAX_SLOTS = {max(rows['OPTIMIZER_SLOTS'].values())} }};\n\n"
        + f"enum {{ ACTIVATION_COUNT = {len(activations)} }};\n\n"
        + _list_macro("EACH_ACTIVATION", single)
        + _list_macro("EACH_LOSS", pairs)
        + f"#define SLOPE_FROM_INPUT(f) (0{from_input})\n\n"
        + _cells(rows["CELL_ROWS"])
        + "#endif\n"
    )


def _cells(cells: Iterable[Any]) -> str:
    """Return a list of the cells, and arrays of their properties by code."""
    entries = "".join(f" \\\n    X({row.name.upper()}_CELL, {row.name})" for row in cells)
    properties = {
        "CELL_GATES": [row.gates for row in cells],
        "CELL_STATES": [row.states for row in cells],
        "CELL_RECURRENT_BIAS": [int(row.recurrent_bias) for row in cells],
    }
    arrays = "".join(
        f"static const int {name}[] = {{{', '.join(map(str, numbers))}}};\n\n"
        for name, numbers in properties.items()
    )
    return f"#define EACH_CELL(X){entries}\n\n{arrays}"


def _codes(name: str, names: Iterable[str]) -> str:
    """Return the definition of a dict from names to codes."""
    codes = ", ".join(f'"{name}": {code}' for code, name in enumerate(names))
    return f"cdef dict {name} = {{{codes}}}\n"


def _update_function(code: int, row: Any) -> str:
    """Return the function of an update rule, which checks its constants in the row's order."""
    checks = [("learning_rate", "learning_rate", "number")]
    checks += [(c.field, c.name, "fraction" if c.is_fraction else "number") for c in row.constants]
    keywords = ["step"] * row.takes_step + ["learning_rate"]
    return UPDATE_FUNCTION.format(
        name=row.name,
        code=code,
        arrays=", ".join(["params", "grads", *row.slots]),
        keywords=", ".join([*keywords, *(f"{c.name}={c.default!r}" for c in row.constants)]),
        count="arguments.step(step)" if row.takes_step else 1,
        constants="".join(
            f'    rule.{field} = {check}("{name}", {name})\n' for field, name, check in checks
        ),
        slots=", ".join(f'"{slot}": {slot}' for slot in row.slots),
    )


def _rule_of(numbers: Iterable[str]) -> str:
    """Return the function that converts an UpdateRule to the kernels' Rule."""
    fields = "".join(f"    rule.{name} = optimizer.{name}\n" for name in numbers)
    return f"""\
cdef Rule rule_of(object optimizer, double clip_value):
    cdef Rule rule = new_rule(OPTIMIZER_CODES[optimizer.kind])
{fields}    rule.epsilon_hat = optimizer.epsilon_hat
    rule.clip_value = clip_value if clip_value > 0 else INFINITY
    return rule


"""


def functions(rows: dict[str, Any]) -> str:
    """Return registry.pxi: the functions of all rows, and the codes of losses and updates."""
    lines = [
        "# Written by the build from registry.py.\n",
        _codes("ACTIVATION_CODES", rows["ACTIVATIONS"]),
        _codes("LOSS_CODES", rows["LOSSES"]),
        _codes("OPTIMIZER_CODES", rows["UPDATE_ROW"]),
        _codes("CELL_CODES", rows["CELLS"]),
        "\n\n",
    ]
    for code, row in enumerate(rows["ACTIVATION_ROWS"]):
        given = {"name": row.name, "slope_from": "z" if row.slope_from_input else "y"}
        lines.append(ACTIVATION_FUNCTIONS.format(code=f"<Activation>{code}", **given))
    for code, row in enumerate(rows["LOSS_ROWS"]):
        if not row.takes_labels:
            lines.append(LOSS_FUNCTION.format(name=row.name, code=f"<Loss>{code}"))
    lines.append(_rule_of(rows["RULE_NUMBERS"]))
    lines += [_update_function(code, row) for code, row in enumerate(rows["UPDATE_ROWS"])]
    return "".join(lines).rstrip("\n") + "\n"


def write(registry: Path, folder: Path) -> None:
    """Write both files to a folder; a file with the same content is not rewritten."""
    rows = runpy.run_path(str(registry))
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("registry.h", header(rows)), ("registry.pxi", functions(rows))):
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
