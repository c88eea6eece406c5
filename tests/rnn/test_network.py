"""RNN: settings, parameters, predictions of any sequences, streams and forecasts."""

import numpy as np
import pytest
from rnns import BACKENDS, EVERY_CELL, RETURNS, classifier, ragged, small

import nncore
from nncore.registry import CELL_ROW


def test_the_settings_can_be_read():
    net = nncore.RNN((3, 5, 4, 2), "gru", "tanh", "huber", returns="sequence", l2=0.1, dropout=0.2)
    assert (net.layer_sizes, net.cell, net.output_activation) == ((3, 5, 4, 2), "gru", "tanh")
    assert (net.loss_name, net.returns, net.l2, net.dropout) == ("huber", "sequence", 0.1, 0.2)
    assert (net.dtype, net.backend) == ("float32", "compiled")
    assert repr(net) == "<RNN 3-5-4-2, gru, tanh, huber, returns sequence, float32, 0 epochs>"
    assert repr(net.history) == "<RNNHistory: no epochs yet>"


def test_by_default_it_is_an_lstm_with_outputs_of_the_last_step():
    net = nncore.RNN([1, 2, 1])
    assert (net.cell, net.output_activation, net.loss_name) == ("lstm", "identity", "squared_error")
    assert (net.returns, net.l2, net.dropout) == ("last", 0.0, 0.0)


@EVERY_CELL
def test_the_parameters_have_the_shapes_of_their_cell(cell):
    gates, bias = CELL_ROW[cell].gates, CELL_ROW[cell].recurrent_bias
    shapes = {
        "wxh": (3, gates * 5), "whh": (5, gates * 5), "why": (4, 2), "bh": (gates * 5,),
        "by": (2,), "wxh2": (5, gates * 4), "whh2": (4, gates * 4), "bh2": (gates * 4,),
    }  # fmt: skip
    shapes |= {"bn": (5,), "bn2": (4,)} if bias else {}
    assert {name: array.shape for name, array in small(cell).parameters.items()} == shapes


@EVERY_CELL
def test_the_initial_weights_are_orthogonal_by_gate_and_glorots(cell):
    parameters = nncore.RNN([7, 40, 30, 5], cell, dtype="float64", rng=3).parameters
    gates = CELL_ROW[cell].gates
    for name, hidden in (("whh", 40), ("whh2", 30)):
        for gate in np.split(parameters[name], gates, axis=1):
            np.testing.assert_allclose(gate @ gate.T, np.eye(hidden), atol=1e-12)
    for name, inputs, outputs in (("wxh", 7, 40), ("wxh2", 40, 30), ("why", 30, 5)):
        largest = np.abs(parameters[name]).max()
        assert 0.9 < largest / np.sqrt(6 / (inputs + outputs)) < 1


@EVERY_CELL
def test_only_the_biases_of_the_forget_gate_are_not_0(cell):
    parameters = small(cell).parameters
    for name, array in parameters.items():
        if name.startswith("b"):
            expected = np.zeros(array.shape)
            if cell == "lstm" and name.startswith("bh"):
                expected.reshape(4, -1)[1] = 1
            np.testing.assert_array_equal(array, expected)


def test_given_weights_are_taken_and_checked():
    source = small("gru")
    net = small("gru", weight_init=source.parameters, rng=9)
    assert net._weights.tobytes() == source._weights.tobytes()
    for wrong in ({}, source.parameters | {"bn2": np.zeros(3)}, source.parameters | {"x": 0}):
        with pytest.raises(ValueError, match="weight_init"):
            small("gru", weight_init=wrong)
    for wrong in ("glorot_uniform", None, len):
        with pytest.raises(ValueError, match="weight_init must be 'auto' or a mapping"):
            small("gru", weight_init=wrong)


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"layer_sizes": [3, 2]}, ValueError, "layer_sizes has 2 entries, expected 3"),
        ({"layer_sizes": [1] * 19}, ValueError, "layer_sizes has 19 entries"),
        ({"layer_sizes": 3}, TypeError, "layer_sizes must be a sequence of integers, got int"),
        ({"layer_sizes": [3, 0, 2]}, ValueError, r"layer_sizes\[1\] must be at least 1"),
        ({"cell": "LSTM"}, ValueError, "cell must be one of 'tanh', 'lstm', 'gru', got 'LSTM'"),
        ({"output_activation": "cos"}, ValueError, "output_activation must be one of"),
        ({"loss": "mse"}, ValueError, "loss must be one of"),
        ({"loss": "softmax_cross_entropy", "output_activation": "tanh"}, ValueError, "needs"),
        ({"returns": "all"}, ValueError, "returns must be one of 'last', 'sequence', got 'all'"),
        ({"l2": -1}, ValueError, "l2 must be 0 or a positive number"),
        ({"dropout": 1}, ValueError, r"dropout must be in \[0, 1\)"),
        ({"layer_sizes": [3, 5, 2], "dropout": 0.5}, ValueError, "between recurrent layers"),
        ({"dtype": "float16"}, ValueError, "dtype"),
        ({"backend": "torch"}, ValueError, "backend"),
    ],
)
def test_wrong_settings_are_refused(settings, error, text):
    with pytest.raises(error, match=text):
        small(**settings)


# --- predictions ----------------------------------------------------------------------------


@EVERY_CELL
@RETURNS
@BACKENDS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sequence_has_the_same_bits_alone_and_among_others(cell, returns, backend, dtype):
    net = small(cell, returns=returns, backend=backend, dtype=dtype)
    sequences = ragged()
    together = net.predict(sequences)
    assert len(together) == len(sequences)
    for sequence, outputs in zip(sequences, together, strict=True):
        assert outputs.dtype == net.dtype
        assert outputs.shape == ((2,) if returns == "last" else (len(sequence), 2))
        if backend == "compiled":  # the order of sums in NumPy's products depends on their size
            assert net.predict(sequence[None])[0].tobytes() == outputs.tobytes()
        np.testing.assert_allclose(net.predict(sequence[None])[0], outputs, atol=1e-5)


@RETURNS
def test_an_array_is_a_list_of_equal_lengths(returns):
    net, x = small(returns=returns), np.stack(ragged([7] * 5))
    outputs = net.predict(x)
    assert outputs.shape == ((5, 2) if returns == "last" else (5, 7, 2))
    assert np.array(net.predict(list(x))).tobytes() == outputs.tobytes()


@EVERY_CELL
def test_the_outputs_of_the_last_step_are_those_of_the_sequence_at_its_end(cell):
    net, sequences = small(cell), ragged()
    every = small(cell, returns="sequence").predict(sequences)
    np.testing.assert_array_equal(net.predict(sequences), [outputs[-1] for outputs in every])


@EVERY_CELL
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("part", [1, 2, 5])
def test_a_stream_that_is_read_in_parts_has_the_same_bits(cell, dtype, part):
    net = small(cell, returns="sequence", dtype=dtype)
    x, state, parts = np.stack(ragged([20] * 3)), None, []
    whole, end = net.predict(x, return_state=True)
    for at in range(0, 20, part):
        outputs, state = net.predict(x[:, at : at + part], state, return_state=True)
        parts.append(outputs)
    assert np.concatenate(parts, axis=1).tobytes() == whole.tobytes()
    assert state.tobytes() == end.tobytes()
    assert state.shape == (3, CELL_ROW[cell].states * 9)


def test_a_state_that_is_passed_is_not_changed():
    net, x = small(), np.stack(ragged([4] * 3))
    _, state = net.predict(x, return_state=True)
    before = state.copy()
    first = net.predict(x, state)
    np.testing.assert_array_equal(state, before)
    np.testing.assert_array_equal(net.predict(x, state.tolist()), first)
    assert not np.array_equal(net.predict(x), first)


@pytest.mark.parametrize("shape", [(3, 17), (2, 18), (18,), (3, 1, 18), (0, 18)])
def test_a_state_of_the_wrong_shape_is_refused(shape):
    net, x = small(), np.stack(ragged([4] * 3))
    with pytest.raises(ValueError, match=r"state has shape .*, expected \(3, 18\)"):
        net.predict(x, np.zeros(shape))
    with pytest.raises(TypeError, match="state must be an array of numbers, got str"):
        net.predict(x, "zeros")


def test_classes_are_those_of_the_largest_outputs():
    net, sequences = classifier(returns="sequence"), ragged()
    found = net.predict_class(sequences)
    for outputs, classes in zip(net.predict(sequences), found, strict=True):
        np.testing.assert_array_equal(classes, outputs.argmax(axis=1))
    assert net.accuracy(sequences, found) == 1
    flipped = [1 - classes for classes in found]
    assert net.accuracy(sequences, flipped) == 0
    last = classifier()
    classes = last.predict_class(sequences)
    assert classes.tolist() == last.predict(sequences).argmax(axis=1).tolist()
    assert last.accuracy(sequences, np.eye(2)[classes]) == 1


def test_a_single_output_has_two_classes():
    net = small(layer_sizes=(3, 4, 1), output_activation="sigmoid", loss="binary_cross_entropy")
    x = np.stack(ragged([4] * 30))
    classes = net.predict_class(x)
    assert set(classes) == {0, 1}
    np.testing.assert_array_equal(classes, net.predict(x)[:, 0] > 0.5)
    assert net.accuracy(x, classes) == 1


def test_a_sequence_with_nan_has_no_class():
    net, sequences = small(returns="sequence"), ragged()
    sequences[2][3, 1] = np.nan
    assert np.isnan(net.predict(sequences)[2][3:]).all()
    assert np.isfinite(net.predict(sequences)[2][:3]).all()
    with pytest.raises(ValueError, match="X leads to NaN in sequence 2, step 3, which has no"):
        net.predict_class(sequences)
    with pytest.raises(ValueError, match="X leads to NaN in sequence 2, which has no class"):
        small().predict_class(sequences)


# --- forecasts ------------------------------------------------------------------------------


@EVERY_CELL
@RETURNS
def test_a_forecast_feeds_its_outputs_back(cell, returns):
    net = small(cell, layer_sizes=(3, 6, 5, 3), returns=returns, output_activation="tanh")
    x = np.stack(ragged([8] * 4))
    found, longer = net.forecast(x, 5), x
    assert found.shape == (4, 5, 3)
    for step in range(5):
        outputs = net.predict(longer)
        outputs = outputs if returns == "last" else outputs[:, -1]
        np.testing.assert_array_equal(found[:, step], outputs)
        longer = np.concatenate([longer, outputs[:, None]], axis=1)
    np.testing.assert_array_equal(net.forecast(x[1], 5), found[1])


def test_a_forecast_needs_as_many_outputs_as_inputs():
    with pytest.raises(ValueError, match=r"network has 3 input\(s\) and 2 output\(s\)"):
        small().forecast(np.zeros((4, 3)), 2)
    net = nncore.RNN([2, 3, 2], rng=0)
    for wrong, error in ((0, ValueError), (1.5, TypeError), (None, TypeError)):
        with pytest.raises(error, match="steps must be"):
            net.forecast(np.zeros((4, 2)), wrong)
    for shape in ((4,), (4, 3), (1, 2, 3), (1, 1, 2, 2)):
        with pytest.raises(ValueError, match="x has shape"):
            net.forecast(np.zeros(shape), 1)


def test_logits_are_fed_back_as_predict_returns_them():
    net = nncore.RNN([2, 3, 2], "gru", "identity", "softmax_cross_entropy", rng=0)
    x = np.ones((1, 4, 2), np.float32)
    first = net.predict(x)
    second = net.predict(np.concatenate([x, first[:, None]], axis=1))
    np.testing.assert_array_equal(net.forecast(x[0], 2), [first[0], second[0]])
