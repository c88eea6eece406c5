"""Model files as files: whole or not there at all, and never trusted when read."""

import errno
import json
import os
import stat
import sys
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from nncore import CharRNN, CheckpointError
from nncore.files import atomic
from nncore.files import model_file as checkpoint

POSIX = os.name == "posix"
ARRAYS = {"a": np.arange(6.0).reshape(2, 3), "b": np.arange(3, dtype=np.float32)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture
def saved(path):
    """A file with one small network."""
    model = CharRNN(hidden_size=4, batch_size=1, rng=0).build("abc")
    model.save(path)
    return path


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


# --- reading ------------------------------------------------------------------------------------


def test_arrays_and_header_come_back(path):
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


def test_an_array_that_nobody_reads_does_not_belong_there(path):
    checkpoint.save(path, "Thing", ARRAYS, {})
    with (
        pytest.raises(CheckpointError, match="has unexpected arrays: b"),
        checkpoint.reader(path, "Thing") as file,
    ):
        file.array("a", (2, 3), np.dtype("f8"))


def test_a_file_of_another_kind_is_named_as_such(path):
    checkpoint.save(path, "Thing", ARRAYS, {})
    with pytest.raises(CheckpointError, match="holds a Thing, expected CharRNN"):
        CharRNN.load(path)


def test_safetensors_of_somebody_else_are_told_apart(path):
    for metadata in (None, {}, {"format": "pt"}):
        save_file(ARRAYS, path, metadata)
        with pytest.raises(CheckpointError, match="does not hold an nncore model"):
            CharRNN.load(path)


def test_a_newer_format_asks_for_a_newer_nncore(path, monkeypatch):
    monkeypatch.setattr(checkpoint, "FORMAT_VERSION", 2)
    CharRNN(hidden_size=4, rng=0).build("abc").save(path)
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="format version 2, expected at most 1: a newer"):
        CharRNN.load(path)


@pytest.mark.parametrize("header", ["", "{", "[]", "3", "null", '"x"', "[" * 10**5, "\ud800"])
def test_headers_that_are_no_objects(header, path):
    save_file(ARRAYS, path, {"nncore": header.encode(errors="replace").decode()})
    with pytest.raises(CheckpointError, match="has a damaged header"):
        CharRNN.load(path)


def test_missing_files_and_folders_are_pythons_own_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        CharRNN.load(tmp_path / "nowhere")
    with pytest.raises((IsADirectoryError, PermissionError)):
        CharRNN.load(tmp_path)


def refused(path):
    """Loading raises CheckpointError and takes next to no memory."""
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match=r"is not a model file|is damaged|has |hold "):
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
def test_what_is_no_model_file_is_refused(content, path):
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
def test_array_entries_that_lie_are_refused(entry, path):
    metadata = {"nncore": json.dumps({"kind": "CharRNN", "version": 1})}
    header = json.dumps({"a": entry, "__metadata__": metadata}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 4)
    refused(path)


@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_noticed_or_changes_a_number(at, bit, tmp_path_factory):
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
    assert len(model.sample(3)) == 3  # a digit of a setting, say: still a network


@pytest.mark.skipif(not POSIX, reason="cuts an open file")
def test_a_file_that_is_cut_while_it_is_read_is_refused(path):
    large = {"a": np.zeros(10**6)}
    checkpoint.save(path, "Thing", large, {})
    with checkpoint.reader(path, "Thing") as file:
        file.array("a", (10**6,), np.dtype("f8"))
        os.truncate(path, 10**6)
        with pytest.raises(CheckpointError, match="was cut short while it was read"):
            file.array("a", (10**6,), np.dtype("f8"))


def test_no_code_is_run_and_no_pickle_is_read(path):
    import pickle

    class Bomb:
        def __reduce__(self):
            return (os.abort, ())

    path.write_bytes(pickle.dumps(Bomb()))
    refused(path)


# --- writing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod", "fdopen"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(step, error, saved, monkeypatch):
    before = saved.read_bytes()
    model = CharRNN(hidden_size=5, rng=1).build("xyz")

    def fail(*args, **kwargs):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.os, step, fail)
        with pytest.raises(type(error)):
            model.save(saved)
    assert saved.read_bytes() == before
    assert names(saved.parent) == [saved.name]
    model.save(saved)
    assert CharRNN.load(saved).vocabulary.characters == "xyz"


def test_what_cannot_be_written_as_json_leaves_the_old_file(saved):
    before = saved.read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        checkpoint.save(saved, "Thing", ARRAYS, {"x": float("nan")})
    assert saved.read_bytes() == before
    assert names(saved.parent) == [saved.name]


def test_what_needs_a_longer_header_than_is_read_is_not_written(saved):
    before = saved.read_bytes()
    arrays = {f"{i:0100}": np.zeros(1) for i in range(10_000)}
    with pytest.raises(ValueError, match=f"would have .* bytes, expected at most {1 << 20}$"):
        checkpoint.save(saved, "Thing", arrays, {})
    assert saved.read_bytes() == before


def test_the_new_file_is_on_the_disk_before_it_takes_the_name(saved, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(
            checkpoint.os, name, lambda *a, name=name, real=real: (calls.append(name), real(*a))
        )
    CharRNN.load(saved).save(saved)
    assert calls[:2] == ["fsync", "replace"]


@pytest.mark.parametrize("name", ["with spaces", "ñandú 漢字 😀", "-", "x" * 255, "%s{}\\'\""])
def test_any_name_will_do(name, tmp_path):
    if os.name == "nt" and set(name) & set('\\"'):
        pytest.skip("not a file name on Windows")
    path = tmp_path / name
    CharRNN(hidden_size=4, rng=0).build("abc").save(path)
    assert CharRNN.load(path).vocabulary.characters == "abc"
    assert CharRNN.load(str(path)).vocabulary.characters == "abc"
    assert names(tmp_path) == [name]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="file names are bytes on Linux")
def test_names_that_are_no_utf8_will_do(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe")
    CharRNN(hidden_size=4, rng=0).build("abc").save(path)
    assert CharRNN.load(path).vocabulary.characters == "abc"


@pytest.mark.skipif(not POSIX, reason="needs POSIX permissions")
def test_permissions_are_those_of_the_old_file_or_of_any_new_one(tmp_path):
    model = CharRNN(hidden_size=4, rng=0).build("abc")
    old_mask = os.umask(0o027)
    try:
        model.save(tmp_path / "new")
        model.save(tmp_path / "private")
        for mode in (0o600, 0o664):
            (tmp_path / "private").chmod(mode)
            model.save(tmp_path / "private")
            assert stat.S_IMODE((tmp_path / "private").stat().st_mode) == mode
    finally:
        os.umask(old_mask)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


@pytest.mark.skipif(not POSIX, reason="needs POSIX permissions")
def test_a_private_file_is_private_while_it_is_written(saved, monkeypatch):
    saved.chmod(0o600)
    modes = []

    def fsync(handle):
        modes.append(stat.S_IMODE(os.fstat(handle).st_mode))

    monkeypatch.setattr(checkpoint.os, "fsync", fsync)
    CharRNN.load(saved).save(saved)
    assert modes[0] == 0o600


@pytest.mark.skipif(not POSIX, reason="needs symbolic links")
def test_a_link_stays_a_link(saved, tmp_path):
    link = tmp_path / "latest"
    link.symlink_to(saved.name)
    CharRNN(hidden_size=4, rng=0).build("xyz").save(link)
    assert link.is_symlink()
    assert CharRNN.load(saved).vocabulary.characters == "xyz"


def test_files_that_killed_processes_left_are_swept(tmp_path):
    old, young = (tmp_path / f"{atomic.TEMPORARY}{name}" for name in ("old", "young"))
    for file in (old, young):
        file.write_bytes(b"half a mod")
    os.utime(old, (time.time() - 7200,) * 2)
    CharRNN(hidden_size=4, rng=0).build("abc").save(tmp_path / "model")
    assert names(tmp_path) == [young.name, "model"]  # another process may be writing the young one


def test_targets_that_cannot_be_files_are_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    for target, error in [
        (tmp_path / "folder", IsADirectoryError),
        (tmp_path / "nowhere" / "model", FileNotFoundError),
    ]:
        with pytest.raises(error, match=target.name):
            CharRNN(hidden_size=4, rng=0).build("abc").save(target)
    assert names(tmp_path) == ["folder"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_device_or_pipe_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="is a device or a pipe"):
        CharRNN(hidden_size=4, rng=0).build("abc").save(tmp_path / "pipe")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.parametrize("path", [3, 1.5, ["a"], {}], ids=repr)
def test_what_is_no_path_is_told_by_the_arguments_name(path):
    model = CharRNN(hidden_size=4, batch_size=1, rng=0).build("abc")
    wanted = f"must be a str or an os.PathLike, got {type(path).__name__}"
    with pytest.raises(TypeError, match=f"^checkpoint {wanted}$"):
        model.fit("abc" * 50, checkpoint=path)
    for use in (model.save, CharRNN.load):
        with pytest.raises(TypeError, match=f"^path {wanted}$"):
            use(path)


def test_paths_may_be_bytes(tmp_path):
    path = os.fsencode(tmp_path / "model.safetensors")
    model = CharRNN(hidden_size=4, batch_size=1, rng=0)
    model.fit("abc" * 50, iterations=3, checkpoint=path)
    model.save(path)
    assert CharRNN.load(path).history.iterations == 3


@pytest.mark.parametrize("name", ["a\0b", "\ud800", ""])
def test_names_that_no_file_can_have_are_told_before_training(name, tmp_path, monkeypatch):
    if os.name == "nt" and "\ud800" in name:
        pytest.skip("a file name on Windows")
    monkeypatch.chdir(tmp_path)
    model = CharRNN(hidden_size=4, batch_size=1, rng=0).build("abc")
    for use in (
        lambda: model.fit("abc" * 50, checkpoint=name),
        lambda: model.save(name),
        lambda: CharRNN.load(name),
    ):
        with pytest.raises(OSError) as error:  # noqa: PT011  # the texts differ
            use()
        assert error.value.filename == name
    assert not model.history.iterations
    assert names(tmp_path) == []


@pytest.mark.skipif(not POSIX, reason="needs symbolic links")
def test_links_that_lead_nowhere_are_told_before_training(tmp_path):
    model = CharRNN(hidden_size=4, batch_size=1, rng=0).build("abc")
    for to, message in (("nowhere/model", "folder that does not exist"), ("link", "symbolic")):
        link = tmp_path / "link"
        link.symlink_to(to)
        with pytest.raises(OSError, match=message) as error:
            model.fit("abc" * 50, checkpoint=link)
        assert error.value.filename == str(link)
        with pytest.raises(OSError, match=message):
            model.save(link)
        assert names(tmp_path) == ["link"]
        assert os.readlink(link) == to
        link.unlink()
    assert not model.history.iterations


@pytest.mark.skipif(not POSIX, reason="needs symbolic links")
def test_a_link_to_a_file_that_is_not_there_yet_makes_it(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "latest").symlink_to("models/1")
    CharRNN(hidden_size=4, rng=0).build("abc").save(tmp_path / "latest")
    assert (tmp_path / "latest").is_symlink()
    assert CharRNN.load(tmp_path / "models" / "1").vocabulary.characters == "abc"
