"""A sweep to compare with."""

import pytest
from sweep_makers import SEEDS, bits, xor

import nncore


@pytest.fixture(scope="module")
def alone():
    """What a sweep comes to without an executor."""
    return bits(nncore.sweep(xor, SEEDS).run())
