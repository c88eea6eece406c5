"""MLP with arguments of every kind: correct results, or documented exceptions without changes."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from mlp_strategies import OTHER_TYPES, networks, optimizers, pair, rows_for
from mlps import same, state_of, weights
from numpy.lib.stride_tricks import as_strided
from properties import NUMBERS, anything, attempt, close, laid_out, of, seeds, spoiled

from nncore import (
    MLP,
    SGD,
    CheckpointError,
    DivergenceError,
    MLPHistory,
    Trace,
)

rates = st.floats(0, 0.9)


# --- the constructor ----------------------------------------------------------------------------


@of("MLP", "MLP.layer_sizes", "MLP.activations", "MLP.loss_name", "MLP.l1", "MLP.l2")
@of("MLP.dropout", "MLP.parameters", "MLP.dtype", "MLP.backend", "MLPHistory")
@given(settings=networks(), backend=st.sampled_from(["compiled", "numpy"]))
def test_a_network_has_the_settings_given(settings, backend):
    net, sizes = MLP(**settings, backend=backend), settings["layer_sizes"]
    assert (net.layer_sizes, net.loss_name, net.dropout, net.l1, net.l2) == tuple(
        settings[name] for name in ("layer_sizes", "loss", "dropout", "l1", "l2")
    )
    assert net.activations == (*settings["hidden_activation"], settings["output_activation"])
    assert (net.dtype, net.backend) == (settings["dtype"], backend)
    shapes = {f"w{i}": pair for i, pair in enumerate(pairwise(sizes), 1)}
    shapes |= {f"b{i}": (size,) for i, size in enumerate(sizes[1:], 1)}
    assert {name: array.shape for name, array in net.parameters.items()} == shapes
    assert all(np.isfinite(array).all() for array in net.parameters.values())
    assert same(net.parameters, MLP(**settings).parameters)
    assert repr(net.history) == repr(MLPHistory()) == "<MLPHistory: no epochs yet>"
    assert "-".join(map(str, sizes)) in repr(net)


@of("MLP")
@given(settings=networks(), data=st.data())
def test_a_wrong_setting_is_refused_by_its_name(settings, data):
    name = data.draw(st.sampled_from([*settings, "backend"]))
    value = data.draw(anything | st.lists(st.sampled_from(NUMBERS), max_size=4))
    net, error = attempt(
        lambda: MLP(**{**settings, name: value}), TypeError, ValueError, MemoryError
    )
    if error is None:
        x, _ = rows_for(net, 2, 0)
        assert net.predict(x).shape == (2, net.layer_sizes[-1])
        assert np.isfinite(net.predict(x)).all()
    elif not isinstance(error, MemoryError):
        assert name in str(error) or "w1" in str(error)


@of("MLP")
@given(sizes=st.lists(st.sampled_from([1, 3, 2**20, 2**31, 2**40, 2**53]), min_size=2, max_size=4))
def test_networks_beyond_all_memory_are_refused(sizes):
    if max(sizes) > 3:
        sizes[0] = sizes[1] = max(sizes)  # at least 2**40 weights
        with pytest.raises((MemoryError, ValueError)):
            MLP(sizes)


# --- predictions, losses and gradients ----------------------------------------------------------


@of("MLP.predict", "MLP.predict_class")
@given(settings=networks(), n=st.integers(1, 9), seed=seeds, data=st.data())
def test_predictions_agree_with_numpy_in_any_layout(settings, n, seed, data):
    net, plain = pair(settings)
    x, _ = rows_for(net, n, seed)
    outputs, form = net.predict(x), data.draw(laid_out(x))
    assert (outputs.dtype, outputs.shape) == (net.dtype, (n, net.layer_sizes[-1]))
    close(outputs, plain.predict(x), net.dtype)
    np.testing.assert_array_equal(net.predict(form), outputs)
    classes = net.predict_class(form)
    expected = outputs.argmax(axis=1)
    if outputs.shape[1] == 1:
        expected = outputs[:, 0] > (0 if net.activations[-1] == "tanh" else 0.5)
    np.testing.assert_array_equal(classes, expected)


@of("MLP.predict")
@given(settings=networks(), n=st.integers(0, 5), kind=st.sampled_from(OTHER_TYPES), seed=seeds)
def test_numbers_of_other_types_are_converted(settings, n, kind, seed):
    net = MLP(**settings)
    x = (3 * np.random.default_rng(seed).random((n, net.layer_sizes[0]))).astype(kind)
    np.testing.assert_array_equal(net.predict(x), net.predict(x.astype(net.dtype)))


@of("MLP.accuracy", "MLP.loss", "MLP.loss_and_gradients", "MLP.trace", "Trace")
@given(settings=networks(), n=st.integers(1, 9), seed=seeds, data=st.data())
def test_losses_and_gradients_agree_with_numpy_in_any_layout(settings, n, seed, data):
    net, plain = pair(settings)
    x, y = rows_for(net, n, seed)
    weight = np.random.default_rng(seed).random(n).astype(net.dtype) + 0.1
    forms = [data.draw(laid_out(array)) for array in (x, y, weight)]
    for count in (None, weight):
        given_ = None if count is None else forms[2]
        loss, gradients = net.loss_and_gradients(*forms[:2], sample_weight=given_)
        expected, exact = plain.loss_and_gradients(x, y, sample_weight=count)
        close(loss, expected, net.dtype)
        assert net.loss(x, y, sample_weight=count) == loss
        assert gradients.keys() == net.parameters.keys()
        for name, gradient in gradients.items():
            close(gradient, exact[name], net.dtype)
        if count is None:
            passes = net.trace(*forms[:2])
            assert isinstance(passes, Trace)
            close(passes["loss"], expected, net.dtype)
            for name in gradients:
                close(passes[f"d{name}"], exact[name], net.dtype)
    right = net.predict_class(x)
    if net.activations[-1] == "tanh" and net.layer_sizes[-1] == 1:
        right = 2 * right - 1
    assert net.accuracy(forms[0], right) == 1


CALLS = {
    "predict": lambda net, x, y: net.predict(x),
    "predict_class": lambda net, x, y: net.predict_class(x),
    "accuracy": lambda net, x, y: net.accuracy(x, y),
    "loss": lambda net, x, y: net.loss(x, y),
    "loss_and_gradients": lambda net, x, y: net.loss_and_gradients(x, y)[0],
    "trace": lambda net, x, y: net.trace(x, y)["loss"],
    "fit": lambda net, x, y: net.fit(x, y, epochs=2, batch_size=4, optimizer=SGD(0.01)).loss,
}


def has_subnormals(array, dtype):
    array = np.asarray(array)
    if array.dtype.kind != "f":
        return False
    return bool(((array != 0) & (np.abs(array) < np.finfo(dtype).smallest_normal)).any())


@of(*(f"MLP.{name}" for name in CALLS))
@pytest.mark.parametrize("call", CALLS)
@given(settings=networks(), n=st.integers(0, 9), seed=seeds, data=st.data())
def test_wrong_data_is_refused_by_name_or_answered_like_numpy(call, settings, n, seed, data):
    net, plain = pair(settings)
    x, y = rows_for(net, n, seed)
    if data.draw(st.booleans()):
        x = data.draw(spoiled(x))
    else:
        y = data.draw(spoiled(y))
    # Compiled networks take subnormal numbers for 0.
    assume(not (has_subnormals(x, net.dtype) or has_subnormals(y, net.dtype)))
    before = state_of(net)
    documented = TypeError, ValueError, IndexError, DivergenceError
    (result, error), (expected, refused) = (
        attempt(lambda one=one: CALLS[call](one, x, y), *documented) for one in (net, plain)
    )
    assert type(error) is type(refused)
    if error is None:
        close(result, expected, net.dtype)
    elif not isinstance(error, DivergenceError):
        assert str(error) == str(refused)
        assert str(error).startswith(("X ", "Y "))
        assert state_of(net) == before


@of("MLP.accuracy")
@pytest.mark.parametrize("rows", [2**44, 2**57])
@pytest.mark.parametrize("call", CALLS)
def test_more_rows_than_any_machine_holds_are_refused_at_once(call, rows):
    net = MLP((4, 3, 3), rng=0)
    x, y = (as_strided(np.zeros(4, "f4"), (rows, n), (0, 4)) for n in (4, 3))
    with pytest.raises((MemoryError, ValueError), match=r"allocate|memory|large|big|maximum"):
        CALLS[call](net, x, y)


# --- files --------------------------------------------------------------------------------------


@of("MLP.save", "MLP.load", "MLP.start_from")
@given(settings=networks(), epochs=st.integers(0, 3), optimizer=optimizers, seed=seeds)
def test_a_loaded_network_equals_the_saved_one_and_can_be_trained(
    folder, settings, epochs, optimizer, seed
):
    net, path = MLP(**settings), folder / "any.safetensors"
    x, y = rows_for(net, 8, seed)
    if epochs:
        attempt(
            lambda: net.fit(x, y, epochs=epochs, optimizer=optimizer, batch_size=3), DivergenceError
        )
    net.save(path)
    loaded = MLP.load(path)
    assert (state_of(loaded), repr(loaded)) == (state_of(net), repr(net))
    assert same(loaded.parameters, net.parameters)
    close(MLP.load(path, backend="numpy").predict(x), net.predict(x), net.dtype)
    fresh = MLP(**settings).start_from(path)
    assert same(fresh.parameters, net.parameters)
    assert not fresh.history.updates
    ends = [
        attempt(
            lambda one=one: one.fit(x, y, epochs=2, optimizer=optimizer, batch_size=3),
            DivergenceError,
        )
        for one in (net, loaded)
    ]
    assert str(ends[0][1]) == str(ends[1][1])
    if ends[0][1] is None:  # else they go back to where a call began, which time decides
        assert state_of(loaded) == state_of(net)


@of("MLP.save", "MLP.load", "MLP.start_from")
@given(path=st.sampled_from([None, 3, 1.5, [], {}, object(), 1j, "", "missing/x", "\0", "x\0y"]))
def test_other_types_than_paths_are_refused(folder, path):
    net = MLP((2, 2), rng=0)
    before = state_of(net)
    if isinstance(path, str):
        path = folder / path if "\0" not in path else path
    for use in (net.save, MLP.load, net.start_from):
        _, error = attempt(lambda use=use: use(path), TypeError, ValueError, OSError)
        assert error is not None
    assert state_of(net) == before


@of("MLP.load", "MLP.start_from")
@given(content=st.binary(max_size=300))
def test_random_bytes_are_refused_as_models(folder, content):
    path = folder / "bytes"
    path.write_bytes(content)
    for use in (MLP.load, MLP((2, 2), rng=0).start_from):
        with pytest.raises(CheckpointError, match="bytes"):
            use(path)


@of("MLP.parameters")
@given(settings=networks(), seed=seeds)
def test_parameters_are_writable_views(settings, seed):
    net = MLP(**settings)
    x, _ = rows_for(net, 3, seed)
    for array in net.parameters.values():
        array[...] = 0
    outputs, kept = net.predict(x), weights(net)
    assert (outputs == outputs[0, 0]).all()  # of zeros, whatever the row
    net.parameters["w1"] = None
    assert same(net.parameters, kept)


@of("Trace", "Trace.note")
@given(values=st.dictionaries(st.text(min_size=1, max_size=5), st.floats(), max_size=5))
def test_a_trace_keeps_what_it_is_given_in_order(values):
    trace = Trace()
    for name, value in values.items():
        trace.note(name, value, "")
    assert list(trace) == list(values)
    assert len(trace) == len(values)
    assert all(trace[name] is value for name, value in values.items())
    assert len(str(trace).split(" = ")) == len(values) + 1 or any(" = " in name for name in values)
