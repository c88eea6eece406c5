"""Fixtures of the kernel tests: every instruction-set level that runs here, and both dtypes."""

import numpy as np
import pytest
from builds import LEVELS, build
from hypothesis import Phase, settings

# The same examples at every run; `--hypothesis-profile explore` looks further, and `few` is for
# builds in which everything takes long. `unshrunk` stops at the first example that fails.
settings.register_profile("repeatable", max_examples=20, deadline=None, derandomize=True)
settings.register_profile("few", parent=settings.get_profile("repeatable"), max_examples=4)
settings.register_profile(
    "unshrunk", parent=settings.get_profile("repeatable"), phases=[Phase.explicit, Phase.generate]
)
settings.register_profile("explore", max_examples=500, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session", params=LEVELS)
def core(request):
    return build(request.param)


@pytest.fixture(scope="session", params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture
def path(tmp_path):
    """Where a test may write a model file."""
    return tmp_path / "model.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """For property tests, in which hypothesis refuses a folder of each test."""
    return tmp_path_factory.mktemp("folder")
