"""Members as networks, populations of networks, copies and pickles."""

import copy
import pickle

import numpy as np
import pytest
from mlps import classifier
from populations import (
    HELD_OUT,
    LABELS,
    RATES,
    M,
    X,
    Y,
    adam,
    alone,
    assert_same_network,
    bits,
    population,
    record,
    trained,
)

from nncore import MLP, RNN, SGD, EarlyStopping, Population

COPIES = pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda nets: pickle.loads(pickle.dumps(nets))],
    ids=["copy", "deepcopy", "pickle"],
)  # fmt: skip


def networks(**how):
    nets = [alone(k, l2=0.01 * k) for k in range(M)]
    for net in nets:
        net.fit(X, Y, **{"epochs": 3, "batch_size": 7} | how)
    return nets


def test_networks_become_members_and_members_networks():
    given = networks()
    nets = Population.of(given)
    assert [net.l2 for net in nets] == [net.l2 for net in given]
    for net, member in zip(given, nets, strict=True):
        assert isinstance(member, MLP)
        assert_same_network(member, net)
    assert bits(Population.of(nets)) == bits(nets)
    np.testing.assert_equal(record(Population.of(nets).history), record(nets.history))


@pytest.mark.parametrize("optimizer", [adam(0.01), SGD(0.1)])
def test_training_continues_in_a_population_and_in_its_members(optimizer):
    how = {"batch_size": 7, "epochs": 3, "optimizer": optimizer}
    given = networks(**how)
    nets = Population.of(given)
    nets.fit(X, Y, **how)
    members = list(nets)
    for net, member in zip(given, members, strict=True):
        net.fit(X, Y, **how)
        assert_same_network(member, net)
        for each in (net, member):
            each.fit(X, Y, validation_fraction=0.3, **how)
        assert_same_network(member, net)


def test_a_population_and_its_networks_share_nothing():
    given = networks()
    nets = Population.of(given)
    before = bits(given[0]), bits(nets)
    nets[0].fit(X, Y, epochs=1)
    nets[0].parameters["w1"][...] = 0
    assert (bits(given[0]), bits(nets)) == before
    nets.fit(X, Y, epochs=1)
    assert bits(given[0]) == before[0]
    assert bits(nets) != before[1]


def test_classifiers_become_members():
    given = [classifier(rng=k) for k in range(3)]
    nets = Population.of(iter(given))
    nets.fit(X, LABELS, epochs=3)
    for net, member in zip(given, nets, strict=True):
        net.fit(X, LABELS, epochs=3)
        assert_same_network(member, net)


def test_members_are_counted_from_either_end():
    nets = trained()
    assert bits(nets[-1]) == bits(nets[M - 1]) != bits(nets[0])
    assert bits(nets[np.int64(1)]) == bits(nets[1])
    for number in (M, -M - 1):
        with pytest.raises(IndexError):
            nets[number]
    for wrong in ("w1", 1.0):
        with pytest.raises(TypeError, match="integer"):
            nets[wrong]


def test_several_members_at_once_are_refused():
    with pytest.raises(TypeError, match="integer"):
        trained()[0:2]


EARLY = {
    "early_stopping": EarlyStopping(2), "validation_data": HELD_OUT, "epochs": 40,
    "learning_rate": RATES,
}  # fmt: skip


def test_the_history_of_a_member_continues_after_it_stopped_early():
    nets = trained(EARLY)
    nets.fit(X, Y, epochs=3)
    for k in range(M):
        net = alone(k)
        net.fit(X, Y, **{name: EARLY[name] for name in list(EARLY)[:3]}, optimizer=adam(RATES[k]))
        net.fit(X, Y, epochs=3)
        assert bits(nets[k]) == bits(net)
        assert np.isfinite(nets[k].history.loss).all()
        assert_same_network(nets[k], net)


def test_the_histories_of_networks_that_were_trained_for_different_times_continue():
    given = [alone(k) for k in range(3)]
    for k, net in enumerate(given):
        net.fit(X, Y, epochs=1 + 2 * k)
    nets = Population.of(given)
    nets.fit(X, Y, epochs=2)
    for net, member in zip(given, nets, strict=True):
        net.fit(X, Y, epochs=2)
        assert bits(net) == bits(member)
        assert_same_network(member, net)


# --- parameters -----------------------------------------------------------------------------


def test_parameters_and_flat_are_views_of_each_other(dtype):
    nets = population(dtype=dtype)
    shapes = {"w1": (M, 4, 6), "b1": (M, 6), "w2": (M, 6, 3), "b2": (M, 3)}
    assert {name: array.shape for name, array in nets.parameters.items()} == shapes
    assert nets.flat.shape == (M, 4 * 6 + 6 + 6 * 3 + 3)
    assert {a.dtype for a in (nets.flat, *nets.parameters.values())} == {np.dtype(dtype)}
    for array in nets.parameters.values():
        assert np.shares_memory(array, nets.flat)
    nets.flat[...] = np.arange(nets.flat.size).reshape(nets.flat.shape)
    rows = np.concatenate([a.reshape(M, -1) for a in nets.parameters.values()], axis=1)
    np.testing.assert_array_equal(rows, nets.flat)
    for array in nets.parameters.values():
        array[...] = 0
    assert not nets.flat.any()
    assert not nets.predict(X).any()


def test_changed_parameters_are_those_of_the_member():
    nets, net = population(), alone(2)
    for parameters in (net.parameters, {n: a[2] for n, a in nets.parameters.items()}):
        parameters["w1"][...] *= 2
        parameters["b2"][...] = 1
    assert nets.predict(X)[2].tobytes() == net.predict(X).tobytes()
    nets.fit(X, Y, epochs=2)
    net.fit(X, Y, epochs=2)
    assert_same_network(nets[2], net)


def test_parameters_cannot_be_replaced():
    nets = population()
    for name in ("flat", "parameters"):
        with pytest.raises(AttributeError):
            setattr(nets, name, None)


# --- copies ---------------------------------------------------------------------------------


@COPIES
def test_copies_continue_with_the_same_bits_and_share_nothing(copied):
    nets = trained({"batch_size": 7}, l2=np.linspace(0, 0.1, M))
    before = bits(nets), record(nets.history)
    twin = copied(nets)
    assert isinstance(twin, Population)
    assert bits(twin) == before[0]
    twin.fit(X, Y, epochs=2, batch_size=7)
    twin.parameters["w1"][0] += 1
    assert bits(nets) == before[0]
    np.testing.assert_equal(record(nets.history), before[1])
    twin.parameters["w1"][0] -= 1
    nets.fit(X, Y, epochs=2, batch_size=7)
    assert twin.flat[1:].tobytes() == nets.flat[1:].tobytes()
    np.testing.assert_equal(record(twin.history), record(nets.history))


@COPIES
def test_arrays_of_copies_are_aligned_and_writable(copied):
    for name, array in vars(copied(trained())).items():
        if isinstance(array, np.ndarray) and array.size:
            assert array.flags.writeable, name
            assert array.ctypes.data % 64 == 0, name


# --- what cannot be a member ----------------------------------------------------------------

SMALL = {"layer_sizes": (2, 3, 2), "rng": 0}


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("layer_sizes", {"layer_sizes": (2, 4, 2)}),
        ("activations", {"hidden_activation": "tanh"}),
        ("loss_name", {"loss": "huber"}),
        ("dtype", {"dtype": "float64"}),
    ],
)
def test_networks_that_differ_are_refused(name, other):
    with pytest.raises(ValueError, match=rf"networks\[1\] has {name} .* as in networks\[0\]"):
        Population.of([MLP(**SMALL), MLP(**SMALL | other)])


def test_networks_with_the_state_of_different_optimizers_are_refused():
    nets = networks()[:2]
    nets[1].fit(X, Y, epochs=1, optimizer=SGD())
    with pytest.raises(ValueError, match=r"networks\[1\] was trained by sgd, expected adam"):
        Population.of(nets)
    with pytest.raises(ValueError, match=r"networks\[1\] was trained by no optimizer, expected"):
        Population.of([nets[0], alone(3)])


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ([], ValueError, "networks must not be empty"),
        (["net"], TypeError, r"networks\[0\] must be an MLP, got str"),
        ([RNN((2, 3, 2), rng=0)], TypeError, r"networks\[0\] must be an MLP, got RNN"),
        ([MLP(**SMALL, backend="numpy")], ValueError, r"networks\[0\] has backend 'numpy', expec"),
        ([MLP(**SMALL, hidden_activation="softmax")], ValueError, "needs element-wise activations"),
    ],
)
def test_what_cannot_be_a_member_is_refused(given, error, text):
    with pytest.raises(error, match=text):
        Population.of(given)
