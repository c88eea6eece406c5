"""Training of MLP with arguments of every kind."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from mlp_strategies import networks, optimizers, pair, rows_for
from mlps import state_of
from properties import anything, attempt, close, laid_out, of, seeds

from nncore import (
    MLP,
    SGD,
    Constant,
    CosineDecay,
    DivergenceError,
    EarlyStopping,
    EpochEvent,
    OnPlateau,
    StepDecay,
    WarmUp,
)

fit_settings = st.fixed_dictionaries(
    {},
    optional={
        "optimizer": optimizers,
        "epochs": st.integers(1, 4),
        "batch_size": st.sampled_from([1, 2, 5, 100, 2**53]),
        "shuffle": st.booleans(),
        "schedule": st.sampled_from(
            [None, Constant(), CosineDecay(0.1, 0.2), StepDecay(2), WarmUp(), OnPlateau(0.5, 1)]
        ),
        "clip": st.sampled_from([None, 0.1, 1e9]),
        "clip_norm": st.sampled_from([None, 0.1, np.inf]),
        "early_stopping": st.sampled_from([None, EarlyStopping(1), EarlyStopping(9, 0.1)]),
        "callbacks": st.sampled_from([(), [lambda event: event.epoch == 2]]),
        "validation_fraction": st.sampled_from([0, 0.25]),
    },
)


@of("MLP.fit", "MLPHistory", "MLPHistory.epochs")
@given(
    settings=networks(st.just(np.float64)), fit=fit_settings, n=st.integers(4, 12), seed=seeds,
    data=st.data(),
)  # fmt: skip
def test_training_agrees_with_numpy_in_any_layout(settings, fit, n, seed, data):
    net, plain = pair(settings)
    x, y = rows_for(net, n, seed)
    fit = {"epochs": 3, **fit}
    documented = ValueError, DivergenceError
    forms = [data.draw(laid_out(array)) for array in (x, y)]
    history, error = attempt(lambda: net.fit(*forms, **fit), *documented)
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


@of("MLP.fit")
@given(fit=fit_settings, seed=seeds, data=st.data())
def test_a_wrong_setting_of_training_is_refused_by_its_name(fit, seed, data):
    net = MLP((3, 4, 2), rng=seed)
    x, y = rows_for(net, 8, seed)
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


@of("MLP.fit")
@given(settings=networks(), scale=st.sampled_from([1e3, 1e8, 1e20, 1e30]), seed=seeds)
def test_training_that_diverges_restores_good_parameters(settings, scale, seed):
    net = MLP(**settings)
    x, y = rows_for(net, 8, seed)
    optimizer = SGD(scale)
    _, error = attempt(
        lambda: net.fit(x * net.dtype.type(1e3), y, epochs=5, optimizer=optimizer), DivergenceError
    )
    assert all(np.isfinite(array).all() for array in net.parameters.values())
    assert error is not None or np.isfinite(net.history.loss).all()


@of("EpochEvent")
@given(settings=networks(), epochs=st.integers(1, 4), seed=seeds)
def test_callbacks_see_what_the_history_keeps(settings, epochs, seed):
    net, events = MLP(**settings), []
    history = net.fit(*rows_for(net, 7, seed), epochs=epochs, callbacks=[events.append])
    assert all(isinstance(event, EpochEvent) and event.model is net for event in events)
    assert [event.epoch for event in events] == list(range(1, epochs + 1))
    assert [event.epochs for event in events] == [epochs] * epochs
    assert [event.loss for event in events] == history.loss.tolist()
    assert {event.validation_loss for event in events} == {None}
    assert all(event.rows_per_second > 0 for event in events)


@of("EarlyStopping")
@given(patience=anything | st.integers(1, 99), delta=anything | st.floats(0, 9))
def test_early_stopping_keeps_its_constants_or_refuses_them(patience, delta):
    made, error = attempt(lambda: EarlyStopping(patience, delta))
    if error is None:
        assert (made.patience, made.min_delta) == (patience, float(delta))
        assert made.patience >= 1
        assert made.min_delta >= 0
    else:
        assert "EarlyStopping: " in str(error)
