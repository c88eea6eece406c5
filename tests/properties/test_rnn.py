"""RNN with arguments of every kind: correct results, or documented exceptions without changes."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from mlp_strategies import optimizers
from numpy.lib.stride_tricks import as_strided
from properties import NUMBERS, anything, attempt, close, laid_out, of, seeds, spoiled
from rnn_strategies import arrays_for, lengths, lists_for, networks, pair
from rnns import state_of

from nncore import RNN, SGD, CheckpointError, DivergenceError, RNNHistory, Trace, windows
from nncore.params import recurrent_shapes
from nncore.registry import CELL_ROW

DOCUMENTED = TypeError, ValueError, IndexError, DivergenceError


def rows(outputs):
    """Outputs of all sequences, one after the other."""
    return np.concatenate(outputs) if isinstance(outputs, list) else outputs


# --- the constructor ----------------------------------------------------------------------------


@of("RNN", "RNN.layer_sizes", "RNN.cell", "RNN.output_activation", "RNN.loss_name", "RNN.returns")
@of("RNN.l2", "RNN.dropout", "RNN.parameters", "RNN.dtype", "RNN.backend", "RNNHistory")
@given(settings=networks(), backend=st.sampled_from(["compiled", "numpy"]))
def test_a_network_has_the_settings_given(settings, backend):
    net, sizes = RNN(**settings, backend=backend), settings["layer_sizes"]
    names = ("layer_sizes", "cell", "output_activation", "returns", "l2", "dropout", "dtype")
    assert all(getattr(net, name) == settings[name] for name in names)
    assert (net.loss_name, net.backend) == (settings["loss"], backend)
    shapes = recurrent_shapes(sizes[0], sizes[1:-1], sizes[-1], net.cell)
    assert {name: array.shape for name, array in net.parameters.items()} == shapes
    assert all(np.isfinite(array).all() for array in net.parameters.values())
    assert net._weights.tobytes() == RNN(**settings)._weights.tobytes()
    assert repr(net.history) == repr(RNNHistory()) == "<RNNHistory: no epochs yet>"
    assert "-".join(map(str, sizes)) in repr(net)


@of("RNN")
@given(settings=networks(), data=st.data())
def test_a_wrong_setting_is_refused_by_its_name(settings, data):
    name = data.draw(st.sampled_from([*settings, "backend", "weight_init"]))
    value = data.draw(anything | st.lists(st.sampled_from(NUMBERS), max_size=4))
    net, error = attempt(
        lambda: RNN(**{**settings, name: value}), TypeError, ValueError, MemoryError
    )
    if error is None:
        x, _ = arrays_for(net, 2, 3, 0)
        assert np.isfinite(net.predict(x)).all()
    elif not isinstance(error, MemoryError):
        assert name in str(error)


@of("RNN")
@given(sizes=st.lists(st.sampled_from([1, 3, 2**20, 2**31, 2**53]), min_size=3, max_size=4))
def test_networks_beyond_all_memory_are_refused(sizes):
    if max(sizes) > 3:
        sizes[0] = sizes[1] = max(sizes)  # at least 2**40 weights
        with pytest.raises((MemoryError, ValueError)):
            RNN(sizes)


# --- predictions, losses and gradients ----------------------------------------------------------


@of("RNN.predict", "RNN.predict_class", "RNN.accuracy")
@given(settings=networks(), n=st.integers(1, 5), steps=st.integers(1, 6), seed=seeds,
       data=st.data())  # fmt: skip
def test_predictions_agree_with_numpy_in_any_layout(settings, n, steps, seed, data):
    net, plain = pair(settings)
    x, _ = arrays_for(net, n, steps, seed)
    outputs = net.predict(x)
    shape = (n, net.layer_sizes[-1]) if net.returns == "last" else (n, steps, net.layer_sizes[-1])
    assert (outputs.dtype, outputs.shape) == (net.dtype, shape)
    close(outputs, plain.predict(x), net.dtype)
    form = data.draw(laid_out(x))
    assume(not isinstance(form, list))  # a list is one of sequences, which are arrays
    np.testing.assert_array_equal(net.predict(form), outputs)
    classes = net.predict_class(form)
    assert classes.shape == shape[:-1]
    right = classes
    if net.layer_sizes[-1] == 1 and net._middle == 0:
        right = 2 * classes - 1
    assert net.accuracy(form, right) == 1


@of("RNN.predict")
@given(settings=networks(), lengths=lengths, seed=seeds)
def test_sequences_of_any_lengths_have_the_same_bits_alone(settings, lengths, seed):
    net, plain = pair(settings)
    x, _ = lists_for(net, lengths, seed)
    outputs, state = net.predict(x, return_state=True)
    close(rows(outputs), rows(plain.predict(x)), net.dtype)
    columns = CELL_ROW[net.cell].states * sum(net.layer_sizes[1:-1])
    assert state.shape == (len(lengths), columns)
    for n, sequence in enumerate(x):
        alone, end = net.predict(sequence[None], return_state=True)
        assert alone[0].tobytes() == outputs[n].tobytes()
        assert end[0].tobytes() == state[n].tobytes()
        first, between = net.predict(sequence[None, :1], return_state=True)
        if len(sequence) > 1:
            first, between = net.predict(sequence[None, 1:], between, return_state=True)
        assert between.tobytes() == end.tobytes()
        assert first.reshape(-1)[-1].tobytes() == alone.reshape(-1)[-1].tobytes()


@of("RNN.predict")
@given(value=anything | st.lists(st.sampled_from(NUMBERS), max_size=4))
def test_other_states_are_refused(value):
    net = RNN((2, 3, 1), rng=0)
    before = state_of(net)
    _, error = attempt(lambda: net.predict(np.ones((2, 4, 2)), value), *DOCUMENTED)
    assert "state" in str(error) if error is not None else value is None
    assert state_of(net) == before


@of("RNN.loss", "RNN.loss_and_gradients", "RNN.trace", "Trace")
@given(settings=networks(), n=st.integers(1, 5), steps=st.integers(1, 5), seed=seeds)
def test_losses_and_gradients_agree_with_numpy(settings, n, steps, seed):
    net, plain = pair(settings)
    x, y = arrays_for(net, n, steps, seed)
    weight = np.random.default_rng(seed).random(n).astype(net.dtype) + 0.1
    for given_ in (None, weight):
        loss, gradients = net.loss_and_gradients(x, y, sample_weight=given_)
        expected, exact = plain.loss_and_gradients(x, y, sample_weight=given_)
        close(loss, expected, net.dtype)
        assert net.loss(list(x), list(y), sample_weight=given_) == loss
        for name, gradient in gradients.items():
            close(gradient, exact[name], net.dtype)
    passes, (loss, gradients) = net.trace(x, y), net.loss_and_gradients(x, y)
    assert isinstance(passes, Trace)
    close(passes["loss"], loss, net.dtype)
    for name, gradient in gradients.items():
        close(passes[f"d{name}"], gradient, net.dtype)


@of("RNN.forecast")
@given(settings=networks(), n=st.integers(1, 3), steps=st.integers(1, 5), seed=seeds)
def test_a_forecast_is_that_of_numpy_or_refused(settings, n, steps, seed):
    net, plain = pair(settings)
    x, _ = arrays_for(net, n, 4, seed)
    found, error = attempt(lambda: net.forecast(x, steps))
    assert (error is None) == (net.layer_sizes[0] == net.layer_sizes[-1])
    if error is None:
        assert found.shape == (n, steps, net.layer_sizes[-1])
        close(found[:, 0], plain.forecast(x, steps)[:, 0], net.dtype)
        np.testing.assert_array_equal(net.forecast(x[0], steps), found[0])


@of("RNN.forecast")
@given(x=anything, steps=anything)
def test_other_forecasts_are_refused(x, steps):
    net = RNN((2, 3, 2), rng=0)
    assume(not isinstance(steps, int) or steps < 1000)  # more takes too long
    for arguments in ((x, 3), (np.ones((4, 2)), steps)):
        found, error = attempt(lambda arguments=arguments: net.forecast(*arguments), *DOCUMENTED,
                               MemoryError)  # fmt: skip
        assert error is not None or found.shape == (steps, 2)


CALLS = {
    "predict": lambda net, x, y: rows(net.predict(x)),
    "predict_class": lambda net, x, y: rows(net.predict_class(x)),
    "accuracy": lambda net, x, y: net.accuracy(x, y),
    "loss": lambda net, x, y: net.loss(x, y),
    "loss_and_gradients": lambda net, x, y: net.loss_and_gradients(x, y)[0],
    "trace": lambda net, x, y: net.trace(x, y)["loss"],
    "fit": lambda net, x, y: net.fit(x, y, epochs=2, batch_size=4, optimizer=SGD(0.01)).loss,
}


@of(*(f"RNN.{name}" for name in CALLS))
@pytest.mark.parametrize("call", CALLS)
@given(settings=networks(), n=st.integers(0, 6), seed=seeds, listed=st.booleans(), data=st.data())
def test_wrong_data_is_refused_by_name_or_answered_like_numpy(
    call, settings, n, seed, listed, data
):
    net, plain = pair(settings)
    x, y = arrays_for(net, n, 3, seed)
    if data.draw(st.booleans()):
        x = data.draw(spoiled(x))
    else:
        y = data.draw(spoiled(y))
    for array in (x, y):  # compiled networks take subnormal numbers for 0
        numbers = np.abs(array) if getattr(array, "dtype", np.dtype("O")).kind == "f" else 0
        assume(not ((numbers != 0) & (numbers < np.finfo(net.dtype).smallest_normal)).any())
    if listed and isinstance(x, np.ndarray) and x.ndim:
        x = list(x)
    before = state_of(net)
    (result, error), (expected, refused) = (
        attempt(lambda one=one: CALLS[call](one, x, y), *DOCUMENTED) for one in (net, plain)
    )
    assert type(error) is type(refused)
    if error is None:
        close(result, expected, net.dtype)
    elif not isinstance(error, DivergenceError):
        assert str(error) == str(refused)
        assert str(error).startswith(("X ", "Y ", "X[", "Y["))
        assert state_of(net) == before


@of("RNN.predict")
@pytest.mark.parametrize("shape", [(2**44, 2), (2**57, 2), (2, 2**44)])
@pytest.mark.parametrize("call", CALLS)
def test_more_steps_than_any_machine_holds_are_refused_at_once(call, shape):
    net = RNN((4, 3, 3), rng=0)
    x, y = as_strided(np.zeros(4, "f4"), (*shape, 4), (0, 0, 4)), np.zeros((shape[0] % 9, 3))
    with pytest.raises((MemoryError, ValueError), match=r"llocate|memory|large|big|maximum|exceed"):
        CALLS[call](net, x, y)


# --- files --------------------------------------------------------------------------------------


@of("RNN.save", "RNN.load", "RNN.start_from")
@given(settings=networks(), epochs=st.integers(0, 3), optimizer=optimizers, seed=seeds)
def test_a_loaded_network_equals_the_saved_one_and_can_be_trained(
    folder, settings, epochs, optimizer, seed
):
    net, path = RNN(**settings), folder / "any.safetensors"
    x, y = arrays_for(net, 8, 3, seed)
    how = {"optimizer": optimizer, "batch_size": 3}
    if epochs:
        attempt(lambda: net.fit(x, y, epochs=epochs, **how), DivergenceError)
    net.save(path)
    loaded = RNN.load(path)
    assert (state_of(loaded), repr(loaded)) == (state_of(net), repr(net))
    close(RNN.load(path, backend="numpy").predict(x), net.predict(x), net.dtype)
    fresh = RNN(**settings).start_from(path)
    assert fresh._weights.tobytes() == net._weights.tobytes()
    assert not fresh.history.updates
    ends = [
        attempt(lambda one=one: one.fit(x, y, epochs=2, **how), DivergenceError)
        for one in (net, loaded)
    ]
    assert str(ends[0][1]) == str(ends[1][1])
    if ends[0][1] is None:  # else they go back to where a call began, which time decides
        assert state_of(loaded) == state_of(net)


@of("RNN.load", "RNN.start_from", "RNN.save")
@given(content=st.binary(max_size=300), path=st.sampled_from([None, 3, [], object(), "", "a\0"]))
def test_random_bytes_and_other_types_than_paths_are_refused(folder, content, path):
    net = RNN((2, 2, 2), rng=0)
    before = state_of(net)
    damaged = folder / "bytes"
    damaged.write_bytes(content)
    for use in (RNN.load, net.start_from):
        with pytest.raises(CheckpointError, match="bytes"):
            use(damaged)
    for use in (RNN.load, net.start_from, net.save):
        assert attempt(lambda use=use: use(path), TypeError, ValueError, OSError)[1] is not None
    assert state_of(net) == before


# --- windows ------------------------------------------------------------------------------------


@of("windows")
@given(
    length=st.integers(0, 20), columns=st.integers(0, 3), size=anything | st.integers(1, 9),
    horizon=anything | st.integers(1, 5), stride=anything | st.integers(1, 30), data=st.data(),
)  # fmt: skip
def test_windows_are_those_of_a_loop_or_refused(length, columns, size, horizon, stride, data):
    series = np.arange(length * max(1, columns), dtype=np.float64)
    series = series.reshape(length, columns) if columns else series
    form = data.draw(laid_out(series)) if data.draw(st.booleans()) else series
    found, error = attempt(lambda: windows(form, size, horizon, stride))
    if error is not None:
        assert str(error).startswith(("series ", "size ", "horizon ", "stride "))
        return
    ends = range(size - 1, length - horizon, stride)
    rows_ = series.reshape(length, -1)
    expected = [rows_[end - size + 1 : end + 1] for end in ends]
    np.testing.assert_array_equal(found[0], expected)
    np.testing.assert_array_equal(found[1], [rows_[end + horizon] for end in ends])
