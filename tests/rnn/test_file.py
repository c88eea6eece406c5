"""Model files of RNN hold everything, and are refused if they are damaged."""

import json

import numpy as np
import pytest
from hostile_files import header_of, with_header
from rnns import BACKENDS, EVERY_CELL, classifier, ragged, small, state_of, targets_for

import nncore

X = ragged()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


@EVERY_CELL
@BACKENDS
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"layer_sizes": (3, 4, 2)},
        {"dropout": 0.3, "l2": 0.25, "dtype": "float64", "returns": "sequence"},
        {"loss": "huber", "output_activation": "tanh"},
        {"loss": "softmax_cross_entropy", "output_activation": "softmax"},
    ],
    ids=str,
)
def test_a_loaded_network_continues_with_the_same_bits(cell, backend, settings, path):
    net = small(cell, **settings, backend=backend)
    y, how = targets_for(net, X), {"optimizer": nncore.RMSprop(0.01), "batch_size": 3}
    net.fit(X, y, epochs=3, validation_fraction=0.2, **how)
    net.save(path)
    loaded = nncore.RNN.load(path, backend=backend)
    assert (state_of(loaded), repr(loaded)) == (state_of(net), repr(net))
    names = ("layer_sizes", "cell", "output_activation", "loss_name", "returns", "l2", "dropout")
    for name in (*names, "dtype", "backend"):
        assert getattr(loaded, name) == getattr(net, name)
    for one in (net, loaded):
        one.fit(X, y, epochs=2, validation_fraction=0.1, **how)
    assert state_of(loaded) == state_of(net)


def test_start_from_takes_only_the_weights_of_a_file(path):
    source, fresh = classifier("gru"), classifier("gru", rng=5)
    source.fit(X, targets_for(source, X), epochs=2)
    source.save(path)
    assert fresh.start_from(path) is fresh
    assert fresh._weights.tobytes() == source._weights.tobytes()
    assert not fresh.history.updates
    with pytest.raises(ValueError, match="already trained: 2 updates"):
        source.start_from(path)
    with pytest.raises(ValueError, match=r"with cell 'gru', expected .* with cell 'lstm'"):
        classifier("lstm").start_from(path)
    with pytest.raises(ValueError, match=r"has layers of \(3, 5, 4, 2\) with"):
        small("gru", layer_sizes=(3, 5, 2)).start_from(path)


def changed(path, **settings):
    """Change settings in a file."""
    header, arrays = header_of(path.read_bytes())
    header["__metadata__"]["nncore"]["settings"] |= settings
    path.write_bytes(with_header(header, arrays))


@pytest.mark.parametrize(
    "settings",
    [
        {"layer_sizes": [3, 5, 2]},
        {"layer_sizes": [3, 2**40, 2**40, 2]},
        {"layer_sizes": [2**53] * 18},
        {"layer_sizes": [2**53] * 100_000},
        {"layer_sizes": [3, 5]},
        {"layer_sizes": []},
        {"layer_sizes": 4},
        {"layer_sizes": [3, -5, 4, 2]},
        {"cell": "gru"},
        {"cell": ["lstm"]},
        {"returns": "all"},
        {"loss": "hinge loss"},
        {"l2": "0"},
        {"dropout": 2},
        {"dtype": "float64"},
        {"backend": "numpy"},
        {"rng": 1},
    ],
    ids=lambda settings: json.dumps(settings)[:40],
)
def test_damaged_settings_are_refused_before_anything_is_allocated(settings, path):
    small().save(path)
    changed(path, **settings)
    with pytest.raises(nncore.CheckpointError, match=r"net\.safetensors"):
        nncore.RNN.load(path)


@pytest.mark.parametrize("name", ["layer_sizes", "cell", "returns", "dropout"])
def test_missing_settings_are_named(name, path):
    small().save(path)
    header, arrays = header_of(path.read_bytes())
    del header["__metadata__"]["nncore"]["settings"][name]
    path.write_bytes(with_header(header, arrays))
    with pytest.raises(nncore.CheckpointError, match=f"settings lack {name}"):
        nncore.RNN.load(path)


def test_models_of_other_kinds_are_refused(path):
    nncore.MLP([3, 2], rng=0).save(path)
    with pytest.raises(nncore.CheckpointError, match="contains a model of kind MLP, expected RNN"):
        nncore.RNN.load(path)
    small().save(path)
    with pytest.raises(nncore.CheckpointError, match="contains a model of kind RNN, expected MLP"):
        nncore.MLP.load(path)


def test_parameters_that_are_not_finite_are_not_saved(path):
    net = small()
    net.parameters["why"][0, 0] = np.inf
    with pytest.raises(ValueError, match=r"parameters\.why contains NaN or infinity"):
        net.save(path)
    assert not path.exists()
