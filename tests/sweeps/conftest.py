"""A sweep to compare with."""

import pytest
from sweep_makers import SEEDS, bits, xor

import nncore


@pytest.fixture(scope="module")
def alone():
    """The result of a sweep without an executor."""
    return bits(nncore.sweep(xor, SEEDS).run())
