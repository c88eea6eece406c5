"""Training of RNN with arguments of every kind."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from mlp_strategies import optimizers
from properties import anything, attempt, close, of, seeds
from rnn_strategies import arrays_for, lengths, lists_for, networks, pair
from rnns import state_of

from nncore import (
    RNN,
    SGD,
    CosineDecay,
    DivergenceError,
    EarlyStopping,
    OnPlateau,
)

fit_settings = st.fixed_dictionaries(
    {},
    optional={
        "optimizer": optimizers,
        "epochs": st.integers(1, 4),
        "batch_size": st.sampled_from([1, 2, 5, 100, 2**53]),
        "shuffle": st.booleans(),
        "schedule": st.sampled_from([None, CosineDecay(0.1, 0.2), OnPlateau(0.5, 1)]),
        "clip": st.sampled_from([None, 0.1, 1e9]),
        "clip_norm": st.sampled_from([None, 0.1, np.inf]),
        "early_stopping": st.sampled_from([None, EarlyStopping(1), EarlyStopping(9, 0.1)]),
        "callbacks": st.sampled_from([(), [lambda event: event.epoch == 2]]),
        "validation_fraction": st.sampled_from([0, 0.25]),
    },
)


@of("RNN.fit", "RNNHistory", "RNNHistory.epochs")
@given(settings=networks(st.just(np.float64)), fit=fit_settings, lengths=lengths, seed=seeds,
       weighted=st.booleans())  # fmt: skip
def test_training_agrees_with_numpy(settings, fit, lengths, seed, weighted):
    net, plain = pair(settings)
    x, y = lists_for(net, lengths, seed)
    weight = np.random.default_rng(seed).random(len(x)) + 0.1 if weighted else None
    fit = {"epochs": 3, "sample_weight": weight, **fit}
    documented = ValueError, DivergenceError
    history, error = attempt(lambda: net.fit(x, y, **fit), *documented)
    expected, refused = attempt(lambda: plain.fit(x, y, **fit), *documented)
    assert type(error) is type(refused)
    if error is not None:
        assert all(np.isfinite(array).all() for array in net.parameters.values())
        return
    assert history is net.history
    assert 1 <= history.epochs <= fit["epochs"]
    assert str(history.epochs) in repr(history)
    for name in ("loss", "validation_loss", "validation_accuracy"):
        close(getattr(history, name), getattr(expected, name), np.float32)
    for name, array in net.parameters.items():
        close(array, plain.parameters[name], np.float32)


@of("RNN.fit")
@given(fit=fit_settings, seed=seeds, data=st.data())
def test_a_wrong_setting_of_training_is_refused_by_its_name(fit, seed, data):
    net = RNN((3, 4, 2), rng=seed)
    x, y = arrays_for(net, 8, 3, seed)
    names = [
        *("optimizer", "epochs", "batch_size", "shuffle", "schedule", "clip", "clip_norm"),
        *("sample_weight", "validation_data", "validation_fraction", "early_stopping"),
        *("callbacks", "checkpoint_every", "resume"),
    ]
    name, value = data.draw(st.sampled_from(names)), data.draw(anything)
    if name == "epochs" and isinstance(value, int) and value > 3:
        value = -value  # that many take too long
    before = state_of(net)
    documented = TypeError, ValueError, DivergenceError
    _, error = attempt(lambda: net.fit(x, y, **{"epochs": 2, **fit, name: value}), *documented)
    if error is None:
        assert np.isfinite(net.history.loss).all()
    else:
        assert state_of(net) == before
        assert name in str(error) or "no run to resume" in str(error)


@of("RNN.fit")
@given(settings=networks(), scale=st.sampled_from([1e3, 1e8, 1e20, 1e30]), seed=seeds)
def test_training_that_diverges_restores_good_parameters(settings, scale, seed):
    net = RNN(**settings)
    x, y = arrays_for(net, 8, 3, seed)
    optimizer = SGD(scale)
    _, error = attempt(
        lambda: net.fit(x * net.dtype.type(1e3), y, epochs=5, optimizer=optimizer), DivergenceError
    )
    assert all(np.isfinite(array).all() for array in net.parameters.values())
    assert error is not None or np.isfinite(net.history.loss).all()
