"""A text to train on, and a trained network, as files."""

import pytest
from command_line import trained_model, written_text


@pytest.fixture
def text(tmp_path):
    return written_text(tmp_path)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return trained_model(tmp_path_factory.mktemp("model"))
