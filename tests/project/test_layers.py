"""The modules: no import circle, and imports downwards only, TYPE_CHECKING imports included."""

import ast
from pathlib import Path

import nncore

SOURCE = Path(nncore.__file__).parent
MODULES = {
    ".".join(("nncore", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(SOURCE.rglob("*.py"))
}
# The packages and single modules of nncore by layers: each may import those before it.
FLOORS = [
    {"checks", "errors", "guards", "params", "randomness", "registry", "_version", "files.paths"},
    {"arguments", "sparse", "files", "many_seeds", "schedules", "optimizers", "initializers"},
    {"_core", "reference"},
    {"kernels"},
    {"config", "model", "trace", "training"},
    {"mlp", "char_rnn", "rnn"},
    {"gradients", "population", "sweeps", "sklearn", "interop"},
    {"trainers"},
    {"cli"},
]


def imported(module, path):
    """Modules of nncore that a module's source imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "nncore":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == "nncore")


# The package itself imports everything, and only the command line imports from it.
GRAPH = {
    module: {other for other in imported(module, path) if other in MODULES} - {module}
    for module, path in MODULES.items()
    if module != "nncore"
}


def circles():
    """Modules from which a chain of imports leads back to them."""
    reach = {module: set(others) for module, others in GRAPH.items()}
    for _ in GRAPH:
        reach = {
            module: found.union(*(reach.get(other, ()) for other in found))
            for module, found in reach.items()
        }
    return sorted(module for module, found in reach.items() if module in found)


def test_there_is_no_import_circle():
    assert circles() == []


def floor(module):
    name = module.removeprefix("nncore.")
    for number, names in enumerate(FLOORS):
        if name in names or name.split(".")[0] in names:
            return number
    return None


def test_every_module_is_assigned_to_a_layer():
    assert not [module for module in GRAPH if module != "nncore.__main__" and floor(module) is None]


def test_imports_go_downwards_only():
    upwards = [
        f"{module} imports {other}"
        for module, others in GRAPH.items()
        for other in others
        if other != "nncore"
        and None not in (floor(module), floor(other))
        and floor(other) > floor(module)
    ]
    assert not upwards


def test_only_the_command_line_imports_the_top_level_package():
    through = {module for module, others in GRAPH.items() if "nncore" in others}
    assert all(module.startswith(("nncore.cli", "nncore.__main__")) for module in through), through
