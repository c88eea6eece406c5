"""Populations with arguments of every kind, against networks that are trained alone."""

import inspect
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlp_strategies import networks, optimizers, rows_for
from population_networks import OPTIMIZERS, Members
from populations import assert_same_network, bits, record
from properties import (
    anything,
    attempt,
    close,
    draw_for,
    laid_out,
    of,
    same_answers,
    seeds,
    spoiled,
)

from nncore import (
    MLP,
    CheckpointError,
    Constant,
    CosineDecay,
    EarlyStopping,
    Population,
    PopulationEvent,
    reference,
)
from nncore.population.history import PopulationHistory
from nncore.registry import MLP_LOSSES

MEMBERS = st.integers(1, 6)
fits = st.fixed_dictionaries(
    {"epochs": st.integers(1, 4), "batch_size": st.sampled_from([1, 2, 5, 100, 2**53])},
    optional={
        "optimizer": optimizers,
        "shuffle": st.booleans(),
        "schedule": st.sampled_from([None, Constant(), CosineDecay(0.1, 0.2)]),
        "clip": st.sampled_from([None, 0.1, 1e9]),
        "clip_norm": st.sampled_from([None, 0.1, np.inf]),
        "sample_weight": st.sampled_from([None, np.arange(9) % 4]),
        "early_stopping": st.sampled_from([None, EarlyStopping(1), EarlyStopping(9, 0.1)]),
    },
)


@st.composite
def settings_of_members(draw):
    """Settings of networks that can be members."""
    settings = draw(networks())
    labels = settings["loss"] == "softmax_cross_entropy"
    settings["hidden_activation"] = tuple(
        "tanh" if name == "softmax" else name for name in settings["hidden_activation"]
    )
    if settings["output_activation"] == "softmax" and not labels:
        settings |= {"output_activation": "identity", "loss": "squared_error"}
    del settings["rng"]
    return settings


def population(settings, members):
    """Members that all have these settings."""
    own = {"dropout": np.tile(settings["dropout"], (members, 1))} if "dropout" in settings else {}
    return Population(**settings | own, rng=members)


def trained(settings, members, fit, n=9):
    """A population and its rows; None if a setting of training is refused."""
    nets = population(settings, members)
    x, y = rows_for(nets._template, n, 0)
    _, error = attempt(lambda: nets.fit(x, y, **fit), ValueError)
    return nets, x, y, error


@of("Population", "Population.fit", "Population.predict", "Population.loss", "Population.size")
@given(settings=settings_of_members(), members=MEMBERS, fit=fits, k=st.integers(0, 5))
def test_a_member_has_the_bits_of_a_network_alone(settings, members, fit, k):
    nets, x, y, error = trained(settings, members, fit)
    net = MLP(**settings, rng=k % members)
    _, refused = attempt(lambda: net.fit(x, y, **fit), ValueError)
    assert str(error) == str(refused)
    assert nets.size == len(nets) == members
    assert_same_network(nets[k % members], net)
    assert nets.predict(x)[k % members].tobytes() == net.predict(x).tobytes()
    if not settings["l1"] and not settings["l2"]:
        assert nets.loss(x, y)[k % members] == net.loss(x, y)


@of("Population.fit")
@given(
    settings=settings_of_members(), fit=fits, threads=st.sampled_from([1, 2, None]), seed=seeds,
    members=MEMBERS,
)  # fmt: skip
def test_a_member_is_trained_on_its_own_rows(settings, fit, threads, seed, members):
    rng = np.random.default_rng(seed)
    rows = [rng.integers(0, 9, rng.integers(1, 12)) for _ in range(members)]
    nets, x, y, error = trained(settings, members, {**fit, "rows": rows, "threads": threads})
    weight = fit.pop("sample_weight", None)
    errors = []
    for k in range(members):
        net, own = MLP(**settings, rng=k), None if weight is None else weight[rows[k]]
        _, refused = attempt(
            lambda net=net, k=k, own=own: net.fit(x[rows[k]], y[rows[k]], sample_weight=own, **fit),
            ValueError,
        )
        errors.append(refused)
        if error is None:
            assert_same_network(nets[k], net)
    assert (error is None) == (errors == [None] * members)


@of("Population.of", "Population.flat", "Population.parameters", "Population.layer_sizes")
@of("Population.dtype", "Population.backend")
@given(settings=settings_of_members(), members=MEMBERS, fit=fits)
def test_networks_and_populations_are_made_of_each_other(settings, members, fit):
    nets, *_ = trained(settings, members, fit)
    again = Population.of(nets)
    twin = pickle.loads(pickle.dumps(nets))
    assert bits(again) == bits(twin) == bits(nets)
    np.testing.assert_equal(record(again.history), record(nets.history))
    assert nets.layer_sizes == tuple(settings["layer_sizes"]) == nets[0].layer_sizes
    assert nets.dtype == np.dtype(settings["dtype"])
    assert nets.backend == "compiled"
    for member, flat in zip(nets, nets.flat, strict=True):
        vectors = [array.ravel() for array in member.parameters.values()]
        assert np.concatenate(vectors).tobytes() == flat.tobytes()
    for name, array in nets.parameters.items():
        assert np.shares_memory(array, nets.flat)
        np.testing.assert_array_equal(array[0], nets[0].parameters[name])


@of("Population.mean", "Population.std", "Population.quantile", "Population.predict")
@given(settings=settings_of_members(), members=MEMBERS, seed=seeds, data=st.data())
def test_statistics_are_those_of_the_predictions(settings, members, seed, data):
    nets = population(settings, members)
    x, _ = rows_for(nets._template, 5, seed)
    outputs = nets.predict(x)
    form = data.draw(laid_out(x))
    assert nets.predict(form).tobytes() == outputs.tobytes()
    assert nets.predict(np.stack([x] * members)).tobytes() == outputs.tobytes()
    exact = outputs.astype(np.float64)
    close(nets.mean(form), exact.mean(axis=0), nets.dtype)
    close(nets.std(form), exact.std(axis=0), nets.dtype)
    q = data.draw(st.floats(0, 1) | st.lists(st.floats(0, 1), min_size=1, max_size=3))
    close(nets.quantile(form, q), np.quantile(exact, q, axis=0), nets.dtype)


@of("Population.save", "Population.load")
@given(settings=settings_of_members(), members=MEMBERS, fit=fits, stop=st.integers(1, 5))
def test_a_loaded_population_equals_the_saved_one_and_can_be_trained(
    folder, settings, members, fit, stop
):
    path = folder / "population.safetensors"
    stopped = {**fit, "callbacks": [lambda event: event.epoch >= stop]}
    nets, x, y, _ = trained(settings, members, stopped)
    nets.save(path)
    loaded = Population.load(path)
    assert (bits(loaded), repr(loaded)) == (bits(nets), repr(nets))
    assert loaded.predict(x).tobytes() == nets.predict(x).tobytes()
    for how in ({**fit, "resume": True}, fit):  # whether there is a run to resume is in the file
        errors = [
            attempt(lambda one=one, how=how: one.fit(x, y, **how), ValueError)[1]
            for one in (nets, loaded)
        ]
        assert str(errors[0]) == str(errors[1])
        assert bits(loaded) == bits(nets)
        np.testing.assert_equal(record(loaded.history), record(nets.history))


@of("Population.fit")
@given(settings=settings_of_members(), members=MEMBERS, fit=fits, data=st.data())
def test_a_resumed_run_has_the_bits_of_one_that_was_not_stopped(settings, members, fit, data):
    rows = [np.arange(1 + (5 * k) % 9) for k in range(members)]
    how = {**fit, "rows": rows}
    whole, x, y, error = trained(settings, members, how)
    nets = population(settings, members)
    for stops in data.draw(st.lists(st.integers(1, 3), max_size=4)):
        calls = itertools.count(1)

        def stop(event, calls=calls, stops=stops):
            return next(calls) >= stops

        attempt(
            lambda stop=stop: nets.fit(x, y, **how, callbacks=[stop], resume=nets._run is not None),
            ValueError,
        )
    if error is None and (nets._run is None or not nets._run.ended):
        nets.fit(x, y, **how, resume=nets._run is not None)
    assert bits(nets) == bits(whole)
    np.testing.assert_equal(record(nets.history), record(whole.history))


@of("Population.load")
@given(content=st.binary(max_size=300))
def test_random_bytes_are_refused_as_populations(folder, content):
    path = folder / "bytes"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="bytes"):
        Population.load(path)


@of("PopulationEvent")
@given(settings=settings_of_members(), members=MEMBERS, epochs=st.integers(1, 4))
def test_callbacks_see_what_the_history_keeps(settings, members, epochs):
    events = []
    nets, _, _, error = trained(settings, members, {"epochs": epochs, "callbacks": [events.append]})
    assert len(events) == (0 if error else epochs)
    for number, event in enumerate(events, start=1):
        assert isinstance(event, PopulationEvent)
        assert event.model is nets
        assert (event.epoch, event.epochs) == (number, epochs)
        expected = nets.history.loss[event.members, number - 1]
        np.testing.assert_array_equal(event.loss, expected)
        assert event.validation_loss is None
        assert event.rows_per_second > 0


@of("Population.best")
@given(members=MEMBERS, count=anything | st.integers(1, 6), data=st.data())
def test_the_best_are_sorted_by_their_losses_or_refused(members, count, data):
    nets = Population((2, 3, 1), rng=members)
    losses = data.draw(st.lists(st.floats(), min_size=members, max_size=members) | anything)
    best, error = attempt(lambda: nets.best(count, losses))
    if error is not None:
        assert "count" in str(error) or "losses" in str(error)
        return
    known = {member._weights.tobytes(): k for k, member in enumerate(nets)}
    chosen = [known[member._weights.tobytes()] for member in best]
    keys = np.where(np.isfinite(losses), losses, np.inf)
    assert chosen == np.argsort(keys, kind="stable")[:count].tolist()


@of("PopulationHistory", "PopulationHistory.of", "PopulationHistory.epochs")
@given(members=MEMBERS, fit=fits)
def test_the_history_has_a_row_for_each_member(members, fit):
    settings = {"layer_sizes": (2, 3, 1)}
    nets, _, _, error = trained(settings, members, fit)
    history = nets.history
    assert isinstance(history, PopulationHistory)
    assert history.loss.shape == history.validation_loss.shape == (members, history.epochs)
    assert (history.epochs == 0) == (error is not None)
    assert history.epochs <= fit["epochs"]
    for name in ("updates", "best_epoch", "diverged"):
        assert getattr(history, name).shape == (members,)
    assert f"{members} members" in repr(history)
    empty = PopulationHistory.of(members)
    assert empty.epochs == 0
    assert "no epochs yet" in repr(empty)


@of("Population")
@given(data=st.data())
def test_a_wrong_setting_of_a_population_is_refused_by_its_name(data):
    names = list(inspect.signature(Population).parameters)
    name, value = data.draw(st.sampled_from(names)), data.draw(anything)
    if name == "rng" and isinstance(value, int) and value > 9:
        value = -value  # that many take too long
    settings = {"layer_sizes": (2, 3, 1), "rng": 2, name: value}
    nets, error = attempt(lambda: Population(**settings), TypeError, ValueError, OverflowError)
    if error is None:
        assert np.isfinite(nets.predict(np.ones((1, 2)))).all()
    else:
        assert name in str(error)


@of("Population.fit")
@given(data=st.data())
def test_a_wrong_setting_of_training_is_refused_by_its_name(data):
    nets = Population((3, 4, 2), rng=2)
    x, y = rows_for(nets._template, 8, 0)
    names = [name for name in inspect.signature(nets.fit).parameters if name not in "XY"]
    name, value = data.draw(st.sampled_from(names)), data.draw(anything)
    if name == "epochs" and isinstance(value, int) and value > 3:
        value = -value
    if name == "threads" and isinstance(value, int) and value > 9:
        value = -value
    before = bits(nets)
    _, error = attempt(lambda: nets.fit(x, y, **{"epochs": 2, name: value}))
    if error is not None:
        assert bits(nets) == before
        assert name in str(error)


@of("Population.fit", "Population.loss", "Population.predict")
@given(data=st.data())
def test_bad_rows_are_refused(data):
    nets = Population((3, 4, 2), rng=2)
    x, y = rows_for(nets._template, 8, 0)
    before = bits(nets)
    if data.draw(st.booleans()):
        x = data.draw(spoiled(x))
    else:
        y = data.draw(spoiled(y))
    for call in (lambda: nets.fit(x, y, epochs=1), lambda: nets.loss(x, y)):
        _, error = attempt(call, ValueError, TypeError, IndexError)
        if error is not None:
            assert "X" in str(error) or "Y" in str(error)
            assert bits(nets) == before
    attempt(lambda: nets.predict(x))


# --- kernels --------------------------------------------------------------------------------

CALLS = {
    "population_evaluate": lambda net, module, **changes: net.evaluate(module, **changes),
    "population_predict": lambda net, module, **changes: net.predict(module, **changes),
    "population_train": lambda net, module, **changes: net.train(module, 3, **changes),
}


@of(*(f"kernels.{name}" for name in CALLS))
@pytest.mark.parametrize("kernel", CALLS)
@given(
    loss=st.sampled_from(MLP_LOSSES), optimizer=st.sampled_from(OPTIMIZERS), own=st.booleans(),
    data=st.data(),
)  # fmt: skip
def test_a_kernel_of_a_population_refuses_what_the_reference_refuses(
    kernel, loss, optimizer, own, data
):
    nets = [Members(np.float64, (3, 4, 2), None, loss, 3, 5, optimizer, own_rows=own) for _ in "ab"]
    name = data.draw(st.sampled_from([*inspect.signature(getattr(reference, kernel)).parameters]))
    value = nets[0].arguments(3).get(name)
    changes = {name: draw_for(data, value)}
    answers = same_answers(nets, CALLS[kernel], changes)
    if answers and kernel == "population_train":
        assert answers[0].tolist() == answers[1].tolist()
