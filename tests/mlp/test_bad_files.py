"""Bad model files of MLP raise CheckpointError."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlp_files import MANY, X, Y, forged, saved
from mlps import small

from nncore import (
    MLP,
    CharRNN,
    CheckpointError,
    EarlyStopping,
)


def test_missing_files_and_folders_raise_oserrors(tmp_path):
    with pytest.raises(FileNotFoundError):
        MLP.load(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        MLP.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="folder that does not exist"):
        small().save(tmp_path / "no" / "where")


def test_a_model_of_another_class_is_named(path):
    model = CharRNN(hidden_size=3, rng=0).build("abc")
    model.save(path)
    with pytest.raises(CheckpointError, match="contains a model of kind CharRNN, expected MLP"):
        MLP.load(path)
    saved(path)
    with pytest.raises(CheckpointError, match="contains a model of kind MLP, expected CharRNN"):
        CharRNN.load(path)


@pytest.mark.parametrize(
    "content", [b"", b"no model", b"\x08" + b"\0" * 7 + b"{}      ", b"\xff" * 64]
)
def test_other_files_are_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(CheckpointError):
        MLP.load(path)


@given(cut=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_short_is_refused(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("cut") / "model"
    saved(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(cut * len(data))])
    with pytest.raises(CheckpointError):
        MLP.load(path)


@given(at=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_a_changed_byte_is_refused_or_gives_a_network(tmp_path_factory, at, byte):
    path = tmp_path_factory.mktemp("byte") / "model"
    saved(path)
    data = bytearray(path.read_bytes())
    data[int(at * len(data))] = byte
    path.write_bytes(data)
    try:
        loaded = MLP.load(path)
    except CheckpointError:
        return
    assert loaded.predict(X).shape == (30, loaded.layer_sizes[-1])


def settings(**changes):
    return lambda arrays, header: header["settings"].update(changes)


def field(name, value):
    return lambda arrays, header: header.update({name: value})


def array(name, value):
    return lambda arrays, header: arrays.update({name: value})


def unmeasured_without_history(arrays, header):
    header["run"] = {
        "planned": 9, "per_epoch": 3, "mark": [30, 4, 0], "split": None, "progress": [0, 0.0],
        "measured": False, "factor": 1.0, "early": {"best": None, "epochs": 0},
        "flat": {"best": None, "epochs": 0}, "ended": False,
    }  # fmt: skip
    for name in ("loss", "validation_loss", "validation_accuracy"):
        arrays[f"history.{name}"] = np.zeros(0)


BAD = {
    "no settings": lambda arrays, header: header.pop("settings"),
    "settings of a list": field("settings", [1]),
    "a setting too few": lambda arrays, header: header["settings"].pop("loss"),
    "a setting too many": settings(colour="red"),
    "no sizes": settings(layer_sizes=[]),
    "one size": settings(layer_sizes=[4]),
    "other sizes": settings(layer_sizes=[4, 7, 3]),
    "sizes beyond memory": settings(layer_sizes=[4, MANY, 3]),
    "sizes below 0": settings(layer_sizes=[4, -6, 3]),
    "sizes of text": settings(layer_sizes=["4", "6", "3"]),
    "sizes of None": settings(layer_sizes=None),
    "sizes of floats": settings(layer_sizes=[4, 6.5, 3]),
    "a thousand layers": settings(layer_sizes=[4] * 1000),
    "an unknown activation": settings(output_activation="gelus"),
    "activations of None": settings(hidden_activation=None),
    "an unknown loss": settings(loss="hing"),
    "a loss that does not fit": settings(loss="binary_cross_entropy"),
    "an unknown dtype": settings(dtype="float16"),
    "no dtype": settings(dtype=None),
    "another dtype": settings(dtype="float64"),
    "dropout of 1": settings(dropout=[1.0]),
    "penalties below 0": settings(l2=-1),
    "weights of the header": settings(weight_init="zeros"),
    "an unknown optimizer": field("optimizer", "adamax"),
    "an optimizer of another size": field("optimizer", "sgd_"),
    "optimizer None": field("optimizer", None),
    "no random numbers": field("split_rng", None),
    "random numbers of another kind": field("split_rng", {"bit_generator": "MT19937"}),
    "no seed": field("hash_seed", None),
    "a seed of text": field("hash_seed", "1"),
    "a history of a list": field("history", []),
    "updates below 0": field("history", {"updates": -1, "best_epoch": 0, "seconds": 0.0}),
    "updates of float": field("history", {"updates": 1.5, "best_epoch": 0, "seconds": 0.0}),
    "updates beyond all": field("history", {"updates": 2**52 + 1, "best_epoch": 0, "seconds": 0.0}),
    "no updates": field("history", {"best_epoch": 0, "seconds": 0.0}),
    "seconds of text": field("history", {"updates": 3, "best_epoch": 0, "seconds": "1"}),
    "another kind": field("kind", "RNN"),
    "a newer version": field("version", 2),
    "no version": field("version", None),
    "no weights": lambda arrays, header: arrays.pop("parameters.w1"),
    "no state": lambda arrays, header: arrays.pop("optimizer.0.w1"),
    "no counters": lambda arrays, header: arrays.pop("counters"),
    "counters below 0": array("counters", np.array([-1, 0, 0, 0])),
    "counters too large": array("counters", np.array([2**52 + 1, 0, 0, 0])),
    "counters of float": array("counters", np.zeros(4)),
    "short counters": array("counters", np.zeros(1, np.int64)),
    "transposed weights": array("parameters.w1", np.zeros((6, 4), np.float32)),
    "weights of float64": array("parameters.w1", np.zeros((4, 6))),
    "a history of float32": array("history.loss", np.zeros(3, np.float32)),
    "a history of lines": array("history.loss", np.zeros((1, 3))),
    "one NaN in the weights": array("parameters.w1", np.full((4, 6), np.nan, np.float32)),
    "infinite weights": array("parameters.b2", np.full(3, np.inf, np.float32)),
    "NaN in the optimizer's state": array("optimizer.1.w2", np.full((6, 3), np.nan, np.float32)),
    "an array too many": array("parameters.w3", np.zeros(3, np.float32)),
    "the weights of a run that is not there": array("run.best", np.zeros(3, np.float32)),
    "a version before the first": field("version", 0),
    "a seed too large": field("hash_seed", 2**63),
    "numbers beyond all floats": field("seconds", float("inf")),
    "an epoch to be measured that is not there": unmeasured_without_history,
    "a short history": array("history.validation_loss", np.zeros(2)),
}


@pytest.mark.parametrize("kind", BAD)
def test_damaged_files_are_refused(path, kind):
    forged(path, BAD[kind])
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        MLP.load(path)


@pytest.mark.parametrize("sizes", [[4, 10**7, 3], [10**6, 10**6], [4] * 64 + [10**7]])
def test_sizes_claimed_by_a_header_take_no_memory(path, sizes):
    forged(path, settings(layer_sizes=sizes, hidden_activation="relu", dropout=0.0))
    tracemalloc.start()
    with pytest.raises(CheckpointError):
        MLP.load(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10**7


def test_unchanged_settings_load(path):
    """The forgery itself does no damage."""
    assert MLP.load(forged(path, lambda arrays, header: None)).history.epochs == 3


def ctrl_c(event):
    raise KeyboardInterrupt


def test_training_continues_at_the_largest_number_of_updates_in_a_file(path):
    def many(arrays, header):
        arrays["counters"] = np.array([2**52, 2**52, 0, 2**52])
        header["history"]["updates"] = 2**52
        run = header["run"]
        run["early"]["epochs"] = run["flat"]["epochs"] = 2**52
        run["planned"], run["progress"], run["ended"] = 2**53, [2**52, 0.0], False

    net = MLP.load(forged(path, many))
    how = {"validation_fraction": 0.2, "early_stopping": EarlyStopping(2**53)}
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            net.fit(X, Y, resume=True, callbacks=[ctrl_c], checkpoint=path, **how)
        net = MLP.load(path)
    for _ in range(2):
        net.fit(X, Y, epochs=2, checkpoint=path)
        assert MLP.load(path)._weights.tobytes() == net._weights.tobytes()
        net = MLP.load(path)
    assert net.history.updates == 2**52
    assert net.history.epochs == 9


def test_a_run_of_the_largest_number_of_epochs_can_be_resumed(path):
    net = small()
    how = {"batch_size": 10, "checkpoint": path}
    for resume in (False, True, True):
        with pytest.raises(KeyboardInterrupt):
            net.fit(X, Y, epochs=2**53, resume=resume, callbacks=[ctrl_c], **how)
        net = MLP.load(path)
    assert net.history.epochs == 3


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "loss",
            np.zeros(2),
            r"history.validation_loss is float64 \(3,\), expected float64 \(2,\)",
        ),
        ("validation_loss", np.zeros(3, "f4"), "history.validation_loss is float32"),
        ("validation_accuracy", None, "history.validation_accuracy must be an array, got NoneType"),
        ("updates", -1, "history.updates must be an integer from 0"),
        ("best_epoch", 1.5, "history.best_epoch must be an integer from 0"),
        ("seconds", float("inf"), "not JSON compliant"),
    ],
    ids=repr,
)
def test_an_invalid_history_is_not_saved(name, value, message, path):
    net = saved(path)
    before = path.read_bytes()
    setattr(net.history, name, value)
    with pytest.raises(ValueError, match=message):
        net.save(path)
    assert path.read_bytes() == before
