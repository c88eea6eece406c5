"""Training of RNN: what it learns, what it records, when it stops."""

from itertools import pairwise

import numpy as np
import pytest
from every_optimizer import EVERY_OPTIMIZER
from rnns import BACKENDS, EVERY_CELL, RETURNS, classifier, ragged, small, state_of, targets_for

import nncore

rng = np.random.default_rng(5)
SEQUENCES = ragged(rng.integers(2, 12, 60), inputs=1)
ABOVE = np.array([int(sequence.sum() > 0) for sequence in SEQUENCES])
RUNNING = [(np.cumsum(sequence) > 0).astype(int) for sequence in SEQUENCES]
X = np.stack(ragged([5] * 23))
Y = np.tanh(X.sum(axis=1) @ rng.standard_normal((3, 2)))


def sums(cell="lstm", **settings):
    """A classifier of the sign of a sum."""
    return nncore.RNN([1, 12, 1], cell, "sigmoid", "binary_cross_entropy", rng=0, **settings)


@EVERY_CELL
@BACKENDS
def test_the_sign_of_a_sum_of_any_length_is_learned(cell, backend):
    net = sums(cell, backend=backend)
    net.fit(SEQUENCES, ABOVE, epochs=60, optimizer=nncore.Adam(0.02), batch_size=10)
    assert net.accuracy(SEQUENCES, ABOVE) > 0.93
    assert net.history.loss[-1] < 0.3 < net.history.loss[0]


@EVERY_CELL
def test_the_sign_of_a_running_sum_is_learned_at_every_step(cell):
    net = sums(cell, returns="sequence")
    net.fit(SEQUENCES, RUNNING, epochs=60, optimizer=nncore.Adam(0.02), batch_size=10)
    assert net.accuracy(SEQUENCES, RUNNING) > 0.93


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=lambda o: o.rule().kind)
def test_every_optimizer_lowers_the_loss(optimizer):
    net = small()
    before = net.loss(X, Y)
    history = net.fit(X, Y, epochs=30, batch_size=8, optimizer=optimizer)
    assert (history.epochs, history.updates) == (30, 90)
    assert net.loss(X, Y) < before


@RETURNS
def test_the_loss_of_an_epoch_is_the_mean_over_its_sequences(returns):
    net = small(returns=returns, dtype="float64", l2=0.1)
    x = ragged([4] * 7)
    y, weight = targets_for(net, x), np.arange(7.0) + 1
    expected = net.loss(x, y, sample_weight=weight)
    frozen = {"optimizer": nncore.SGD(1e-30), "epochs": 1, "sample_weight": weight}
    for batch_size, shuffle in ((3, False), (3, True), (7, False), (100, True), (1, True)):
        net.fit(x, y, batch_size=batch_size, shuffle=shuffle, **frozen)
    np.testing.assert_allclose(net.history.loss, expected)


def test_a_gradient_step_is_the_gradient_times_the_rate():
    net, twin = small(l2=0.1, dtype="float64"), small(l2=0.1, dtype="float64")
    _, gradients = net.loss_and_gradients(X, Y)
    net.fit(X, Y, epochs=1, batch_size=23, optimizer=nncore.SGD(0.5))
    for name, array in net.parameters.items():
        expected = twin.parameters[name] - 0.5 * gradients[name]
        np.testing.assert_allclose(array, expected, atol=1e-12)


def test_dropout_acts_in_training_only():
    plain, net = small(), small(dropout=0.5)
    assert net.loss(X, Y) == plain.loss(X, Y)
    np.testing.assert_array_equal(net.predict(X), plain.predict(X))
    for one in (plain, net):
        one.fit(X, Y, epochs=1, optimizer=nncore.SGD(0.1))
    assert net.history.loss != plain.history.loss
    assert not np.array_equal(net._weights, plain._weights)


def test_training_in_parts_has_the_same_bits_as_at_once():
    whole, parts = small(), small()
    whole.fit(X, Y, epochs=6, batch_size=4)
    for _ in range(3):
        parts.fit(X, Y, epochs=2, batch_size=4)
    assert state_of(parts) == state_of(whole)


def test_ragged_lists_and_arrays_train_with_the_same_bits():
    one, other = small(), small()
    one.fit(X, Y, epochs=3)
    other.fit(list(X), Y, epochs=3)
    assert state_of(one) == state_of(other)


@RETURNS
def test_validation_data_is_measured_after_every_epoch(returns):
    net, seen = classifier(returns=returns), []
    x, held_out = ragged(), ragged([2, 5, 3], seed=8)
    y, expected = targets_for(net, x), targets_for(net, held_out)

    def measure(event):
        seen.append(
            (event.model.loss(held_out, expected), event.model.accuracy(held_out, expected))
        )
        assert (event.validation_loss, event.validation_accuracy) == pytest.approx(seen[-1])

    history = net.fit(x, y, epochs=4, validation_data=(held_out, expected), callbacks=[measure])
    np.testing.assert_allclose(history.validation_loss, [loss for loss, _ in seen], rtol=1e-5)
    np.testing.assert_allclose(history.validation_accuracy, [right for _, right in seen])


def test_weights_of_validation_data_count_at_every_step():
    net = classifier(returns="sequence")
    x = ragged([2, 5])
    y = net.predict_class(x)
    y[1] = 1 - y[1]  # of 7 steps, the 2 of the first sequence are right
    history = net.fit(x, y, epochs=1, optimizer=nncore.SGD(0.0), validation_data=(x, y, [4.0, 1.0]))
    assert history.validation_accuracy == pytest.approx(8 / 13)


def test_a_fraction_of_the_sequences_is_held_out():
    net, x = small(returns="sequence"), ragged()
    history = net.fit(x, targets_for(net, x), epochs=1, batch_size=1, validation_fraction=0.3)
    assert history.updates == 7
    assert np.isfinite(history.validation_loss).all()
    assert np.isnan(history.validation_accuracy).all()
    with pytest.raises(ValueError, match="holds out 0 of 10 rows"):
        net.fit(x, targets_for(net, x), validation_fraction=0.05)


def test_sequences_held_out_are_not_trained_on():
    x = ragged()
    changed = []
    for bad in range(len(x)):
        net = small(returns="sequence")
        y = targets_for(net, x)
        y[bad] = y[bad] + 100
        net.fit(x, y, epochs=1, validation_fraction=0.2)
        changed.append(net._weights.tobytes())
    untouched = max(changed, key=changed.count)
    assert changed.count(untouched) == 2


def test_early_stopping_restores_the_best_parameters():
    net, best = small(), []
    stopping = nncore.EarlyStopping(4)

    def keep(event):
        best.append((event.validation_loss, event.model._weights.tobytes()))

    net.fit(
        X[:12], Y[:12], epochs=500, optimizer=nncore.Adam(0.05), early_stopping=stopping,
        validation_data=(X[12:], Y[12:]), callbacks=[keep],
    )  # fmt: skip
    lowest = min(range(len(best)), key=lambda epoch: best[epoch][0])
    assert net.history.best_epoch == lowest + 1 == net.history.epochs - 4
    assert net._weights.tobytes() == best[lowest][1]


def test_the_rate_falls_on_a_plateau():
    net, weights = small(), []
    net.fit(
        X, Y, epochs=6, schedule=nncore.OnPlateau(factor=1e-9, patience=1, threshold=1e9),
        callbacks=[lambda event: weights.append(event.model._weights.copy())],
    )  # fmt: skip
    moved = [np.abs(b - a).max() for a, b in pairwise(weights)]
    assert moved[0] > 1e-4
    assert moved[-1] < 1e-8


def test_a_callback_stops_the_run_which_can_be_resumed():
    whole, part = small(), small()
    whole.fit(X, Y, epochs=5, callbacks=[lambda event: False])
    part.fit(X, Y, epochs=5, callbacks=[lambda event: event.epoch == 2])
    assert part.history.epochs == 2
    part.fit(X, Y, epochs=5, callbacks=[lambda event: False], resume=True)
    assert state_of(part) == state_of(whole)


def test_a_run_is_resumed_with_the_same_sequences_only():
    x, stop = ragged([3, 4, 5, 6]), [lambda event: True]
    net = small()
    y = targets_for(net, x)
    net.fit(x, y, epochs=5, callbacks=stop)
    packed = np.concatenate(x)
    others = np.split(packed, [4, 7, 12])  # the same steps in sequences of other lengths
    for wrong in (others, x[::-1], [2 * one for one in x]):
        with pytest.raises(ValueError, match="must be those that it was started with"):
            net.fit(wrong, y, epochs=5, resume=True)
    net.fit(x, y, epochs=5, resume=True)
    assert net.history.epochs == 5


def test_a_run_over_long_sequences_is_resumed_with_the_same_targets_and_weights_only():
    x, y, weight = np.ones((20, 4000, 2)), np.arange(20.0), np.linspace(1, 2, 20)
    net = nncore.RNN([2, 1, 1], "tanh", rng=0)
    stop = [lambda event: True]
    net.fit(x, y, epochs=2, sample_weight=weight, callbacks=stop)
    for wrong, weights in ((np.append(y[:-1], 7), weight), (y, np.append(weight[:-1], 7))):
        with pytest.raises(ValueError, match="must be those that it was started with"):
            net.fit(x, wrong, epochs=2, sample_weight=weights, resume=True)
    net.fit(x, y, epochs=2, sample_weight=weight, resume=True)
    assert net.history.epochs == 2


@pytest.mark.parametrize("stopping", [None, nncore.EarlyStopping(50)])
def test_divergence_restores_good_parameters(stopping):
    net = small()
    with pytest.raises(nncore.DivergenceError, match="were restored") as raised:
        net.fit(1e3 * X, 1e3 * Y, epochs=200, optimizer=nncore.SGD(1e6), early_stopping=stopping)
    assert "X reaches" in str(raised.value)
    assert ("best epoch" in str(raised.value)) == (stopping is not None)
    assert (net.history.best_epoch > 0) == (stopping is not None)
    assert np.isfinite(net._weights).all()
    assert np.isfinite(net.predict(X)).all()


def test_parameters_that_are_not_finite_are_refused():
    net = small()
    net.parameters["whh2"][1, 2] = np.nan
    with pytest.raises(ValueError, match=r"parameters\['whh2'\] contains NaN or infinity"):
        net.fit(X, Y)


@RETURNS
def test_sequences_of_one_class_are_refused(returns):
    net, x = classifier(returns=returns), ragged()
    y = [0 * labels for labels in targets_for(net, x)]
    with pytest.raises(ValueError, match=r"Y has only one class \(0\) to train on"):
        net.fit(x, y)
    net.fit(x, targets_for(net, x), epochs=1)
    net.fit(x, y, epochs=1)  # of a trained network, they may be a part of the data


def test_the_progress_bar_shows_epochs(capsys):
    pytest.importorskip("tqdm", reason="the bar is tqdm's")
    small().fit(X, Y, epochs=3, progress=True, validation_fraction=0.3)
    shown = capsys.readouterr().err
    assert "3/3" in shown
    assert "loss=" in shown
    assert "validation=" in shown


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"epochs": 0}, ValueError, "epochs must be at least 1"),
        ({"batch_size": 1.5}, TypeError, "batch_size must be an integer"),
        ({"optimizer": "adam"}, TypeError, "optimizer"),
        ({"validation_data": (X, Y[:3])}, ValueError, "validation_data: Y has 3 rows"),
        ({"validation_data": (X[0], Y)}, ValueError, "validation_data: X has shape"),
        ({"sample_weight": [1, 2]}, ValueError, r"sample_weight has shape \(2,\), expected \(23,"),
        ({"resume": True}, ValueError, "there is no run to resume"),
    ],
)
def test_wrong_settings_change_nothing(settings, error, text):
    net = small()
    before = state_of(net)
    with pytest.raises(error, match=text):
        net.fit(X, Y, **settings)
    assert state_of(net) == before


def test_the_seed_decides_the_order_and_dropout_as_well_as_the_weights():
    start = small().parameters
    for dropout in (0.0, 0.4):
        how = {"weight_init": start, "dropout": dropout}
        nets = [small(**how, rng=seed) for seed in (1, 1, 2)]
        for net in nets:
            net.fit(X, Y, epochs=1, batch_size=23 if dropout else 5)
        one, same, other = (state_of(net) for net in nets)
        assert one == same
        assert one != other
