"""Recurrent networks over sequences of vectors, as kernels: outputs, losses, gradients."""

import numpy as np
import pytest
from backends import EVERY_BACKEND, assert_gradient
from recurrent_formulas import outputs_of
from recurrent_networks import SequenceNetwork

from nncore import reference, registry
from nncore.params import views
from nncore.registry import ACTIVATION_ROW, ACTIVATIONS, CELLS, LOSS_ROW, LOSSES

F8 = np.float64
TOLERANCE = {np.float32: 2e-4, np.float64: 1e-10}
EVERY_CELL = pytest.mark.parametrize("cell", CELLS)
EVERY_DEPTH = pytest.mark.parametrize("sizes", [(3, 5, 2), (3, 5, 4, 2), (3, 2, 5, 3, 2)], ids=str)
BOTH_ENDS = pytest.mark.parametrize("last", [True, False], ids=["last", "sequence"])


def by_formula(net, state, activation="identity"):
    """Outputs of all steps and states after each sequence, one sequence after the other."""
    w, outputs, states = views(net.weights.astype(F8), net.shapes), [], []
    for n in range(net.sequences):
        x = net.x[net.starts[n] : net.starts[n + 1]].astype(F8)
        sums, after = outputs_of(net.net["cell"], w, x, state[n].astype(F8))
        outputs.append(getattr(reference, f"{activation}_forward")(sums))
        states.append(after)
    return outputs, np.array(states)


@EVERY_BACKEND
@EVERY_CELL
@EVERY_DEPTH
@BOTH_ENDS
def test_outputs_and_states_are_those_of_the_formula(module, dtype, cell, sizes, last):
    net = SequenceNetwork(dtype, sizes, cell, "sigmoid", last=last)
    state = np.random.default_rng(3).normal(0, 0.5, net.states().shape).astype(dtype)
    outputs, states = by_formula(net, state, "sigmoid")
    result = net.predict(module, state=state)
    expected = [each[-1] for each in outputs] if last else np.concatenate(outputs)
    assert result.dtype == dtype
    np.testing.assert_allclose(result, expected, rtol=0, atol=TOLERANCE[dtype])
    np.testing.assert_allclose(state, states, rtol=0, atol=TOLERANCE[dtype])


@EVERY_BACKEND
@EVERY_CELL
@BOTH_ENDS
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_can_be_that_of_the_outputs(module, cell, last, activation):
    net = SequenceNetwork(F8, (3, 5, 4), cell, activation, last=last)
    outputs, _ = by_formula(net, net.states(), activation)
    expected = [each[-1] for each in outputs] if last else np.concatenate(outputs)
    np.testing.assert_allclose(net.predict(module), expected, rtol=0, atol=1e-12)


def alone(net, n, **changes):
    """The arguments of sequence n, without the others."""
    at = slice(*net.starts[n : n + 2])
    y = net.y[n : n + 1] if net.net["last"] else net.y[at]
    return {"x": net.x[at], "starts": np.array([0, at.stop - at.start]), "y": y, **changes}


@EVERY_BACKEND
@EVERY_CELL
@BOTH_ENDS
def test_a_batch_of_different_lengths_gives_what_each_sequence_gives_alone(
    module, dtype, cell, last
):
    net = SequenceNetwork(dtype, cell=cell, last=last)
    states, parts = net.states(), []
    outputs = net.predict(module, state=states)
    for n in range(net.sequences):
        one = alone(net, n, state=(state := np.zeros((1, net.columns), dtype)))
        del one["y"]
        parts.append(net.predict(module, **one))
        np.testing.assert_allclose(states[n], state[0], rtol=0, atol=TOLERANCE[dtype])
    np.testing.assert_allclose(outputs, np.concatenate(parts), rtol=0, atol=TOLERANCE[dtype])


@EVERY_BACKEND
@EVERY_CELL
def test_a_stream_can_be_read_in_parts(module, dtype, cell):
    net = SequenceNetwork(dtype, cell=cell, last=False, lengths=(9,))
    whole, parts = net.states(), net.states()
    expected = net.predict(module, state=whole)
    pieces = [
        net.predict(module, state=parts, x=net.x[a:b], starts=np.array([0, b - a]))
        for a, b in ((0, 1), (1, 5), (5, 9))
    ]
    np.testing.assert_allclose(np.concatenate(pieces), expected, rtol=0, atol=TOLERANCE[dtype])
    np.testing.assert_allclose(parts, whole, rtol=0, atol=TOLERANCE[dtype])


@EVERY_BACKEND
@BOTH_ENDS
def test_no_sequences_have_no_outputs(module, dtype, last):
    net = SequenceNetwork(dtype, last=last)
    none = {"x": net.x[:0], "starts": np.zeros(1, np.int64), "state": net.states()[:0]}
    assert net.predict(module, **none).shape == (0, 2)


# --- losses and gradients -------------------------------------------------------------------


def losses_of(name, outputs, y):
    """The loss of each row."""
    function = getattr(reference, name)
    return [function(outputs[i : i + 1], y[i : i + 1])[0] for i in range(len(outputs))]


def weights_of_rows(net, weight):
    return weight if net.net["last"] else np.repeat(weight, np.diff(net.starts))


@EVERY_BACKEND
@EVERY_CELL
@BOTH_ENDS
@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_is_the_weighted_mean_over_rows(module, dtype, cell, last, weighted):
    net = SequenceNetwork(dtype, cell=cell, loss="huber", last=last)
    weight = np.arange(1, net.sequences + 1).astype(dtype) if weighted else None
    loss, outputs = net.call(module.rnn_evaluate, sample_weight=weight)
    assert outputs.tobytes() == net.predict(module).tobytes()
    each = losses_of("huber", outputs.astype(F8), net.y.astype(F8))
    of_rows = weights_of_rows(net, weight) if weighted else np.ones(len(each))
    np.testing.assert_allclose(loss, np.average(each, weights=of_rows), rtol=TOLERANCE[dtype])
    assert loss == net.call(module.rnn_gradients, sample_weight=weight)[0]


def assert_is_gradient_of_loss(module, net, **changes):
    _, gradient = net.call(module.rnn_gradients, **changes)
    parts = views(gradient, net.shapes)
    for name, view in views(net.weights, net.shapes).items():
        assert_gradient(parts[name], lambda: net.call(module.rnn_evaluate, **changes)[0], view)


@EVERY_BACKEND
@EVERY_CELL
@EVERY_DEPTH
@BOTH_ENDS
def test_gradients_are_those_of_the_loss(module, cell, sizes, last):
    net = SequenceNetwork(F8, sizes, cell, "tanh", last=last, lengths=(3, 1, 4, 4, 2))
    assert_is_gradient_of_loss(module, net)


@EVERY_BACKEND
@BOTH_ENDS
def test_gradients_of_weighted_sequences(module, last):
    net = SequenceNetwork(F8, cell="gru", last=last)
    weight = np.array([0.5, 2, 0, 1, 3, 0.1, 1])
    assert_is_gradient_of_loss(module, net, sample_weight=weight)


SMOOTH = [name for name in ACTIVATIONS if not ACTIVATION_ROW[name].kinks]
PAIRS = [
    (activation, loss)
    for loss in LOSSES
    for activation in SMOOTH
    if activation in registry.outputs_for(loss) and not LOSS_ROW[loss].targets
]
PAIRS += [("sigmoid", "binary_cross_entropy"), ("softmax", "kl_divergence"), ("sigmoid", "focal")]
PAIRS += [("identity", "sigmoid_cross_entropy"), ("identity", "half_poisson_deviance")]


@EVERY_BACKEND
@BOTH_ENDS
@pytest.mark.parametrize(("activation", "loss"), PAIRS)
def test_gradients_of_every_loss_and_smooth_activation(module, last, activation, loss):
    net = SequenceNetwork(F8, (2, 3, 3), "tanh", activation, loss, last, lengths=(2, 1, 3))
    assert_is_gradient_of_loss(module, net)


@EVERY_BACKEND
@EVERY_CELL
@BOTH_ENDS
def test_the_gradient_is_the_sum_of_those_of_single_sequences(module, dtype, cell, last):
    """Nothing comes from steps that a sequence does not have."""
    net = SequenceNetwork(dtype, cell=cell, last=last)
    expected, rows = 0, np.ones(net.sequences) if last else np.diff(net.starts)
    for n in range(net.sequences):
        _, gradient = net.call(module.rnn_gradients, **alone(net, n))
        expected = expected + rows[n] / rows.sum() * gradient.astype(F8)
    _, gradient = net.call(module.rnn_gradients)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=TOLERANCE[dtype])


@EVERY_BACKEND
@EVERY_CELL
def test_gaps_between_parameters_have_no_gradient(module, dtype, cell):
    net = SequenceNetwork(dtype, cell=cell)
    _, gradient = net.call(module.rnn_gradients)
    assert gradient.dtype == dtype
    for view in views(gradient, net.shapes).values():
        assert view.any()
        view[...] = 0
    assert not gradient.any()


@EVERY_BACKEND
@BOTH_ENDS
def test_arguments_are_not_changed(module, dtype, last):
    net = SequenceNetwork(dtype, last=last)
    weight = np.ones(net.sequences, dtype)
    for array in (net.weights, net.x, net.starts, net.y, weight):
        array.setflags(write=False)
    for kernel in (module.rnn_evaluate, module.rnn_gradients):
        assert np.isfinite(net.call(kernel, sample_weight=weight)[0])
