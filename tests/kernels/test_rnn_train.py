"""The training loop of recurrent networks over sequences of vectors."""

import numpy as np
import pytest
from backends import EVERY_BACKEND, assert_gradient
from recurrent_formulas import outputs_of
from recurrent_networks import SequenceNetwork

from nncore import reference
from nncore.params import views
from nncore.reference.hashing import dropout_scale, shuffled
from nncore.registry import CELLS, OPTIMIZER_SLOTS

F8 = np.float64
TOLERANCE = {np.float32: 2e-4, np.float64: 1e-10}
EVERY_CELL = pytest.mark.parametrize("cell", CELLS)
BOTH_ENDS = pytest.mark.parametrize("last", [True, False], ids=["last", "sequence"])
SGD = {"optimizer": "sgd"}


def chosen(net, sequences):
    """x, starts and y of some sequences, in this order."""
    parts = [slice(*net.starts[n : n + 2]) for n in sequences]
    lengths = [part.stop - part.start for part in parts]
    y = net.y[list(sequences)] if net.net["last"] else np.concatenate([net.y[p] for p in parts])
    starts = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    return {"x": np.concatenate([net.x[part] for part in parts]), "starts": starts, "y": y}


def by_hand(module, net, batches):
    """The same updates of plain gradient descent, from gradients of the batches."""
    losses = []
    for batch in batches:
        loss, gradient = net.call(module.rnn_gradients, **chosen(net, batch))
        module.sgd_update(net.weights, gradient, learning_rate=0.01)
        losses.append(loss)
    return losses


@EVERY_BACKEND
@EVERY_CELL
@BOTH_ENDS
@pytest.mark.parametrize("batch_size", [1, 3, 7, 99])
def test_training_equals_its_parts_one_after_the_other(module, dtype, cell, last, batch_size):
    net, parts = (
        SequenceNetwork(dtype, cell=cell, last=last, batch_size=batch_size, **SGD) for _ in range(2)
    )
    epoch = [range(i, min(i + batch_size, 7)) for i in range(0, 7, batch_size)]
    assert net.train(module, 9) == 9
    losses = by_hand(module, parts, [epoch[i % len(epoch)] for i in range(9)])
    np.testing.assert_allclose(net.losses, losses, rtol=TOLERANCE[dtype])
    np.testing.assert_allclose(net.weights, parts.weights, rtol=0, atol=TOLERANCE[dtype])
    epochs, updates = divmod(9, len(epoch))
    assert net.counters.tolist() == [9, 9, updates * batch_size, epochs]


@EVERY_BACKEND
@BOTH_ENDS
def test_the_order_is_that_of_the_hash(module, dtype, last):
    net, parts = (SequenceNetwork(dtype, last=last, **SGD) for _ in range(2))
    net.order, net.counters[3] = np.zeros(7, np.intp), 2
    net.train(module, 4, seed=5)
    orders = [shuffled(7, 5, epoch) for epoch in (2, 3)]
    batches = [orders[0][:3], orders[0][3:6], orders[0][6:], orders[1][:3]]
    losses = by_hand(module, parts, batches)
    assert net.order.tolist() == orders[1].tolist() != orders[0].tolist()
    np.testing.assert_allclose(net.losses, losses, rtol=TOLERANCE[dtype])
    np.testing.assert_allclose(net.weights, parts.weights, rtol=0, atol=TOLERANCE[dtype])


@EVERY_BACKEND
def test_orders_of_all_epochs_may_be_given(module, dtype):
    net, parts = (SequenceNetwork(dtype, **SGD) for _ in range(2))
    orders = np.array([6, 5, 4, 3, 2, 1, 0, 1, 3, 5, 0, 2, 4, 6], np.intp)
    net.order = orders.copy()
    net.train(module, 2, shuffle=False, order=orders[:7].copy())
    net.train(module, 2, shuffle=False)
    losses = by_hand(module, parts, [[6, 5, 4], [3, 2, 1], [0], [1, 3, 5]])
    np.testing.assert_allclose(net.losses, losses[2:], rtol=TOLERANCE[dtype])
    np.testing.assert_allclose(net.weights, parts.weights, rtol=0, atol=TOLERANCE[dtype])
    assert net.order.tolist() == orders.tolist()


@EVERY_BACKEND
@EVERY_CELL
@pytest.mark.parametrize("optimizer", OPTIMIZER_SLOTS)
def test_a_run_may_be_divided_anywhere(module, dtype, cell, optimizer):
    whole, cut = (SequenceNetwork(dtype, cell=cell, optimizer=optimizer) for _ in range(2))
    for net, lengths in ((whole, [20]), (cut, [1, 8, 0, 11])):
        net.order = np.zeros(7, np.intp)
        for n in lengths:
            assert net.train(module, n, dropout=0.3, seed=9, clip_norm=0.5) == n
    assert cut.bytes() == whole.bytes()


@EVERY_BACKEND
@EVERY_CELL
@BOTH_ENDS
def test_training_fits_its_sequences(module, dtype, cell, last):
    net = SequenceNetwork(dtype, (3, 10, 10, 2), cell, last=last, batch_size=7)
    assert net.train(module, 150, rates=np.full(150, 0.03)) == 150
    assert net.losses[-1] < 0.2 * net.losses[0]


@EVERY_BACKEND
@BOTH_ENDS
def test_weights_of_sequences_are_divided_by_the_rows_of_the_batch(module, last):
    net = SequenceNetwork(F8, last=last, batch_size=4, **SGD)
    weight = np.array([0.5, 2, 0, 1, 3, 0.1, 0.4])
    for i, batch in enumerate(([0, 1, 2, 3], [4, 5, 6])):
        arrays = chosen(net, batch)
        _, outputs = net.call(module.rnn_evaluate, **arrays)
        of_rows = weight[batch] if last else np.repeat(weight[batch], np.diff(arrays["starts"]))
        total = sum(
            w * reference.squared_error(outputs[k : k + 1], arrays["y"][k : k + 1])[0]
            for k, w in enumerate(of_rows)
        )
        net.train(module, 1, sample_weight=weight, rates=np.zeros(1))
        assert net.losses[0] == pytest.approx(total / len(of_rows), rel=1e-12)
        assert net.counters.tolist() == [i + 1, i + 1, 4 * (1 - i), i]


def objective(net, module, **settings):
    """The objective of the first batch, whose gradient is stored; nothing else changes."""
    net.counters[...] = 0
    net.train(module, 1, rates=np.zeros(1), **settings)
    return net.losses[0]


SETTINGS = {
    "dropout": {"dropout": 0.4, "seed": 2**64 - 1},
    "penalty": {"l2": 0.3},
    "all": {"dropout": 0.2, "l2": 0.1, "sample_weight": np.arange(7.0)},
}


@EVERY_BACKEND
@EVERY_CELL
@BOTH_ENDS
@pytest.mark.parametrize("kind", SETTINGS)
def test_the_gradient_is_that_of_the_objective(module, cell, last, kind):
    net = SequenceNetwork(F8, (2, 2, 3, 1), cell, last=last, batch_size=4, **SGD)
    settings = SETTINGS[kind]
    objective(net, module, **settings)
    parts = views(net.gradient.copy(), net.shapes)
    for name, view in views(net.weights, net.shapes).items():
        assert_gradient(parts[name], lambda: objective(net, module, **settings), view)


@EVERY_BACKEND
@EVERY_CELL
def test_the_penalty_is_on_all_matrices(module, dtype, cell):
    net = SequenceNetwork(dtype, cell=cell, **SGD)
    parameters = views(net.weights, net.shapes)
    penalty = sum(np.sum(w.astype(F8) ** 2) for w in parameters.values() if w.ndim == 2)
    added = objective(net, module, l2=0.5) - objective(net, module)
    assert added == pytest.approx(0.25 * penalty, rel=TOLERANCE[dtype])


@EVERY_BACKEND
@EVERY_CELL
def test_dropout_takes_its_mask_by_packed_rows(module, dtype, cell):
    """Row t * N + n in steps in which all sequences run; then those that still run."""
    net = SequenceNetwork(dtype, cell=cell, last=False, lengths=(1, 3, 2), **SGD)
    net.counters[:] = 11, 11, 0, 0
    mask = dropout_scale(8, 11, 0, (6, 5), 0.5, np.dtype(F8))
    rows = {1: [0, 3, 5], 2: [1, 4], 0: [2]}  # longest first, step by step
    w, total = views(net.weights.astype(F8), net.shapes), 0.0
    for n, own in rows.items():
        at = slice(*net.starts[n : n + 2])
        x, state = net.x[at].astype(F8), net.states()[0].astype(F8)
        outputs, _ = outputs_of(cell, w, x, state, [mask[own]])
        total += reference.squared_error(outputs, net.y[at].astype(F8))[0]
    net.train(module, 1, dropout=0.5, seed=8, rates=np.zeros(1))
    assert net.losses[0] == pytest.approx(total / 6, rel=TOLERANCE[dtype])


@EVERY_BACKEND
def test_sequences_of_one_length_keep_their_order_in_the_packing(module):
    count = 40
    lengths = [2, 1] * (count // 2)
    net = SequenceNetwork(F8, cell="gru", lengths=lengths, batch_size=count, **SGD)
    mask = dropout_scale(8, 0, 0, (sum(lengths), 5), 0.5, np.dtype(F8))
    w, total = views(net.weights, net.shapes), 0.0
    for n, length in enumerate(lengths):
        half = n // 2
        rows = [half, count + half] if length == 2 else [count // 2 + half]
        at = slice(*net.starts[n : n + 2])
        outputs, _ = outputs_of("gru", w, net.x[at], net.states()[0], [mask[rows]])
        total += reference.squared_error(outputs[-1:], net.y[n : n + 1])[0]
    net.train(module, 1, dropout=0.5, seed=8, rates=np.zeros(1))
    assert net.losses[0] == pytest.approx(total / count, rel=1e-12)


@EVERY_BACKEND
@pytest.mark.parametrize("updates", [0, 30])
def test_the_optimizer_counts_its_own_updates(module, dtype, updates):
    """After a change of the optimizer, its first step is again as long as the learning rate."""
    net = SequenceNetwork(dtype, batch_size=7, optimizer="adam")
    net.counters[0] = updates
    before = net.weights.copy()
    net.train(module, 1, rates=np.full(1, 0.25))
    moved = np.abs(net.weights - before)
    large = np.abs(net.gradient) > 1e-4
    np.testing.assert_allclose(moved[large], 0.25, rtol=1e-3)
    assert net.counters.tolist() == [updates + 1, 1, 0, 1]


@EVERY_BACKEND
@BOTH_ENDS
@pytest.mark.parametrize("limit", [{"clip_value": 0.01}, {"clip_norm": 0.05}], ids=str)
def test_gradients_are_clipped(module, dtype, last, limit):
    net = SequenceNetwork(dtype, last=last, batch_size=7, **SGD)
    before, (_, gradient) = net.weights.copy(), net.call(module.rnn_gradients)
    ((name, value),) = limit.items()
    getattr(module, name.replace("clip", "clip_by"))(gradient, value)
    net.train(module, 1, rates=np.ones(1), **limit)
    np.testing.assert_allclose(net.weights, before - gradient, rtol=0, atol=10 * TOLERANCE[dtype])


@EVERY_BACKEND
@EVERY_CELL
def test_an_objective_that_is_not_finite_ends_the_run_before_its_update(module, dtype, cell):
    net, control = (SequenceNetwork(dtype, cell=cell, **SGD) for _ in range(2))
    rates = np.array([0.01, 0.01, np.inf, 0.01, 0.01])
    assert net.train(module, 5, rates=rates) == 3
    control.train(module, 3, rates=rates[:3])
    assert not np.isfinite(net.losses[3])
    assert net.losses[4] == -1
    assert net.bytes() == control.bytes()


@EVERY_BACKEND
def test_labels_are_learned(module, dtype):
    net = SequenceNetwork(dtype, (3, 8, 4), loss="softmax_cross_entropy", batch_size=7)
    net.train(module, 200, rates=np.full(200, 0.03))
    assert np.argmax(net.predict(module), axis=1).tolist() == net.y.tolist()
