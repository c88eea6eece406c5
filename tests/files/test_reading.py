"""Model files are never trusted when they are read."""

import json
import os
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_files import ARRAYS, POSIX
from safetensors.numpy import save_file

from nncore import CharRNN, CheckpointError
from nncore.files import model_file as checkpoint


def test_arrays_and_header_survive_saving_and_reading(path):
    checkpoint.save(path, "Thing", ARRAYS, {"x": [1, "é"], "y": None})
    with checkpoint.reader(path, "Thing") as file:
        assert file.field("x", list) == [1, "é"]
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(file.array(name, array.shape, array.dtype), array)
        assert file.array("a", (None, 3), np.dtype("f8")).shape == (2, 3)


def test_the_same_arrays_make_the_same_bytes(path):
    contents = set()
    for _ in range(10):
        checkpoint.save(path, "Thing", ARRAYS, {"x": 1, "y": 2})
        contents.add(path.read_bytes())
    assert len(contents) == 1


def test_fields_and_arrays_are_checked(path):
    checkpoint.save(path, "Thing", ARRAYS, {"x": 1, "yes": True})
    with checkpoint.reader(path, "Thing") as file:
        for name, kind in (("x", str), ("y", int), ("yes", int)):
            with pytest.raises(CheckpointError, match=f"header field '{name}' is missing or dam"):
                file.field(name, kind)
        with pytest.raises(CheckpointError, match="lacks the array 'c'"):
            file.array("c", (3,), np.dtype("f4"))
        for shape, dtype in (((3, 2), "f8"), ((6,), "f8"), ((2, 3), "f4"), ((2, 3), "i8")):
            with pytest.raises(CheckpointError, match=r"array 'a' is float64 \(2, 3\), expec"):
                file.array("a", shape, np.dtype(dtype))
        for name, array in ARRAYS.items():
            file.array(name, array.shape, array.dtype)


def test_an_unexpected_array_is_refused(path):
    checkpoint.save(path, "Thing", ARRAYS, {})
    with (
        pytest.raises(CheckpointError, match="has unexpected arrays: b"),
        checkpoint.reader(path, "Thing") as file,
    ):
        file.array("a", (2, 3), np.dtype("f8"))


def test_a_model_file_of_another_class_is_named(path):
    checkpoint.save(path, "Thing", ARRAYS, {})
    with pytest.raises(CheckpointError, match="contains a model of kind Thing, expected CharRNN"):
        CharRNN.load(path)


def test_safetensors_files_of_other_programs_are_refused(path):
    for metadata in (None, {}, {"format": "pt"}):
        save_file(ARRAYS, path, metadata)
        with pytest.raises(CheckpointError, match="does not contain an nncore model"):
            CharRNN.load(path)


def test_a_newer_format_asks_for_a_newer_nncore(path, monkeypatch):
    monkeypatch.setattr(checkpoint, "FORMAT_VERSION", 2)
    CharRNN(hidden_size=4, rng=0).build("abc").save(path)
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="format version 2, expected at most 1: a newer"):
        CharRNN.load(path)


@pytest.mark.parametrize("header", ["", "{", "[]", "3", "null", '"x"', "[" * 10**5, "\ud800"])
def test_headers_that_are_not_objects_are_refused(header, path):
    save_file(ARRAYS, path, {"nncore": header.encode(errors="replace").decode()})
    with pytest.raises(CheckpointError, match="has a damaged header"):
        CharRNN.load(path)


def test_missing_files_and_folders_raise_oserrors(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        CharRNN.load(tmp_path / "nowhere")
    with pytest.raises((IsADirectoryError, PermissionError)):
        CharRNN.load(tmp_path)


def refused(path):
    """Loading raises CheckpointError and takes next to no memory."""
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match=r"is not a model file|is damaged|has |contain "):
            CharRNN.load(path)
        assert tracemalloc.get_traced_memory()[1] < 2e6
    finally:
        tracemalloc.stop()


def test_a_file_cut_short_anywhere_is_refused(saved):
    whole = saved.read_bytes()
    for length in [*range(0, 40), *range(40, len(whole), 97), len(whole) - 1]:
        saved.write_bytes(whole[:length])
        refused(saved)


def test_a_file_with_more_at_its_end_is_refused(saved):
    saved.write_bytes(saved.read_bytes() + b"\0")
    refused(saved)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        b"\xff" * 100,
        b"PK\x03\x04" + b"\0" * 100,
        b"Once upon a time",
        b"\x02\0\0\0\0\0\0\0{}",
        (2**62).to_bytes(8, "little") + b"{}",
        (10**8).to_bytes(8, "little") + b"{" * 50,
    ],
    ids=lambda content: repr(content[:12]),
)
def test_files_of_other_kinds_are_refused(content, path):
    path.write_bytes(content)
    refused(path)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 0]},
        {"dtype": "F32", "shape": [2**62], "data_offsets": [0, 2**63 - 1]},
        {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]},
        {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]},
        {"dtype": "O", "shape": [1], "data_offsets": [0, 4]},
        {"dtype": ["F32"], "shape": [1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1.0], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [0, 4, 4]},
        {"dtype": "F32", "shape": [1] * 9, "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [], "data_offsets": [0, 4], "more": 1},
        {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]},
        {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]},
        ["F32", [1], [0, 4]],
    ],
    ids=repr,
)
def test_invalid_array_entries_are_refused(entry, path):
    metadata = {"nncore": json.dumps({"kind": "CharRNN", "version": 1})}
    header = json.dumps({"a": entry, "__metadata__": metadata}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 4)
    refused(path)


@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_an_error_or_changes_a_number(at, bit, tmp_path_factory):
    path = tmp_path_factory.mktemp("flipped") / "model.safetensors"
    CharRNN(hidden_size=4, batch_size=1, rng=0).build("abc").save(path)
    content = bytearray(path.read_bytes())
    header_end = 8 + int.from_bytes(content[:8], "little")
    content[int(at * header_end)] ^= 1 << bit
    path.write_bytes(content)
    try:
        model = CharRNN.load(path)
    except CheckpointError:
        return
    assert len(model.sample(3)) == 3  # for example a digit of a setting was changed


@pytest.mark.skipif(not POSIX, reason="cuts an open file")
def test_a_file_that_is_cut_while_it_is_read_is_refused(path):
    large = {"a": np.zeros(10**6)}
    checkpoint.save(path, "Thing", large, {})
    with checkpoint.reader(path, "Thing") as file:
        file.array("a", (10**6,), np.dtype("f8"))
        os.truncate(path, 10**6)
        with pytest.raises(CheckpointError, match="was truncated while it was being read"):
            file.array("a", (10**6,), np.dtype("f8"))


def test_no_code_is_run_and_no_pickle_is_read(path):
    import pickle

    class Bomb:
        def __reduce__(self):
            return (os.abort, ())

    path.write_bytes(pickle.dumps(Bomb()))
    refused(path)
