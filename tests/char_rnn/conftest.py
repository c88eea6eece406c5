"""Fixtures that several tests of this folder use."""

import pytest


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"
