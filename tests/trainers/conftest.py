"""The font predictor that several tests use."""

import pytest

from nncore.trainers.rgb.train import train_rgb


@pytest.fixture(scope="module")
def result():
    return train_rgb()
