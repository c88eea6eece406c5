"""A model file for the tests of reading and writing."""

import pytest

from nncore import CharRNN


@pytest.fixture
def saved(path):
    """A file with one small network."""
    model = CharRNN(hidden_size=4, batch_size=1, rng=0).build("abc")
    model.save(path)
    return path
