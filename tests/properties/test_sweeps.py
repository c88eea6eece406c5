"""Sweeps and ensembles with settings, scores and networks of every kind."""

import math
from functools import partial

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from properties import anything, attempt, laid_out, of
from sweep_makers import X, bits, xor

import nncore

COUNTS = st.integers(1, 3)
NETWORKS = [xor(hidden=hidden, rng=hidden, epochs=5) for hidden in (1, 2, 3)]


@of("sweep", "Sweep", "Sweep.run", "Sweep.members", "Sweep.failures", "Sweep.best", "Member")
@given(
    settings=st.lists(
        st.dictionaries(st.sampled_from(["hidden", "rng", "epochs", "other"]), anything | COUNTS),
        max_size=4,
    ),
    score=st.none() | st.sampled_from([len, lambda net: 1, lambda net: math.inf]),
)
def test_every_setting_is_a_network_or_an_error(settings, score):
    for each in settings:
        epochs = each.get("epochs", 1)
        if type(epochs) is not int or not 1 <= epochs <= 3:  # none of them takes long
            each["epochs"] = 1
    sweep = nncore.sweep(xor, settings, score=score).run()
    assert [member.index for member in sweep.members] == list(range(len(settings)))
    for member, each in zip(sweep.members, settings, strict=True):
        assert member.settings == each
        assert (member.network is None) == (member.error is not None)
        if member.network is not None and score is None:
            again = xor(**each)
            assert member.score == again.history.loss[-1] or each.get("rng") is None
    assert len(sweep.best(10)) + len(sweep.failures) == len(settings)
    scores = [member.score for member in sweep.best(10)]
    assert scores == sorted(scores)


OWN = ["rng", "l1", "l2", "dropout", "learning_rate", "rows", "batch_size", "shuffle", "other"]


@of("Plan", "Plan.train", "sweep")
@given(settings=st.lists(
    st.dictionaries(st.sampled_from(OWN), anything | st.sampled_from([0, 0.5, 1, [0, 1, 1]])),
    min_size=4, max_size=6,
))  # fmt: skip
def test_networks_side_by_side_are_those_of_a_plan_alone(settings):
    plan = nncore.Plan(X, X[:, :1], layer_sizes=(2, 3, 1), epochs=2)
    settings = [each if each.get("rng") is not None else {**each, "rng": 1} for each in settings]
    together = nncore.sweep(plan, settings).run()
    alone = nncore.sweep(partial(plan), settings).run()
    assert [m.error for m in together.members] == [m.error for m in alone.members]
    assert bits(together) == bits(alone)


@of("sweep", "Sweep.ensemble", "Ensemble")
@given(make=anything, settings=anything, executor=anything)
def test_invalid_sweeps_and_ensembles_are_refused(make, settings, executor):
    sweep, error = attempt(lambda: nncore.sweep(make, settings, executor).run())
    assert error is not None or not sweep.settings
    _, error = attempt(lambda: nncore.Ensemble([make]))
    assert error is not None


@of("Ensemble", "Ensemble.predict", "Ensemble.predict_class")
@given(data=st.data(), chosen=st.lists(st.sampled_from(NETWORKS), min_size=1, max_size=4))
def test_an_ensemble_predicts_the_mean(data, chosen):
    rows = data.draw(laid_out(X))
    ensemble = nncore.Ensemble(chosen)
    expected = np.mean([network.predict(X) for network in chosen], axis=0)
    np.testing.assert_array_equal(ensemble.predict(rows), expected)
    np.testing.assert_array_equal(ensemble.predict_class(rows), expected[:, 0] > 0.5)
    _, error = attempt(lambda: ensemble.predict(data.draw(anything)))
    assert error is not None
