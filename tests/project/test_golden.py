"""Short trainings end with weights of known hashes, which tools/golden.py computes."""

import json

import golden
import pytest
from builds import LEVELS

from nncore import kernels

KEPT = json.loads(golden.KEPT.read_text())


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("threads", "busy"), [(1, False), (2, True)], ids=["fresh", "after work, in threads"]
)
def test_a_separate_process_gives_the_stored_hashes(level, threads, busy):
    assert golden.at(level, threads, busy) == KEPT[golden.entry(level)]


def test_this_process_gives_the_stored_hashes_after_other_tests():
    assert golden.here(1, busy=False) == KEPT[golden.entry(kernels.level)]


def test_every_training_and_level_has_a_stored_hash():
    names = {f"{f.__name__} {dtype}" for f in golden.TRAININGS for dtype in ("float32", "float64")}
    assert set(KEPT) == {"fused", "base"}
    for entry in KEPT.values():
        assert set(entry) == names
    everything = [value for entry in KEPT.values() for value in entry.values()]
    assert len(set(everything)) == len(everything)


@pytest.mark.parametrize("level", sorted({"avx2", "avx512", "neon"} & {*LEVELS}))
def test_levels_with_fused_multiply_add_are_recognised(level):
    assert golden.entry(level) == "fused"


def test_a_change_of_the_last_bit_of_a_weight_changes_the_hash():
    name, training = "single_rows float32", golden.single_rows

    def nudged(dtype):
        model, fit = training(dtype)
        model.parameters["b1"].view("uint32")[0] ^= 1
        return model, fit

    assert golden.bits_of(training, "float32") == KEPT[golden.entry(kernels.level)][name]
    assert golden.bits_of(nudged, "float32") != KEPT[golden.entry(kernels.level)][name]
