"""Cells, layers and dropout in model files: hostile values, and files older than they are."""

import tracemalloc

import numpy as np
import pytest
from char_rnn_files import MANY
from char_rnns import TEXT, small, state_of
from hostile_files import judge
from model_files import edited, read

from nncore import CharRNN, CheckpointError

STACK = {"cell": "lstm", "layers": 2, "dropout": 0.25}
SETTINGS = {
    "cell": ["tanh", "gru", "rnn", "", None, 3, ["lstm"], {}],
    "layers": [0, -1, 1, 3, 16, 17, MANY, 2**70, 2.0, "2", True, None, [2]],
    "dropout": [-0.1, 1, 1.5, "0.1", None, True, [], float("nan"), 10**400],
    "hidden_size": [MANY, 5, 7],
}
HEADER = {"hash_seed": [None, -1, 2**63, 10**400, 1.5, "1", True, []]}
ARRAYS = {
    "state": [np.zeros((2, 6), "f4"), np.zeros((2, 12), "f4"), np.zeros((2, 25), "f4")],
    "parameters.whh": [np.zeros((6, 6), "f4"), np.zeros((24, 6), "f4")],
    "parameters.wxh2": [np.zeros((6, 6), "f4"), np.zeros((6, 24), "f8")],
    "parameters.bh2": [np.zeros(6, "f4")],
    "optimizer.1.whh2": [np.zeros((6, 25), "f4")],
    "parameters.whh3": [np.zeros((6, 24), "f4")],
    "parameters.bn": [np.zeros(6, "f4")],
}


def forged(path, change, **settings):
    """The file of a stack of layers after change(arrays, header)."""
    model = small(**{**STACK, **settings})
    model.fit(TEXT, iterations=3, validation_fraction=0.1)
    model.save(path)
    return edited(path, change)


def refused(path):
    """Loading raises CheckpointError with the file's name, and takes next to no memory."""
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match=r"model\.safetensors"):
            CharRNN.load(path)
        assert tracemalloc.get_traced_memory()[1] < 2e6
    finally:
        tracemalloc.stop()


def cases(table):
    return [
        pytest.param(key, value, id=f"{key}={value!r:.60}") for key in table for value in table[key]
    ]


@pytest.mark.parametrize(("name", "value"), cases(SETTINGS))
def test_hostile_settings(name, value, path):
    refused(forged(path, lambda arrays, header: header["settings"].update({name: value})))


@pytest.mark.parametrize(("name", "value"), cases(HEADER))
def test_hostile_headers(name, value, path):
    refused(forged(path, lambda arrays, header: header.update({name: value})))


@pytest.mark.parametrize(("name", "value"), cases(ARRAYS))
def test_arrays_of_other_shapes_and_too_many(name, value, path):
    refused(forged(path, lambda arrays, header: arrays.update({name: value})))


@pytest.mark.parametrize("name", ["parameters.wxh2", "parameters.bh2", "optimizer.0.whh2"])
def test_missing_arrays(name, path):
    refused(forged(path, lambda arrays, header: arrays.pop(name)))


@pytest.mark.parametrize("name", STACK)
def test_missing_settings(name, path):
    refused(forged(path, lambda arrays, header: header["settings"].pop(name)))


def test_a_missing_seed(path):
    refused(forged(path, lambda arrays, header: header.pop("hash_seed")))


def test_a_stack_of_one_layer_with_dropout(path):
    def dropped(arrays, header):
        header["settings"]["dropout"] = 0.5

    refused(forged(path, dropped, layers=1, dropout=0.0))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_large_file_takes_twice_its_size(cell, path):
    model = CharRNN(200, 5, 1, cell=cell, layers=2, dropout=0.1, weight_init="small", rng=0)
    model.build("abc").save(path)
    assert path.stat().st_size > 3e6
    assert judge("CharRNN", path, constant=2_000_000)[0] == "read"


def test_all_of_a_stack_is_in_the_file(path):
    _, header = read(forged(path, lambda arrays, header: None))
    assert STACK.items() <= header["settings"].items()
    assert header["hash_seed"] == small(**STACK)._hash_seed


def test_a_file_without_cells_is_a_tanh_layer(path):
    def old(arrays, header):
        for name in STACK:
            del header["settings"][name]
        del header["hash_seed"]

    model = CharRNN.load(forged(path, old, cell="tanh", layers=1, dropout=0.0))
    assert (model.cell, model.layers, model.dropout) == ("tanh", 1, 0.0)
    whole = small()
    whole.fit(TEXT, iterations=3, validation_fraction=0.1)
    for one in (model, whole):
        one.fit(TEXT, iterations=3, validation_fraction=0.1)
    assert state_of(model) == state_of(whole)
    model.save(path)
    assert CharRNN.load(path)._hash_seed == model._hash_seed
