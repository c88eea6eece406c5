"""Scores of sweeps, ensembles of their members, and arguments that are refused."""

import math

import numpy as np
import pytest
from sweep_makers import SEEDS, X, bits, xor
from texts import prose

import nncore
from nncore import CharRNN, Ensemble, Sweep

# --- scores and ensembles -----------------------------------------------------------------------


def test_the_best_have_the_lowest_scores():
    sweep = nncore.sweep(xor, SEEDS).run()
    scores = [member.score for member in sweep.members]
    assert [member.score for member in sweep.best(3)] == sorted(scores)[:3]
    assert scores == [float(member.network.history.loss[-1]) for member in sweep.members]


def test_scores_come_from_held_out_data_or_from_the_caller():
    def make(rng):
        net = nncore.MLP((2, 3, 1), rng=rng)
        net.fit(X, X[:, :1], epochs=20, validation_data=(X, X[:, :1]))
        return net

    for member in nncore.sweep(make, SEEDS[:2]):
        assert member.score == member.network.history.validation_loss[-1]
    sweep = nncore.sweep(xor, SEEDS[:3], score=lambda net: -abs(net.parameters["b2"][0])).run()
    for member in sweep.members:
        assert member.score == -abs(member.network.parameters["b2"][0])
    lost = nncore.sweep(xor, SEEDS[:1], score=lambda net: math.nan).run()
    assert lost.failures[0].error == "ValueError: score must not be NaN"


@pytest.mark.parametrize("held_out", [True, False])
def test_the_score_is_that_of_the_weights_restored_by_early_stopping(held_out):
    x, y = np.random.default_rng(0).standard_normal((2, 40, 2))

    def make(rng, patience):
        net = nncore.MLP((2, 30, 1), rng=rng)
        stopping = nncore.EarlyStopping(patience)
        data = {"validation_data": (x[:8], y[:8, :1])} if held_out else {}
        net.fit(x[8:], y[8:, :1], epochs=200, batch_size=4, early_stopping=stopping,
                optimizer=nncore.Adam(0.1), **data)  # fmt: skip
        return net

    for member in nncore.sweep(make, [{"rng": 0, "patience": n} for n in (1, 5)]):
        history = member.network.history
        losses = history.validation_loss if held_out else history.loss
        assert 0 < history.best_epoch < history.epochs
        assert member.score == losses[history.best_epoch - 1]
        if held_out:
            assert member.score == pytest.approx(member.network.loss(x[:8], y[:8, :1]))


def test_the_score_is_that_of_the_last_epoch():
    def make(then):
        net = nncore.MLP((2, 3, 1), rng=0)
        net.fit(X, X[:, :1], epochs=300, validation_data=(X, X[:, :1]))
        if then == "worse":
            net.fit(X, -X[:, :1], epochs=30, validation_data=(X, X[:, :1]))
        if then == "unmeasured":
            net.fit(X, -X[:, :1], epochs=3)
        return net

    best, worse, unmeasured = nncore.sweep(
        make, [{"then": then} for then in ("", "worse", "unmeasured")]
    ).run().members  # fmt: skip
    assert worse.score == worse.network.history.validation_loss[-1] > best.score
    assert unmeasured.score == unmeasured.network.history.loss[-1]


def test_character_networks_can_be_swept(tmp_path):
    def make(hidden):
        model = CharRNN(hidden, 10, 2, rng=1)
        model.fit(prose(2000), epochs=1, validation_fraction=0.2)
        return model

    settings = [{"hidden": 5}, {"hidden": 8}]
    sweep = nncore.sweep(make, settings, folder=tmp_path).run()
    for member in sweep.members:
        assert member.score == member.network.history.validation_bits_per_char[-1]
    assert bits(nncore.sweep(make, settings, folder=tmp_path)) == bits(sweep)
    with pytest.raises(TypeError, match=r"networks must be MLP.*got CharRNN"):
        sweep.ensemble(2)
    blind = CharRNN(5, 10, 2, rng=1)
    blind.fit(prose(2000), epochs=1)
    (member,) = nncore.sweep(lambda: blind, [{}]).run().members
    assert member.score == blind.history.loss[-1]


def test_an_ensemble_averages():
    sweep = nncore.sweep(xor, SEEDS).run()
    ensemble = sweep.ensemble(5)
    outputs = [member.network.predict(X) for member in sweep.best(5)]
    np.testing.assert_allclose(ensemble.predict(X), np.mean(outputs, axis=0))
    assert ensemble.predict_class(X).tolist() == [0, 1, 1, 0]
    assert repr(ensemble) == "<Ensemble of 5 networks>"
    with pytest.raises(ValueError, match="must not be empty"):
        Ensemble([])
    with pytest.raises(ValueError, match="agree in inputs and outputs"):
        Ensemble([nncore.MLP((2, 3, 1)), nncore.MLP((3, 3, 1))])
    last = [nncore.MLP((2, 3, 1), output_activation=name) for name in ("tanh", "sigmoid")]
    with pytest.raises(
        ValueError, match=r"same boundary between the classes.* got sigmoid and tanh"
    ):
        Ensemble(last)
    Ensemble([last[0], last[0]])
    Ensemble([nncore.MLP((2, 3, 2), output_activation=name) for name in ("tanh", "sigmoid")])


# --- wrong use --------------------------------------------------------------------------------


@pytest.mark.parametrize("choose", [Sweep.best, Sweep.ensemble])
@pytest.mark.parametrize(
    ("n", "error", "message"),
    [
        (-1, ValueError, "n must be at least 1, got -1"),
        (0, ValueError, "n must be at least 1, got 0"),
        (1.5, TypeError, "n must be an integer, got float"),
    ],
)
def test_the_number_of_best_members_is_at_least_one(choose, n, error, message):
    with pytest.raises(error, match=message):
        choose(nncore.sweep(xor, SEEDS[:2]).run(), n)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((None, SEEDS), "make must be a function, got NoneType"),
        ((xor, None), "settings must be an iterable of mappings, got NoneType"),
        ((xor, [{"rng": 1}, 2]), r"settings\[1\] must map names of make's arguments, got 2"),
        ((xor, [{1: 2}]), r"settings\[0\] must map names"),
        ((xor, SEEDS, 2), "executor must be a concurrent.futures.Executor, .*got int"),
    ],
)
def test_invalid_sweeps_are_refused(arguments, error):
    with pytest.raises(TypeError, match=error):
        nncore.sweep(*arguments)


def test_sweeps_say_how_far_they_are(capsys):
    sweep = nncore.sweep(xor, SEEDS[:3], progress=True)
    assert repr(sweep) == "<Sweep: 0 of 3 networks done>"
    assert isinstance(sweep.run(), Sweep)
    assert repr(sweep).startswith("<Sweep: 3 of 3 networks done, best score 0.")
    assert "3/3" in capsys.readouterr().err
    assert nncore.sweep(xor, []).run().members == []


def test_a_notebook_shows_the_best_in_a_table():
    def make(rng, name):
        if rng == 2:
            raise ValueError
        return xor(rng=rng)

    sweep = nncore.sweep(make, [{"rng": i, "name": "<b>"} for i in range(13)]).run()
    html = sweep._repr_html_()
    assert "13 of 13 networks done, 1 failed" in html
    assert html.count("<tr>") == 11
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert html.index(f"{sweep.best()[0].score:.4g}") < html.index(f"{sweep.best(5)[4].score:.4g}")
