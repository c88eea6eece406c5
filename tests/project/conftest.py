"""The functions of setup.py, without the settings with which the tests were started."""

import runpy
from types import SimpleNamespace

import pytest
from checkout import ROOT

BUILD_SETTINGS = ("CFLAGS", "LDFLAGS", "CPATH", "C_INCLUDE_PATH", "NNCORE_NATIVE", "NNCORE_DEBUG")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    """Ignore the settings with which the tests were started."""
    for name in BUILD_SETTINGS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def setuptools():
    if not (ROOT / "setup.py").exists():
        pytest.skip("needs a checkout or an unpacked sdist: there is no setup.py here")
    return pytest.importorskip("setuptools", "77", reason="needs setuptools >= 77 to run setup.py")


@pytest.fixture
def recipe(setuptools):
    """The functions and constants of setup.py."""
    return SimpleNamespace(**runpy.run_path(str(ROOT / "setup.py"), run_name="recipe"))
