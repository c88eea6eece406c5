"""What rows count in training: at every batch size, in every unit, in the history too."""

import numpy as np
import pytest

import nncore

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(50, 3)), RNG.normal(size=(50, 1))
ONE = np.where(np.arange(50) == 7, 1.0, 0.0)


@pytest.fixture(params=["compiled", "numpy"])
def backend(request):
    return request.param


def network(backend="compiled", dtype="float64", **settings):
    return nncore.MLP([3, 4, 1], "tanh", dtype=dtype, backend=backend, rng=0, **settings)


@pytest.mark.parametrize("batch", [1, 7, 10, 50])
def test_the_history_is_the_weighted_mean(backend, batch):
    """Almost nothing moves, so that the mean over the epoch's batches is the loss."""
    net = network(backend, l2=0.01)
    weight = RNG.uniform(0, 2, 50)
    for given in (ONE, weight):
        history = net.fit(
            X, Y, optimizer=nncore.SGD(1e-14), epochs=1, batch_size=batch, sample_weight=given
        )
        assert history.loss[-1] == pytest.approx(net.loss(X, Y, sample_weight=given), rel=1e-9)


def test_weights_act_on_single_rows(backend):
    """Rows of weight 0 teach nothing; at batch_size=1 each used to be divided by itself."""
    net, alone = network(backend), network(backend)
    how = {"optimizer": nncore.SGD(0.001), "epochs": 20, "batch_size": 1, "shuffle": False}
    net.fit(X, Y, sample_weight=ONE, **how)
    alone.fit(X[7:8], Y[7:8], **{**how, "optimizer": nncore.SGD(0.05)})  # 50 times the mean weight
    for name, array in net.parameters.items():
        np.testing.assert_allclose(array, alone.parameters[name], rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("unit", [5e-324, 1e-310, 1e-50, 1e30, 1e300])
def test_weights_may_be_in_any_unit(backend, dtype, unit):
    """Weights out of the range of float32 used to be 0, with a loss of 0, or refused."""
    nets = network(backend, dtype), network(backend, dtype)
    for net, weight in zip(nets, (np.ones(50), np.full(50, unit)), strict=True):
        net.fit(X, Y, sample_weight=weight, epochs=3)
    assert nets[0].history.loss.tolist() == nets[1].history.loss.tolist()
    assert nets[0].history.loss[-1] > 0
    whole = nets[1].loss(X, Y, sample_weight=np.full(50, unit))
    assert whole == pytest.approx(nets[0].loss(X, Y), rel=1e-6)


def test_validation_counts_weights(backend):
    held_out = (X[:10], Y[:10], ONE[:10])
    net = network(backend)
    net.fit(X, Y, epochs=1, validation_data=held_out)
    expected = net.loss(X[7:8], Y[7:8])
    assert net.history.validation_loss[-1] == pytest.approx(expected)
    classes = nncore.MLP([3, 4, 2], "tanh", "softmax", "softmax_cross_entropy", rng=0)
    labels = (Y[:, 0] > 0).astype(int)
    classes.fit(X, labels, epochs=1, validation_data=(X, labels, ONE))
    right = float(classes.predict_class(X)[7] == labels[7])
    assert classes.history.validation_accuracy[-1] == right


def test_validation_weights_are_named_in_errors():
    with pytest.raises(ValueError, match=r"validation_data: sample_weight has shape \(3,\)"):
        network().fit(X, Y, validation_data=(X, Y, np.ones(3)))


def test_a_split_that_leaves_only_rows_of_weight_0_is_refused():
    with pytest.raises(ValueError, match=r"sample_weight is 0 for all rows (to train on|held out)"):
        network().fit(X, Y, sample_weight=ONE, validation_fraction=0.5)


def test_data_that_is_too_large_is_named():
    linear = {
        "dtype": "float32",
        "weight_init": {
            name: np.full_like(array, 3) for name, array in network().parameters.items()
        },
    }

    def made(**settings):
        return nncore.MLP([3, 4, 1], "identity", **{**linear, **settings})

    with pytest.raises(nncore.DivergenceError, match=r"No update was made\. X reaches .*e\+37"):
        made().fit(np.abs(X) * 1e37, Y)
    with pytest.raises(
        nncore.DivergenceError, match=r"X reaches .*e\+25: scale the data .*, or try"
    ):
        made().fit(X * 1e25, Y)
    with pytest.raises(nncore.DivergenceError, match=r"Y reaches .*e\+30: scale the data"):
        made().fit(X, Y * 1e30, optimizer=nncore.SGD(0.1))
    huge = {name: array * 1e37 for name, array in linear["weight_init"].items()}
    with pytest.raises(nncore.DivergenceError, match=r"The parameters reach 3e\+37, too large"):
        made(weight_init=huge).fit(X, Y)
