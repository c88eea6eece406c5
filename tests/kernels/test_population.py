"""The kernels of populations: every member has the bits of a network that is trained alone."""

import numpy as np
import pytest
from builds import BOTH_LEVELS, build
from population_networks import ELEMENTWISE, OPTIMIZERS, Members, drawn, last_activations
from tolerances import assert_equal_to_rounding

from nncore import reference
from nncore.registry import MLP_LOSSES

ARCHITECTURES = pytest.mark.parametrize("seed", range(42))


def assert_as_alone(core, together, updates, calls=1):
    """Train all members together, in some calls, and then one after the other."""
    alone = together.copy()
    parts = [len(part) for part in np.array_split(np.arange(updates), calls)]
    done = sum(together.train(core, part) for part in parts)
    assert done.dtype == np.int64
    assert done.tolist() == alone.train_alone(core, updates).tolist()
    assert together.bytes() == alone.bytes()
    assert together.predict(core).tobytes() == alone.predict_alone(core).tobytes()
    assert together.evaluate(core).tobytes() == alone.evaluate_alone(core).tobytes()
    return done


@ARCHITECTURES
def test_members_have_the_bits_of_networks_alone(core, dtype, seed):
    together, updates, calls = drawn(seed, dtype)
    before = together.weights.copy()
    done = assert_as_alone(core, together, updates, calls)
    assert (together.counters[:, 0] == done).all()
    assert not np.array_equal(together.weights, before)


@BOTH_LEVELS
@ARCHITECTURES
def test_avx2_and_avx512_agree(dtype, seed):
    nets = [drawn(seed, dtype) for _ in range(2)]
    for (net, updates, _), level in zip(nets, ("avx2", "avx512"), strict=True):
        net.train(build(level), updates)
    assert nets[0][0].bytes() == nets[1][0].bytes()


@pytest.mark.parametrize("activation", ELEMENTWISE)
def test_every_activation_has_the_bits_of_networks_alone(core, dtype, activation):
    sizes, activations = (3, 9, 17, 2), [activation] * 2 + ["identity"]
    assert_as_alone(core, Members(dtype, sizes, activations, members=19), 12)


@pytest.mark.parametrize("batch_size", [1, 7, 23])
@pytest.mark.parametrize("loss", MLP_LOSSES)
def test_every_loss_has_the_bits_of_networks_alone(core, dtype, loss, batch_size):
    for activation in last_activations(loss):
        activations = ["tanh", activation]
        for optimizer in ("sgd", "adam"):
            net = Members(dtype, (5, 7, 3), activations, loss, 19, optimizer=optimizer,
                          batch_size=batch_size)  # fmt: skip
            assert_as_alone(core, net, 12)


@pytest.mark.parametrize("penalties", [(0.0, 0.0, 0.0), (0.01, 0.0, 0.02)])
@pytest.mark.parametrize("batch_size", [1, 7])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_dropout_has_the_bits_of_networks_alone(core, dtype, optimizer, batch_size, penalties):
    net = Members(dtype, (5, 9, 7, 3), members=40, optimizer=optimizer, batch_size=batch_size,
                  dropout=[0.5, 0.2], penalties=penalties)  # fmt: skip
    plain = net.copy()
    plain.dropout = None
    assert_as_alone(core, net, 23, calls=3)
    plain.train(core, 23)
    same = (plain.weights == net.weights).all(axis=1)
    assert same.tolist() == (np.arange(40) % 3 == 0).tolist()  # those whose rate is 0


@pytest.mark.parametrize("loss", MLP_LOSSES)
@pytest.mark.parametrize("batch_size", [1, 7])
@pytest.mark.parametrize("own_rows", [False, True])
def test_weights_of_rows_have_the_bits_of_networks_alone(core, dtype, loss, batch_size, own_rows):
    for optimizer in ("sgd", "adam"):
        net = Members(dtype, loss=loss, members=19, batch_size=batch_size, own_rows=own_rows,
                      optimizer=optimizer, weighted=True)  # fmt: skip
        assert_as_alone(core, net, 12, calls=2)


@pytest.mark.parametrize("members", [1, 15, 16, 17, 63, 64, 65, 129])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_any_number_of_members_has_the_bits_of_networks_alone(core, dtype, members, optimizer):
    net = Members(dtype, members=members, optimizer=optimizer, own_rates=True)
    assert_as_alone(core, net, 9)


@pytest.mark.parametrize("updates", [1, 31, 32, 33, 64, 100])
def test_any_number_of_updates_in_a_call_has_the_bits_of_networks_alone(core, dtype, updates):
    """Losses and rates of 32 updates are kept together."""
    assert_as_alone(core, Members(dtype, own_rates=True), updates)
    assert_as_alone(core, Members(dtype, own_rates=True, own_rows=True, members=40), updates, 2)


def test_members_may_be_at_different_places_of_their_epochs(core, dtype):
    together = Members(dtype, members=40, own_rows=True, batch_size=4)
    for k in range(40):  # every member has made another number of updates
        one = together.part(slice(k, k + 1))
        one.train(core, k % 5)
        together.weights[k], together.slots[:, k] = one.weights[0], one.slots[:, 0]
        together.counters[k] = one.counters[0]
    assert len(set(together.counters[:, 2].tolist())) > 2
    assert len(set(together.epoch_rows.tolist())) > 2
    assert_as_alone(core, together, 20)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_members_may_have_a_single_row_beside_others_with_more(core, dtype, optimizer):
    """Gradient descent by single rows has another loop, also in batches that could hold more."""
    net = Members(dtype, members=40, own_rows=True, optimizer=optimizer, batch_size=32)
    net.epoch_rows = np.where(np.arange(40) % 3, 1, 5)
    assert_as_alone(core, net, 20)


def test_bits_do_not_depend_on_the_other_members(core, dtype):
    net = Members(dtype, members=100, own_rows=True, own_rates=True)
    some = [net.part(part) for part in (slice(0, 3), slice(3, 90), slice(90, 100))]
    net.train(core, 40)
    for part in some:
        part.train(core, 40)
    for name in ("weights", "counters", "losses"):
        joined = np.concatenate([getattr(part, name) for part in some])
        assert joined.tobytes() == getattr(net, name).tobytes(), name


# --- agreement with NumPy -------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(0, 42, 3))
def test_float64_agrees_with_the_reference(core, seed):
    nets = [drawn(seed, np.float64) for _ in range(2)]
    dones = []
    for (net, updates, _), module in zip(nets, (core, reference), strict=True):
        dones.append(net.train(module, updates).tolist())
    (net, *_), (plain, *_) = nets
    assert dones[0] == dones[1]
    np.testing.assert_array_equal(net.counters, plain.counters)
    arrays = [[n.weights, n.slots, n.losses] for n in (net, plain)]
    assert_equal_to_rounding(*arrays, [net.x, net.y], 1e-9)
    for call in (net.predict, net.evaluate):
        results = [call(module) for module in (core, reference)]
        assert_equal_to_rounding(results[:1], results[1:], [net.x, net.weights])


def test_the_reference_trains_each_member_alone(dtype):
    together = Members(dtype, own_rows=True, own_rates=True)
    assert_as_alone(reference, together, 12, calls=2)


# --- threads ----------------------------------------------------------------------------------


@pytest.mark.parametrize("members", [1, 7, 40, 300])
@pytest.mark.parametrize("threads", [2, 3, 1000])
def test_bits_do_not_depend_on_the_number_of_threads(core, dtype, members, threads):
    how = {"own_rows": True, "own_rates": True, "weighted": True, "dropout": [0.5]}
    once, again = (Members(dtype, members=members, rows=40, **how) for _ in "ab")
    for net in (once, again):
        net.rate[members // 2 :: 3] = 1e30  # which diverge
        net.settings["optimizer"] = net.settings["optimizer"]._replace(kind="adam")
    assert again.train(core, 30, threads=threads).tolist() == once.train(core, 30).tolist()
    for name in ("weights", "slots", "counters", "losses"):
        assert getattr(again, name).tobytes() == getattr(once, name).tobytes()


def test_there_are_no_more_threads_than_blocks(core):
    """Or else no system would have as many."""
    net, control = Members(np.float32, members=70), Members(np.float32, members=70)
    net.train(core, 5, threads=10**30)
    control.train(core, 5)
    assert net.weights.tobytes() == control.weights.tobytes()


# --- losses of several updates ----------------------------------------------------------------


@pytest.mark.parametrize("each", [1, 2, 5, 20])
@pytest.mark.parametrize("module", ["compiled", "reference"])
def test_losses_of_several_updates_are_added_up_in_order(core, dtype, each, module):
    """In some columns of a larger array, up to where a member diverges."""
    module = core if module == "compiled" else reference
    nets = [Members(dtype, members=70, own_rows=True, optimizer="sgd") for _ in "ab"]
    for net in nets:
        net.rate[[3, 68]] = 1e5
    done = nets[0].train(module, 20)
    whole = np.full((20 // each, 75), -1.0)
    given = {"losses": whole[:, 2:72], "updates_per_loss": each}
    again = module.population_train(**{**nets[1].arguments(20), **nets[1].settings, **given})
    assert again.tolist() == done.tolist()
    assert nets[1].weights.tobytes() == nets[0].weights.tobytes()
    assert (whole[:, [0, 1, 72, 73, 74]] == -1).all()
    for k, made in enumerate(done.tolist()):
        parts = [nets[0].losses[k, at : min(at + each, made + 1)] for at in range(0, 20, each)]
        with np.errstate(all="ignore"):
            sums = [np.cumsum(part)[-1] if len(part) else -1.0 for part in parts]
        np.testing.assert_array_equal(whole[:, 2 + k], sums)


# --- members that diverge -------------------------------------------------------------------


@pytest.mark.parametrize("members", [1, 7, 33, 100])
@pytest.mark.parametrize("batch_size", [1, 5, 23])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
def test_members_that_diverge_stop_alone(core, dtype, members, batch_size, optimizer):
    net = Members(dtype, members=members, optimizer=optimizer, batch_size=batch_size)
    diverging = np.arange(members) % 5 == 0
    net.rate[diverging] = np.linspace(30, 1e4, diverging.sum())
    done = assert_as_alone(core, net, 200)
    assert (done[diverging] < 200).all()
    assert (done[~diverging] == 200).all()
    assert np.isfinite(net.weights[~diverging]).all()


def test_a_member_that_diverges_keeps_the_weights_before_that_update(core, dtype):
    net = Members(dtype, optimizer="sgd")
    net.rate[2] = 1e5
    before = net.copy()
    done = net.train(core, 100)
    assert done[2] < 100
    assert not np.isfinite(net.losses[2, done[2]])
    assert np.isfinite(net.losses[2, : done[2]]).all()
    assert (net.losses[2, done[2] + 1 :] == -1).all()
    before.train(core, int(done[2]))
    assert before.weights[2].tobytes() == net.weights[2].tobytes()
    assert before.counters[2].tolist() == net.counters[2].tolist()


def test_members_that_start_with_nan_make_no_update(core, dtype):
    net = Members(dtype)
    net.weights[3, 5] = np.nan
    kept = net.weights[3].copy()
    done = assert_as_alone(core, net, 30)
    assert done.tolist() == [30, 30, 30, 0, 30, 30, 30]
    assert net.weights[3].tobytes() == kept.tobytes()


# --- prediction -----------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 2, 31, 32, 33, 100])
@pytest.mark.parametrize("members", [1, 16, 17, 65])
def test_predictions_for_any_number_of_rows(core, dtype, rows, members):
    net = Members(dtype, (3, 20, 4), members=members, rows=rows)
    outputs = net.predict(core)
    assert outputs.shape == (members, rows, 4)
    assert outputs.tobytes() == net.predict_alone(core).tobytes()


def test_each_member_may_have_its_own_rows_of_inputs(core, dtype):
    net = Members(dtype, members=20)
    own = np.random.default_rng(5).standard_normal((20, 9, 5)).astype(dtype)
    outputs = net.predict(core, x=own)
    for k in range(20):
        one = net.part(slice(k, k + 1))
        assert outputs[k].tobytes() == one.predict(core, x=own[k].copy()).tobytes()
    same = net.predict(core, x=np.stack([net.x] * 20))
    assert same.tobytes() == net.predict(core).tobytes()


# --- nothing to do --------------------------------------------------------------------------


def test_no_members_and_no_updates_and_no_rows_are_fine(core, dtype):
    for module in (core, reference):
        none = Members(dtype, members=0)
        assert none.train(module, 5).shape == (0,)
        assert none.predict(module).shape == (0, 23, 3)
        net = Members(dtype)
        before = net.bytes()
        assert net.train(module, 0).tolist() == [0] * 7
        assert net.bytes() == before
        assert net.predict(module, x=np.zeros((0, 5), dtype)).shape == (7, 0, 3)
        assert net.predict(module, x=np.zeros((7, 0, 5), dtype)).shape == (7, 0, 3)
