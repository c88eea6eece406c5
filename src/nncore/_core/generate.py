"""What the build writes from the rows of `nncore.registry`: a C header and Python's functions."""

from __future__ import annotations

import runpy
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


def _list_macro(macro: str, names: list[str]) -> str:
    """X(CODE, name) for each name, as C code applies it to all."""
    entries = "".join(f" \\\n    X({name.upper()}, {name})" for name in names)
    return f"#define {macro}(X){entries}\n\n"


def header(rows: dict[str, Any]) -> str:
    """Return registry.h: the codes, and lists of what C code handles number by number."""
    activations, losses = rows["ACTIVATION_ROWS"], rows["LOSS_ROWS"]
    codes = {"Activation": rows["ACTIVATIONS"], "Loss": rows["LOSSES"]}
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
        + _list_macro("EACH_ACTIVATION", single)
        + _list_macro("EACH_LOSS", pairs)
        + f"#define SLOPE_FROM_INPUT(f) (0{from_input})\n\n"
        + "#endif\n"
    )


def functions(rows: dict[str, Any]) -> str:
    """Return registry.pxi: the functions of activations and losses, and the codes of losses."""
    names = rows["LOSSES"]
    codes = ", ".join(f'"{name}": {code}' for code, name in enumerate(names))
    lines = [
        "# Written by the build from registry.py.\n",
        f"cdef dict LOSS_CODES = {{{codes}}}\n\n\n",
    ]
    for code, row in enumerate(rows["ACTIVATION_ROWS"]):
        given = {"name": row.name, "slope_from": "z" if row.slope_from_input else "y"}
        lines.append(ACTIVATION_FUNCTIONS.format(code=f"<Activation>{code}", **given))
    for code, row in enumerate(rows["LOSS_ROWS"]):
        if not row.takes_labels:
            lines.append(LOSS_FUNCTION.format(name=row.name, code=f"<Loss>{code}"))
    return "".join(lines).rstrip("\n") + "\n"


def write(registry: Path, folder: Path) -> None:
    """Write both files into a folder; what has not changed keeps its date."""
    rows = runpy.run_path(str(registry))
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("registry.h", header(rows)), ("registry.pxi", functions(rows))):
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
