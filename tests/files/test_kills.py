"""Processes that are killed while they write checkpoints lose nothing but time."""

import os

import pytest
from kills import KINDS, rounds


@pytest.mark.skipif(os.name != "posix", reason="kills by signals")
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_run_is_resumed_from_a_whole_file_and_ends_with_the_same_bits(kind, tmp_path):
    found = rounds(kind, 5, tmp_path)
    assert found["runs finished"] >= 1
