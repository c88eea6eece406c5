"""Model files of MLP hold everything."""

import numpy as np
import pytest
from mlp_files import LABELS, X, Y, saved
from mlps import BACKENDS, classifier, small, state_of

from nncore import (
    MLP,
    SGD,
    Adam,
    EarlyStopping,
    OnPlateau,
    RMSprop,
)

# --- contents -----------------------------------------------------------------------------------


@BACKENDS
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"layer_sizes": (4, 3)},
        {"layer_sizes": (4, 6, 5, 3), "hidden_activation": ("tanh", "softmax"), "l1": 0.1},
        {"dropout": 0.3, "l2": 0.25, "dtype": "float64"},
        {"loss": "huber", "output_activation": "tanh"},
        {"loss": "softmax_cross_entropy"},
        {"loss": "softmax_cross_entropy", "output_activation": "softmax"},
    ],
    ids=str,
)
@pytest.mark.parametrize("optimizer", [Adam(0.01), SGD(0.01), RMSprop(0.01)], ids=repr)
def test_a_loaded_network_continues_with_the_same_bits(path, backend, settings, optimizer):
    net = small(**settings, backend=backend)
    y = LABELS if net.loss_name == "softmax_cross_entropy" else Y
    how = {"optimizer": optimizer, "batch_size": 7}
    net.fit(X, y, epochs=3, validation_fraction=0.2, **how)
    net.save(path)
    loaded = MLP.load(path, backend=backend)
    assert state_of(loaded) == state_of(net)
    assert repr(loaded) == repr(net)
    for name in ("layer_sizes", "activations", "loss_name", "l1", "l2", "dropout", "dtype"):
        assert getattr(loaded, name) == getattr(net, name)
    assert loaded.backend == backend
    assert loaded.predict(X).tobytes() == net.predict(X).tobytes()
    for one in (net, loaded):
        one.fit(X, y, epochs=2, validation_fraction=0.1, **how)
    assert state_of(loaded) == state_of(net)


def test_a_network_without_training_can_be_saved(path):
    net = small()
    net.save(path)
    loaded = MLP.load(path)
    assert state_of(loaded) == state_of(net)
    for one in (net, loaded):
        one.fit(X, Y, epochs=2, batch_size=8)
    assert state_of(loaded) == state_of(net)


def test_the_backend_is_chosen_when_loading(path):
    net = saved(path, dtype="float64")
    loaded = MLP.load(path, backend="numpy")
    assert loaded.backend == "numpy"
    np.testing.assert_allclose(loaded.predict(X), net.predict(X), rtol=1e-12)
    with pytest.raises(ValueError, match="backend must be one of 'compiled', 'numpy', got 'torch'"):
        MLP.load(path, backend="torch")


def test_the_history_is_kept(path):
    net = classifier()
    net.fit(X, LABELS, epochs=2)
    net.fit(X, LABELS, epochs=2, validation_data=(X, LABELS))
    net.save(path)
    history = MLP.load(path).history
    for name in ("loss", "validation_loss", "validation_accuracy"):
        np.testing.assert_array_equal(getattr(history, name), getattr(net.history, name))
    assert (history.updates, history.best_epoch) == (4, 0)
    assert history.seconds == net.history.seconds


def test_the_same_network_gives_the_same_file(tmp_path):
    net = small()
    net.fit(X, Y, epochs=2)
    for name in "ab":
        net.save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    MLP.load(tmp_path / "a").save(tmp_path / "c")
    assert (tmp_path / "c").read_bytes() == (tmp_path / "b").read_bytes()


def test_subclasses_load_as_themselves(path):
    class Mine(MLP):
        """A custom network."""

    saved(path)
    assert type(Mine.load(path)) is Mine


def test_loading_leaves_the_file_as_it_is(path):
    saved(path)
    before = path.read_bytes()
    MLP.load(path).fit(X, Y, epochs=2)
    assert path.read_bytes() == before


@pytest.mark.parametrize("waits", ["early_stopping", "schedule"])
def test_a_run_whose_held_out_loss_is_infinite_is_saved_and_resumed(path, waits):
    wait = {"early_stopping": EarlyStopping(50), "schedule": OnPlateau()}[waits]
    how = {"validation_data": (X, np.float64(1e200) * Y), waits: wait, "epochs": 6}
    whole, part = small(dtype="float64"), small(dtype="float64")
    whole.fit(X, Y, **how)
    assert np.isinf(whole.history.validation_loss).all()

    def ctrl_c(event):
        if event.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        part.fit(X, Y, **how, checkpoint=path, callbacks=[ctrl_c])
    loaded = MLP.load(path)
    assert loaded.history.epochs == 2
    loaded.fit(X, Y, **how, resume=True)
    assert state_of(loaded) == state_of(whole)


def test_a_run_whose_sum_of_losses_is_infinite_is_saved_and_resumed(path):
    x, y = np.ones((300, 2), np.int16), np.full(300, 1.2e154)  # int16: calls end within epochs
    how = {"epochs": 2, "batch_size": 1, "optimizer": SGD(1e-300)}
    whole, part = (MLP([2, 3, 1], rng=1, dtype="float64") for _ in range(2))
    whole.fit(x, y, **how)
    part.fit(x, y, **how, checkpoint=path, checkpoint_every=0)
    assert whole.history.loss.tolist() == [np.inf, np.inf]
    assert state_of(part) == state_of(whole) == state_of(MLP.load(path))
