"""Model files are written completely or not at all."""

import errno
import os
import stat
import sys
import time

import numpy as np
import pytest
from model_files import ARRAYS, POSIX, names

from nncore import CharRNN
from nncore.files import atomic
from nncore.files import model_file as checkpoint


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


def test_settings_that_json_cannot_hold_leave_the_old_file(saved):
    before = saved.read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        checkpoint.save(saved, "Thing", ARRAYS, {"x": float("nan")})
    assert saved.read_bytes() == before
    assert names(saved.parent) == [saved.name]


def test_a_header_longer_than_the_reading_limit_is_not_written(saved):
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
def test_any_file_name_is_written_and_read(name, tmp_path):
    if os.name == "nt" and set(name) & set('\\"'):
        pytest.skip("not a file name on Windows")
    path = tmp_path / name
    CharRNN(hidden_size=4, rng=0).build("abc").save(path)
    assert CharRNN.load(path).vocabulary.characters == "abc"
    assert CharRNN.load(str(path)).vocabulary.characters == "abc"
    assert names(tmp_path) == [name]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="file names are bytes on Linux")
def test_names_that_are_not_utf8_are_written_and_read(tmp_path):
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
def test_a_symbolic_link_stays_a_link(saved, tmp_path):
    link = tmp_path / "latest"
    link.symlink_to(saved.name)
    CharRNN(hidden_size=4, rng=0).build("xyz").save(link)
    assert link.is_symlink()
    assert CharRNN.load(saved).vocabulary.characters == "xyz"


def test_temporary_files_of_killed_processes_are_removed(tmp_path):
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
def test_errors_for_other_types_than_paths_name_the_argument(path):
    model = CharRNN(hidden_size=4, batch_size=1, rng=0).build("abc")
    desired = f"must be a str or an os.PathLike, got {type(path).__name__}"
    with pytest.raises(TypeError, match=f"^checkpoint {desired}$"):
        model.fit("abc" * 50, checkpoint=path)
    for use in (model.save, CharRNN.load):
        with pytest.raises(TypeError, match=f"^path {desired}$"):
            use(path)


def test_paths_may_be_bytes(tmp_path):
    path = os.fsencode(tmp_path / "model.safetensors")
    model = CharRNN(hidden_size=4, batch_size=1, rng=0)
    model.fit("abc" * 50, iterations=3, checkpoint=path)
    model.save(path)
    assert CharRNN.load(path).history.iterations == 3


@pytest.mark.parametrize("name", ["a\0b", "\ud800", ""])
def test_impossible_file_names_are_reported_before_training(name, tmp_path, monkeypatch):
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
def test_broken_links_are_reported_before_training(tmp_path):
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
def test_saving_through_a_link_to_a_missing_file_creates_it(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "latest").symlink_to("models/1")
    CharRNN(hidden_size=4, rng=0).build("abc").save(tmp_path / "latest")
    assert (tmp_path / "latest").is_symlink()
    assert CharRNN.load(tmp_path / "models" / "1").vocabulary.characters == "abc"
