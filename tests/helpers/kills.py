"""Training that is killed repeatedly while it writes checkpoints, and resumed each time."""

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from texts import prose

from nncore import MLP, RNN, CharRNN, EarlyStopping, Population
from nncore.files.atomic import STALE_SECONDS, TEMPORARY

KINDS = ("MLP", "CharRNN", "LSTM", "RNN", "Population")
MOST_SECONDS = 60  # until a process has written its first checkpoint


# --- training: files of 0.3 MB, so that a write takes a while ----------------------------------


def new(kind):
    if kind == "MLP":
        return MLP([64, 128, 96, 8], "tanh", "softmax", "softmax_cross_entropy", dropout=0.1, rng=0)
    if kind == "LSTM":
        return CharRNN(48, 10, 4, cell="lstm", layers=2, dropout=0.1, rng=0)
    if kind == "RNN":
        return RNN([8, 48, 32, 3], "gru", dropout=0.1, rng=0)
    if kind == "Population":
        return Population([8, 40, 3], "tanh", l2=np.geomspace(1e-6, 1e-3, 60), rng=60)
    return CharRNN(128, 10, 4, rng=0)


def train(kind, model, **how):
    if kind == "MLP":
        rng = np.random.default_rng(0)
        x, labels = rng.standard_normal((40, 64)).astype(np.float32), np.arange(40) % 8
        model.fit(x, labels, epochs=1500, batch_size=20, **how)
    elif kind == "RNN":
        rng = np.random.default_rng(0)
        x = [rng.standard_normal((1 + n % 7, 8)).astype(np.float32) for n in range(40)]
        y = rng.standard_normal((40, 3)).astype(np.float32)
        model.fit(x, y, epochs=1000, batch_size=20, **how)
    elif kind == "Population":
        rng = np.random.default_rng(0)
        x, y = rng.standard_normal((24, 8)), rng.standard_normal((24, 3))
        rows = [rng.integers(0, 24, 8 * (1 + k % 3)) for k in range(60)]
        rates, stopping = np.geomspace(1e-4, 0.1, 60), EarlyStopping(30)
        how = {"learning_rate": rates, "early_stopping": stopping, "rows": rows, **how}
        model.fit(x, y, validation_data=(x, y), epochs=200, batch_size=8, **how)
    else:
        model.fit(prose(4000), iterations=2000, **how)


def load(kind, path):
    return {"MLP": MLP, "RNN": RNN, "Population": Population}.get(kind, CharRNN).load(path)


def child(kind, path):
    """The work of the process that is killed: it starts a run, or resumes it from the file."""
    resume = Path(path).exists()
    model = load(kind, path) if resume else new(kind)
    train(kind, model, checkpoint=path, checkpoint_every=0, resume=resume)


# --- killing it ---------------------------------------------------------------------------------


def rounds(kind, count, folder, seed=0):
    """Kill `count` processes; what was found, how often. AssertionError for a file that is lost.

    The file must always load and be a state of the one run there is: its losses are those of a
    run without kills, to the bit, and never fewer than before. What is left after the last kill
    is finished, and has to end as that run.
    """
    rng, path, found = (
        np.random.default_rng(seed),
        Path(folder) / f"{kind} ñ.safetensors",
        Counter(),
    )
    whole = new(kind)
    train(kind, whole)
    seen = 0
    for _ in range(count):
        _kill_one(kind, path, rng.random() * 0.08)
        found["stale files"] += len(_sweepable(folder))
        model = load(kind, path)
        losses = model.history.loss
        known = ~np.isnan(losses)  # of a population, those of the groups that were trained
        done = int(known.sum())
        assert done >= seen, f"{done} losses after {seen}"
        of_whole = whole.history.loss[..., : losses.shape[-1]]
        assert losses[known].tobytes() == of_whole[known].tobytes()
        seen = done
        if model._run is None or model._run.ended:
            _check_same(model, whole)
            found["runs finished"] += 1
            path.unlink()
            seen = 0
    if path.exists():
        child(kind, path)
        _check_same(load(kind, path), whole)
        found["runs finished"] += 1
    assert not _sweepable(folder), "stale files are left"
    return found


def _kill_one(kind, path, seconds):
    """Start or resume a run, wait for a checkpoint and some more time, and send SIGKILL."""
    before = _written(path)
    code = f"import kills; kills.child({kind!r}, {str(path)!r})"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parent)
    end = time.monotonic() + MOST_SECONDS
    while _written(path) == before and process.poll() is None:
        assert time.monotonic() < end, "no checkpoint was written"
        time.sleep(0.001)
    time.sleep(seconds)
    process.kill()
    assert process.wait() in (0, -9)
    assert path.exists()


def _written(path):
    """The identity of the file with this name."""
    try:
        return os.stat(path).st_ino, os.stat(path).st_mtime_ns
    except FileNotFoundError:
        return None


def _sweepable(folder):
    """Temporary files that are left; made so old that the next save sweeps them."""
    left = list(Path(folder).glob(f"{TEMPORARY}*"))
    for file in left:
        os.utime(file, (time.time() - 2 * STALE_SECONDS,) * 2)
    return left


def _check_same(model, whole):
    for name in ("_weights", "_slots", "_counters"):
        assert getattr(model, name).tobytes() == getattr(whole, name).tobytes(), name
