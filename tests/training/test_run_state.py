"""The state of a run: what ends it, and the data with which it can be resumed."""

import tracemalloc
import zlib

import numpy as np
import pytest
from char_rnn_files import forged
from interrupted_runs import LABELS, MAKE, TEXT, X, mlp
from model_files import edited, read

import nncore
from nncore.training import fingerprint

DATA = {nncore.MLP: (X, LABELS), nncore.CharRNN: (TEXT,)}
KINDS = pytest.mark.parametrize("kind", DATA)


def stop_now(event):
    return True


def made(kind):
    return kind(**MAKE[kind])


def result(model):
    return [getattr(model, name).tobytes() for name in ("_weights", "_slots", "_counters")] + [
        model.history.loss.tobytes()
    ]


# --- fingerprints -------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [1, 7])
def test_a_fingerprint_is_the_shape_and_a_checksum_of_all_bytes(every):
    rng = np.random.default_rng(0)
    arrays = [rng.random((3000, 130)), rng.integers(9, size=3000), rng.random((40, 30)).T[:, ::2]]
    content = b"".join(np.ascontiguousarray(array[::every]).tobytes() for array in arrays)
    assert fingerprint((3000, 130), arrays, every) == [3000, 130, zlib.crc32(content)]
    assert fingerprint((0,), [np.empty(0)]) == [0, 0]


def test_a_fingerprint_of_a_large_array_takes_no_copy_of_it():
    array = np.zeros((10**6, 4))
    tracemalloc.start()
    fingerprint(array.shape, [array.T])
    fingerprint(array.shape, [array])
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10**7


# --- data ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [1, 4321, 29_999])
def test_a_long_text_that_differs_in_one_character_is_another_text(at):
    text = TEXT * 20
    changed = text[:at] + ("a" if text[at] != "a" else "b") + text[at + 1 :]
    model = made(nncore.CharRNN)
    model.fit(text, iterations=50, callbacks=[stop_now])
    with pytest.raises(ValueError, match="text and validation_fraction must be those"):
        model.fit(changed, resume=True)
    model.fit(text, resume=True)
    assert model.history.iterations == 50


def test_a_text_is_that_of_the_run_even_before_the_first_update(monkeypatch):
    model = made(nncore.CharRNN)

    def ctrl_c(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(model, "_train", ctrl_c)
        with pytest.raises(KeyboardInterrupt):
            model.fit(TEXT, iterations=5)
    assert not model.history.iterations
    with pytest.raises(ValueError, match="text and validation_fraction must be those"):
        model.fit(TEXT[::-1], resume=True)
    model.fit(TEXT, resume=True)
    assert model.history.iterations == 5


def first_mark(text, vocabulary):
    """What the first versions wrote for a text: its length and a sum over a sample."""
    ids = np.array([vocabulary.index(character) for character in text])
    sample = ids[:: max(1, len(ids) // 4096)]
    return [len(ids), int(np.dot(sample, np.arange(1, len(sample) + 1)))]


def test_the_fingerprint_of_the_first_versions_is_recognised_and_replaced(tmp_path):
    path = tmp_path / "run.safetensors"
    whole, model = made(nncore.CharRNN), made(nncore.CharRNN)
    whole.fit(TEXT, iterations=50)
    model.fit(TEXT, iterations=50, callbacks=[stop_now], checkpoint=path)
    new = read(path)[1]["text_mark"]
    old = first_mark(TEXT, model.vocabulary.characters)
    assert old != new
    edited(path, lambda arrays, header: header.update(text_mark=old))
    with pytest.raises(ValueError, match="must be those that it was started with"):
        nncore.CharRNN.load(path).fit(TEXT[::-1], resume=True)
    loaded = nncore.CharRNN.load(path)
    loaded.fit(TEXT, resume=True, checkpoint=path)
    assert result(loaded) == result(whole)
    assert read(path)[1]["text_mark"] == new


# --- the end of a run ---------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("by", ["network", "file"])
def test_a_run_that_a_callback_stopped_is_finished_with_the_same_bits(kind, by, tmp_path):
    path = tmp_path / "run.safetensors"
    whole, model = made(kind), made(kind)
    how = {"epochs": 12, "validation_fraction": 0.2}
    whole.fit(*DATA[kind], **how)
    model.fit(*DATA[kind], **how, callbacks=[stop_now], checkpoint=path)
    for _ in range(2):
        assert model.history.loss.size < whole.history.loss.size
        model = kind.load(path) if by == "file" else model
        model.fit(*DATA[kind], **how, callbacks=[stop_now], checkpoint=path, resume=True)
    model.fit(*DATA[kind], **how, resume=True)
    assert result(model) == result(whole)
    with pytest.raises(ValueError, match="there is no run to resume"):
        model.fit(*DATA[kind], **how, resume=True)


def test_a_stopped_run_with_early_stopping_goes_on_from_its_last_weights():
    how = {"epochs": 40, "early_stopping": nncore.EarlyStopping(3), "optimizer": nncore.SGD(3.0)}
    whole, model = mlp(0), mlp(0)
    whole.fit(X, LABELS, **how)
    at = whole.history.epochs - 1
    assert whole.history.best_epoch < at < 39
    model.fit(X, LABELS, **how, callbacks=[lambda event: event.epoch == at])
    assert model.history.epochs == at
    model.fit(X, LABELS, **how, resume=True)
    assert result(model) == result(whole)


@KINDS
def test_a_callback_that_stops_after_the_last_update_leaves_nothing_to_resume(kind):
    model = made(kind)
    planned = {"epochs": 1, "batch_size": 99} if kind is nncore.MLP else {"iterations": 1}
    model.fit(*DATA[kind], **planned, callbacks=[stop_now])
    with pytest.raises(ValueError, match="there is no run to resume"):
        model.fit(*DATA[kind], resume=True)


def test_a_run_that_early_stopping_ended_is_finished_even_if_a_callback_agrees():
    model = nncore.MLP([6, 3], rng=0)
    targets = np.eye(3)[LABELS]
    how = {"early_stopping": nncore.EarlyStopping(2), "batch_size": 99}
    how["optimizer"] = nncore.SGD(1e-30)
    model.fit(X, targets, **how, callbacks=[lambda event: event.epoch == 3])
    assert model.history.epochs == 3
    with pytest.raises(ValueError, match="there is no run to resume"):
        model.fit(X, targets, **how, resume=True)


def test_a_text_run_with_more_updates_than_it_planned_is_damaged(tmp_path):
    path = tmp_path / "run.safetensors"
    with pytest.raises(nncore.CheckpointError, match="run has 3 of 2 updates"):
        nncore.CharRNN.load(forged(path, lambda arrays, _: arrays.update(run=np.array([0, 2]))))


def test_a_file_without_a_text_has_no_run(tmp_path):
    path = tmp_path / "run.safetensors"
    model = nncore.CharRNN.load(forged(path, lambda _, header: header.update(text_mark=[])))
    assert model.finished
    with pytest.raises(ValueError, match="there is no run to resume"):
        model.fit(TEXT, resume=True)
