"""Full or read-only disks: a clear error, an unchanged file, and a network that can continue."""

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from command_line import run
from mlps import rows, small
from texts import prose

from nncore import CharRNN, Population
from nncore.files.atomic import TEMPORARY

resource = pytest.importorskip("resource", reason="needs POSIX limits")
X, Y, _ = rows()
ROWS = [range(30), range(20), range(30)]  # of a population
TEXT = prose(2000)


@contextlib.contextmanager
def full_disk(room):
    """A context in which no file can exceed this number of bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def perceptron(path, **how):
    net = small()
    net.save(path)
    return net, lambda **more: net.fit(X, Y, epochs=40, **how, **more)


def population(path, **how):
    nets = Population((4, 6, 3), rng=3)
    nets.save(path)
    return nets, lambda **more: nets.fit(X, Y, epochs=40, rows=ROWS, **how, **more)


def character_rnn(path, **how):
    net = CharRNN(6, 5, 2, rng=0).build(TEXT)
    net.save(path)
    return net, lambda **more: net.fit(TEXT, iterations=80, **how, **more)


KINDS = pytest.mark.parametrize("make", [perceptron, population, character_rnn])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ein Modell – 模型.safetensors"


@KINDS
@pytest.mark.parametrize("room", [0, 1, 1000])
def test_a_save_to_a_full_disk_names_the_file_and_leaves_the_old_one(make, room, path):
    net, _ = make(path)
    before = path.read_bytes()
    with (
        full_disk(room),
        pytest.raises(OSError, match=r"File too large.*ein Modell – 模型") as error,
    ):
        net.save(path)
    assert (error.value.errno, error.value.filename) == (errno.EFBIG, str(path))
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


IN_SMALL_DISK = """
import errno, nncore
small, large = (nncore.CharRNN(h, rng=0).build("abc") for h in (8, 200))
small.save("model")
before = open("model", "rb").read()
try:
    large.save("model")
except OSError as error:
    assert (error.errno, error.filename) == (errno.ENOSPC, "model"), error
else:
    raise AssertionError("200 units fit into 100 KB")
assert open("model", "rb").read() == before
small.save("model")
print("as expected")
"""


def test_a_really_full_disk_is_reported_and_leaves_the_old_file(tmp_path):
    mount = [
        "unshare",
        "-rm",
        "sh",
        "-c",
        'mount -t tmpfs -o size=100k tmpfs . && cd "$PWD" && "$@"',
    ]
    may = (
        shutil.which("unshare")
        and not subprocess.run([*mount, "-", "true"], cwd=tmp_path, check=False).returncode
    )
    if not may:
        pytest.skip("may not mount a small disk")
    do = [*mount, "-", sys.executable, "-c", IN_SMALL_DISK]
    done = subprocess.run(do, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("as expected\n", "")
    assert os.listdir(tmp_path) == []


@KINDS
@pytest.mark.parametrize("every", [0, 3600])
def test_a_run_whose_checkpoint_fails_can_be_resumed_without_loss(make, every, path, tmp_path):
    (tmp_path / "whole").mkdir()
    whole, fit = make(tmp_path / "whole" / "model")
    fit()
    net, fit = make(path, checkpoint=path, checkpoint_every=every)
    before = path.read_bytes()
    with full_disk(100), pytest.raises(OSError, match="File too large"):
        fit()
    assert path.read_bytes() == before
    assert all(np.isfinite(array).all() for array in net.parameters.values())
    if every == 0:  # the first of many checkpoints failed, so that there is a rest
        fit(resume=True)
        assert type(net).load(path)._weights.tobytes() == net._weights.tobytes()
    assert net._weights.tobytes() == whole._weights.tobytes()


@pytest.fixture
def closed_folder(tmp_path, monkeypatch):
    """The current folder, made read-only, also for root, who changes to another user."""
    folder = tmp_path / "closed"
    folder.mkdir()
    small().save(folder / "model")
    folder.chmod(0o555)
    monkeypatch.chdir(folder)
    root = os.geteuid() == 0
    if root:
        os.setresuid(65534, 65534, 0)
    yield folder
    if root:
        os.setresuid(0, 0, 0)
    folder.chmod(0o755)


def test_a_read_only_folder_is_reported_before_training(closed_folder):
    net = small()
    for do in (lambda: net.save("model"), lambda: net.fit(X, Y, checkpoint="model")):
        with pytest.raises(PermissionError, match="is in a folder that is not writable: 'model'"):
            do()
    assert not net.history.updates
    assert os.listdir(".") == ["model"]


def test_a_file_that_became_a_folder_during_training_is_reported(path, tmp_path):
    net = small()

    def replace_by_folder(event):
        if event.epoch == 3:
            path.unlink(missing_ok=True)
            path.mkdir()

    with pytest.raises(IsADirectoryError, match=r"is a folder, not a file: .*ein Modell"):
        net.fit(X, Y, epochs=9, checkpoint=path, callbacks=[replace_by_folder])
    assert net.history.epochs == 9  # only the file at the end failed
    assert net.predict(X).shape == (30, 3)
    assert path.is_dir()


@pytest.mark.parametrize("where", ["nowhere/model", ".", "pipe"])
def test_the_command_reports_unwritable_paths_before_training(where, tmp_path, capsys):
    text = tmp_path / "a text.txt"
    text.write_text(TEXT)
    os.mkfifo(tmp_path / "pipe")
    for option in ("--save", "--checkpoint"):
        status, out, err = run(
            capsys, "char-rnn", "train", text, option, tmp_path / where, "--quiet"
        )
        assert status == 1
        assert out == ""
        assert err.count("\n") == 1
        assert str(tmp_path / where) in err


def test_the_command_reports_a_full_disk(tmp_path):
    text, model = tmp_path / "a text.txt", tmp_path / "m ñ.safetensors"
    text.write_text(TEXT)
    train = [sys.executable, "-m", "nncore", "char-rnn", "train", text, "--quiet"]
    done = subprocess.run(
        [*train, "--iterations", "5", "--batch-size", "2", "--checkpoint", model],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)),
    )
    assert done.returncode == 1
    assert done.stderr == f"nncore: error: {model}: File too large\n"
    assert not list(tmp_path.glob(f"{TEMPORARY}*"))


@pytest.mark.parametrize("kind", ["pipe", "/dev/null"])
def test_pipes_and_devices_are_not_read_as_models(kind, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="is a device or a pipe, not a file"):
        CharRNN.load(tmp_path / kind)
