"""Bad model files of CharRNN raise CheckpointError."""

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from char_rnn_files import MANY, forged
from char_rnns import TEXT, small

from nncore import (
    SGD,
    CharRNN,
    CheckpointError,
    StepDecay,
)

SETTINGS = {
    "hidden_size": [MANY, 2**70, 0, -6, 6.0, 5, 7, "6", None, True, [6], float("nan")],
    "seq_length": [0, -5, 2**70, 5.5, "5", None],
    "batch_size": [MANY, 2**70, 0, -1, 1, 3, 2.0, "2", None],
    "clip": [0, -1, "1", True, float("nan"), 10**400],
    "clip_norm": [0, -1, "1", [], float("nan"), 10**400],
    "weight_init": ["zero", None, 3],
    "dtype": ["float64", "float16", "O", "i8", "f4,f4", "(1", None, 3, [], {}],
    "optimizer": [
        None,
        [],
        "Adam",
        {},
        {"name": "Adam", "learning_rate": -1},
        {"name": "Adam", "learning_rate": float("nan")},
        {"name": "Adam", "learning_rate": 10**400},
        {"name": "Adam", "learning_rate": "0.1"},
        {"name": "Adam", "beta1": 1},
        {"name": "Adam", "unknown": 1},
        {"name": "SGD", "nesterov": "yes"},
        {"name": ["Adam"]},
        {"name": "Optimizer"},
    ],
    "schedule": [
        "Constant",
        [],
        {},
        {"name": "Constant", "unknown": 1},
        {"name": "StepDecay", "every": 0},
        {"name": "StepDecay", "every": float("nan")},
        {"name": "CosineDecay", "final": "x"},
        {"name": ["Constant"]},
    ],
}
HEADER = {
    "kind": [None, "MLP", 3],
    "version": [None, 0, 2, "1", True],
    "settings": [None, [], "x", 3],
    "vocabulary": [None, "abc", [], [97], [97, 97], [-1, 5], [0x110000], ["a"], [1.5], [[1]]],
    "vocabulary_kind": [None, "words", "bytes", 3],
    "text_mark": [None, 3, ["x"], [None], [float("inf")], [float("nan")]],
    "seconds": [None, "1", True, 10**400],
    "sample_rng": [
        None,
        [],
        {},
        {"bit_generator": "MT19937"},
        {"bit_generator": "PCG64"},
        {"bit_generator": "PCG64", "state": 3, "has_uint32": 0, "uinteger": 0},
        {
            "bit_generator": "PCG64",
            "state": {"state": -1, "inc": 1},
            "has_uint32": 0,
            "uinteger": 0,
        },
        {"bit_generator": "PCG64", "state": {"state": "x", "inc": 1}, "has_uint32": 0},
    ],
}
ARRAYS = {
    "parameters.wxh": [np.zeros((0, 6), "f4"), np.zeros((6, 35), "f4"), np.zeros(210, "f4")],
    "parameters.by": [np.zeros(34, "f4"), np.zeros((35, 1), "f4"), np.float32(1)],
    "optimizer.0.whh": [np.zeros((6, 7), "f4"), np.zeros((6, 6), "f8")],
    "optimizer.1.bh": [np.zeros(5, "f4")],
    "state": [np.zeros((2, 7), "f4"), np.zeros((3, 6), "f4"), np.zeros((2, 6), "i4")],
    "counters": [
        np.zeros(3, "i8"),
        np.zeros(2, "f8"),
        np.array([-1, 0]),
        np.array([0, -1]),
        np.array([2**52 + 1, 0]),
    ],
    "run": [np.zeros(3, "i8"), np.array([-1, 5]), np.array([2**63 - 1, 2**63 - 1])],
    "history.loss": [np.zeros((3, 1)), np.zeros(3, "f4")],
    "history.smooth_loss": [np.zeros(4), np.zeros(3, "f4")],
    "history.validation_iteration": [np.zeros(1), np.zeros((1, 1), "i8")],
    "history.validation_bits_per_char": [np.zeros(2), np.zeros(0)],
}


def cases(table):
    return [
        pytest.param(key, value, id=f"{key}={value!r:.60}") for key in table for value in table[key]
    ]


def refused(path):
    """Loading raises CheckpointError with the file's name, and takes next to no memory."""
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match=r"model\.safetensors"):
            CharRNN.load(path)
        assert tracemalloc.get_traced_memory()[1] < 2e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("name", "value"), cases(SETTINGS))
def test_hostile_settings(name, value, path):
    refused(forged(path, lambda arrays, header: header["settings"].update({name: value})))


@pytest.mark.parametrize(("name", "value"), cases(HEADER))
def test_hostile_headers(name, value, path):
    refused(forged(path, lambda arrays, header: header.update({name: value})))


@pytest.mark.parametrize(("name", "value"), cases(ARRAYS))
def test_arrays_of_other_shapes_and_dtypes(name, value, path):
    refused(forged(path, lambda arrays, header: arrays.update({name: value})))


@pytest.mark.parametrize("name", ARRAYS)
def test_missing_arrays(name, path):
    refused(forged(path, lambda arrays, header: arrays.pop(name)))


@pytest.mark.parametrize("name", HEADER)
def test_missing_header_fields(name, path):
    refused(forged(path, lambda arrays, header: header.pop(name)))


@pytest.mark.parametrize("name", ["hidden_size", "batch_size", "dtype", "optimizer", "schedule"])
def test_missing_settings(name, path):
    refused(forged(path, lambda arrays, header: header["settings"].pop(name)))


@pytest.mark.parametrize("name", ["vocabulary", "backend", "rng", "nonsense"])
def test_surplus_settings(name, path):
    refused(forged(path, lambda arrays, header: header["settings"].update({name: 1})))


def test_positions_beyond_the_text_start_over(path):
    def far(arrays, header):
        arrays["counters"] = np.array([3, 2**52])
        arrays["run"] = np.array([0, 4])

    model = CharRNN.load(forged(path, far))
    model.fit(TEXT, resume=True, validation_fraction=0.1)
    assert model._counters.tolist() == [4, 5]


@pytest.mark.parametrize("begun", [0, 2**52 - 2, 2**52])
def test_training_continues_at_the_largest_number_of_updates_in_a_file(begun, path):
    def many(arrays, header):
        arrays["counters"] = np.array([2**52, 0])
        arrays["run"] = np.array([begun, 2**53])

    model = CharRNN.load(forged(path, many))
    ending = [lambda event: True]
    model.fit(TEXT, resume=True, validation_fraction=0.1, callbacks=ending, checkpoint=path)
    model = CharRNN.load(path)
    assert not model.finished
    for _ in range(2):
        model.fit(TEXT, iterations=5, validation_fraction=0.1)
        assert model.finished
        model.save(path)
        loaded = CharRNN.load(path)
        assert loaded.finished
        assert loaded._weights.tobytes() == model._weights.tobytes()
        model = loaded
    assert int(model._counters[0]) == 2**52
    assert model.history.iterations > 13


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("loss", np.zeros(2), r"history.smooth_loss is float64 \(3,\), expected float64 \(2,\)"),
        ("loss", np.zeros(3, "f4"), "history.loss is float32"),
        ("loss", np.zeros((3, 1)), "history.loss is float64"),
        ("loss", [1.0, 2.0, 3.0], "history.loss must be an array, got list"),
        ("validation_iteration", np.zeros(1), "history.validation_iteration is float64"),
        ("validation_bits_per_char", np.zeros(0), "history.validation_bits_per_char is"),
        ("seconds", float("nan"), "not JSON compliant"),
    ],
    ids=repr,
)
def test_an_invalid_history_is_not_saved(name, value, message, path):
    model = small()
    model.fit(TEXT, iterations=3, validation_fraction=0.1)
    model.save(path)
    before = path.read_bytes()
    setattr(model.history, name, value)
    with pytest.raises(ValueError, match=message):
        model.save(path)
    assert path.read_bytes() == before


def test_settings_of_any_kind_of_number_can_be_saved(path):
    schedule = StepDecay(np.int64(4), Fraction(1, 2))
    model = small(clip=np.float32(5), clip_norm=Fraction(1, 3), schedule=schedule)
    model.optimizer = SGD(np.float32(0.25), Fraction(1, 2))
    model.fit(TEXT, iterations=3)
    model.clip = np.inf
    model.save(path)
    loaded = CharRNN.load(path)
    assert (loaded.clip, loaded.clip_norm) == (None, 1 / 3)
    assert (loaded.schedule, loaded.optimizer) == (schedule, model.optimizer)
