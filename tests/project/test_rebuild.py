"""What setup.py compiles again after a change, and what it does not."""

import os
import shutil
import time
from pathlib import Path

import pytest
from checkout import ROOT
from recipe import setup_py


def test_every_module_is_built_again_when_an_included_file_changes(recipe, monkeypatch):
    monkeypatch.chdir(ROOT)
    included = [p for p in Path(recipe.CORE).rglob("*.*") if p.suffix in (".h", ".pxd", ".pxi")]
    assert included
    for extension in recipe.extensions():
        assert {path.as_posix() for path in included} <= set(extension.depends)


@pytest.fixture
def small_core(setuptools, tmp_path):
    """A checkout whose two modules are empty."""
    pytest.importorskip("Cython", reason="needs Cython to translate a module")
    core = tmp_path / "src/nncore/_core"
    core.mkdir(parents=True)
    shutil.copy(ROOT / "setup.py", tmp_path)
    for name in ("registry.py", "_core/generate.py"):
        shutil.copy(ROOT / "src/nncore" / name, core.parent / name)
    (core / "__init__.py").touch()
    for module in ("core_base", "cpu"):
        (core / f"{module}.pyx").touch()
    return tmp_path


def number_of_builds(folder, **environment):
    """Build and return how many modules were compiled."""
    done = setup_py(folder, "build_ext", NNCORE_NATIVE="1", NNCORE_DEBUG="1", **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.count("building 'nncore")


@pytest.mark.slow
def test_changed_flags_build_again_and_nothing_is_written_beside_the_sources(small_core):
    core = small_core / "src/nncore/_core"
    before = set(core.iterdir())
    assert number_of_builds(small_core) == 2
    assert number_of_builds(small_core) == 0
    assert number_of_builds(small_core, CFLAGS="-g0") == 2
    assert set(core.iterdir()) == before


@pytest.mark.slow
def test_changed_sources_build_again_and_new_dates_do_not(small_core):
    """When pip builds in isolation, the files of NumPy are newer than all that was built."""
    assert number_of_builds(small_core) == 2
    later = time.time() + 60
    for path in (small_core / "src").rglob("*.py*"):
        os.utime(path, (later, later))
    assert number_of_builds(small_core) == 0
    cpu = small_core / "src/nncore/_core/cpu.pyx"
    cpu.write_text("changed = True\n")
    os.utime(cpu, (later + 60, later + 60))
    assert number_of_builds(small_core) > 0
    module = next((small_core / "build").glob("lib*/nncore/_core/cpu.*"))
    module.unlink()
    assert number_of_builds(small_core) > 0
    assert module.exists()
