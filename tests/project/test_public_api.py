"""The public names of nncore: each exists, is documented, and has types."""

import inspect
import json
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import nncore
from nncore import config, kernels

OBJECTS = [name for name in nncore.__all__ if name not in ("__version__", "Schedule")]


def public_members(cls):
    """Methods and properties that the class itself defines."""
    return {name: value for name, value in vars(cls).items() if not name.startswith("_")}


def test_all_is_sorted_and_complete():
    assert sorted(set(nncore.__all__)) == sorted(nncore.__all__)
    from_star = {}
    exec("from nncore import *", from_star)
    assert set(nncore.__all__) <= set(from_star)


@pytest.mark.parametrize("name", OBJECTS)
def test_every_name_has_a_docstring(name):
    docstring = getattr(nncore, name).__doc__
    assert docstring
    assert not docstring.startswith(f"{name}(")  # what dataclasses write where there is none


@pytest.mark.parametrize("name", [n for n in OBJECTS if inspect.isclass(getattr(nncore, n))])
def test_every_public_method_has_a_docstring_or_speaks_for_itself(name):
    short = {"iterations", "rule", "settings"}
    for member, value in public_members(getattr(nncore, name)).items():
        if inspect.isfunction(value) or isinstance(value, property | classmethod):
            assert inspect.getdoc(value) or member in short, f"{name}.{member}"


def test_public_functions_are_typed():
    for name, value in public_members(nncore.CharRNN).items():
        if inspect.isfunction(value):
            assert "return" in value.__annotations__, name
            named = set(inspect.signature(value).parameters) - {"self"}
            assert named <= set(value.__annotations__), name


def test_the_package_has_a_py_typed_file():
    assert (Path(nncore.__file__).parent / "py.typed").exists()


def test_type_checkers_infer_the_public_types(tmp_path):
    pytest.importorskip("mypy", reason="needs mypy, which is among the dev tools")
    script = tmp_path / "use.py"
    script.write_text(
        "import nncore\n"
        "model = nncore.CharRNN(optimizer=nncore.Adam(0.01), rng=0)\n"
        "history = model.fit('text', epochs=2, callbacks=[print])\n"
        "reveal_type(history.bits_per_char)\n"
        "reveal_type(model.evaluate('x').perplexity)\n"
        "reveal_type(model.parameters['wxh'])\n"
        "reveal_type(nncore.kernels.level)\n"
        "model.fit(3)\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--output=json", str(script)]
    command += ["--cache-dir", str(tmp_path / "cache")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    errors = [(m["line"], m["code"]) for m in messages if m["severity"] == "error"]
    assert errors == [(8, "arg-type")], done.stdout + done.stderr
    revealed = " ".join(m["message"] for m in messages if m["severity"] == "note")
    for part in ("ndarray", "float", "str"):
        assert part in revealed


def test_the_version_is_that_of_the_package():
    from importlib.metadata import version

    assert nncore.__version__ == version("nncore")


def test_lazily_loaded_names_are_listed_as_well():
    assert set(nncore.__all__) <= set(dir(nncore))


def test_the_processor_has_a_name_if_the_system_gives_none(monkeypatch):
    def missing(*arguments, **keywords):
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", missing)
    monkeypatch.setattr("platform.processor", lambda: "")
    monkeypatch.setattr("platform.machine", lambda: "m68k")
    assert config.processor() == "m68k"


def test_config_contains_what_a_bug_report_needs(capsys):
    nncore.show_config()
    shown = capsys.readouterr().out
    settings = config.config()
    for name in ("nncore", "level", "levels available", "processor", "python", "numpy"):
        assert settings[name]
        assert name in shown
        assert settings[name] in shown
    assert settings["level"].split()[0] == kernels.level in kernels.available_levels()


def test_errors_are_subclasses_of_builtin_errors():
    assert issubclass(nncore.DivergenceError, ArithmeticError)
    assert issubclass(nncore.CheckpointError, ValueError)


def test_annotations_of_public_classes_can_be_read():
    for cls in (nncore.Evaluation, nncore.History, nncore.TrainingEvent, nncore.Adam):
        assert typing.get_type_hints(cls)
