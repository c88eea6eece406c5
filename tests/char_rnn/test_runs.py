"""Runs of CharRNN.fit that are stopped, interrupted or diverge."""

import itertools
import time
from functools import partial
from threading import Thread

import numpy as np
import pytest
from builds import SLOWER
from char_rnns import TEXT, small, state_of
from every_optimizer import EVERY_OPTIMIZER
from interruptions import ctrl_c_by_timer, interrupted_once

from nncore import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    CharRNN,
    Constant,
    CosineDecay,
    DivergenceError,
    RMSprop,
)
from nncore.char_rnn import run as char_rnn_run
from nncore.reference import updates
from nncore.training import CallLength


def trained(fit, **settings):
    model = small(**settings)
    model.fit(TEXT, **fit)
    return model


# --- runs in parts ------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["compiled", "numpy"])
@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=lambda o: o.rule().kind)
def test_two_half_runs_equal_one_run(optimizer, backend):
    settings = {"optimizer": optimizer, "schedule": Constant(), "backend": backend}
    whole = trained({"iterations": 90}, **settings)
    halves = trained({"iterations": 30}, **settings)
    halves.fit(TEXT, iterations=60)
    assert state_of(whole) == state_of(halves)


@pytest.mark.parametrize("optimizer", [SGD(0.1, momentum=0.9), Adam(0.01)])
@pytest.mark.parametrize("schedule", [Constant(), CosineDecay(0.1, warmup=0.2)], ids=repr)
def test_a_run_that_a_callback_stopped_resumes_as_if_it_had_not(optimizer, schedule):
    settings = {"optimizer": optimizer, "schedule": schedule}
    how = {"epochs": 4.5, "validation_fraction": 0.2}
    whole = trained(how, **settings)
    model = trained(how | {"callbacks": [lambda event: True]}, **settings)
    stops = 1
    for stop in (7, 47, 90, 94, 150):
        assert model.history.iterations < whole.history.iterations
        model.fit(
            TEXT,
            resume=True,
            validation_fraction=0.2,
            callbacks=[lambda event, stop=stop: event.iteration >= stop],
        )
        stops += 1
    model.fit(TEXT, resume=True, validation_fraction=0.2)
    assert state_of(model) == state_of(whole)
    with pytest.raises(ValueError, match="there is no run to resume"):
        model.fit(TEXT, resume=True)


def test_a_second_run_restarts_its_schedule():
    rates = []

    def schedule(step, total):
        rates.append(step / total)
        return 1.0

    model = small(schedule=schedule)
    for iterations in (4, 2):
        model.fit(TEXT, iterations=iterations)
    assert rates == [0, 0.25, 0.5, 0.75, 0, 0.5]
    assert all(itertools.pairwise(model.history.loss))


def test_networks_train_side_by_side_in_threads():
    alone = [trained({"epochs": 20}, rng=seed) for seed in range(4)]
    together = [small(rng=seed) for seed in range(4)]
    threads = [Thread(target=model.fit, args=(TEXT, 20)) for model in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [state_of(model) for model in together] == [state_of(model) for model in alone]


# --- Ctrl-C -------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [1, 2, 4])
@pytest.mark.parametrize("point", ["schedule", "update", "history", "validation", "callback"])
def test_ctrl_c_anywhere_leaves_a_run_that_resumes_to_the_same_bits(point, at, monkeypatch):
    settings = {"backend": "numpy", "optimizer": Adam(0.01), "schedule": CosineDecay(0.1)}
    how = {"epochs": 5, "validation_fraction": 0.2}
    whole = trained(how, **settings)
    model = small(**settings)
    how = how | {"callbacks": [lambda event: None]}
    with monkeypatch.context() as patch:
        if point == "schedule":
            model.schedule = interrupted_once(CosineDecay(0.1), at)
        elif point == "update":  # the weights have changed, the state has not
            patch.setattr(
                updates, "adam_update", interrupted_once(updates.adam_update, at, after=True)
            )
        elif point == "history":
            patch.setattr(char_rnn_run, "smoothed", interrupted_once(char_rnn_run.smoothed, at))
        elif point == "validation":
            patch.setattr(model, "_evaluate", interrupted_once(model._evaluate, at))
        else:
            how["callbacks"] = [interrupted_once(lambda event: None, at)]
        with pytest.raises(KeyboardInterrupt):
            model.fit(TEXT, **how)
    assert model.history.iterations == len(model.history.smooth_loss) == model._counters[0]
    assert len(model.sample(5, rng=1)) == 5
    model.schedule = CosineDecay(0.1)
    model.fit(TEXT, resume=True, validation_fraction=0.2)
    assert state_of(model) == state_of(whole)


@pytest.fixture
def ctrl_c():
    with ctrl_c_by_timer() as after:
        yield after


def test_ctrl_c_in_compiled_code_again_and_again_changes_no_bit(ctrl_c):
    settings = {"hidden_size": 100, "seq_length": 40, "batch_size": 4}
    whole = trained({"iterations": 150}, **settings)
    model, interrupts = small(**settings).build(TEXT), 0
    model.fit(TEXT, iterations=150, callbacks=[lambda event: True])
    while not model.finished:
        ctrl_c(0.004 + interrupts / 1000)  # later each time, until it makes progress
        try:
            model.fit(TEXT, resume=True)
        except KeyboardInterrupt:
            interrupts += 1
        finally:
            ctrl_c(0)
    assert interrupts > 2
    assert state_of(model) == state_of(whole)


@pytest.mark.parametrize("work", ["fit", "evaluate", "sample"])
def test_compiled_code_notices_ctrl_c_at_once(work, ctrl_c):
    text = TEXT * 300
    model = small(hidden_size=512, weight_init="small", batch_size=16 if work == "fit" else 1)
    model.build(text)
    jobs = {
        "fit": lambda: model.fit(text),
        "evaluate": lambda: model.evaluate(text),
        "sample": lambda: model.sample(10**6),
    }
    late = []
    for _ in range(3):  # other work on the machine may delay one of them
        start = time.perf_counter()
        ctrl_c(0.1)
        with pytest.raises(KeyboardInterrupt):
            jobs[work]()
        late.append(time.perf_counter() - start - 0.1)
    assert min(late) < 0.1 * SLOWER


# --- divergence ---------------------------------------------------------------------------------


HUGE = [SGD(1e3), SGD(1e38), Adam(1e3), Adam(1e38), Adagrad(1e5), RMSprop(1e10), AdamW(1e4)]


@pytest.mark.parametrize("backend", ["compiled", "numpy"])
@pytest.mark.parametrize("optimizer", HUGE, ids=repr)
def test_divergence_suggests_a_remedy_and_restores_the_network(optimizer, backend):
    model = small(optimizer=optimizer, clip_norm=None, schedule=Constant(), backend=backend)
    start = model.build(TEXT).evaluate(TEXT).bits_per_char
    with pytest.raises(DivergenceError, match=r"smaller learning rate.*clip.*warm-up") as error:
        model.fit(TEXT, iterations=400)
    assert f"{optimizer.learning_rate:g}" in str(error.value)
    assert np.isfinite(model._weights).all()
    assert model.evaluate(TEXT).bits_per_char < 3 * start
    assert model.history.iterations == model._counters[0]
    assert len(model.sample(20)) == 20


def test_a_loss_that_is_huge_but_finite_ends_the_run_early():
    model = small(optimizer=SGD(1e3), clip_norm=None, schedule=Constant())
    with pytest.raises(DivergenceError) as error:
        model.fit(TEXT, iterations=10**6)
    at = int(str(error.value).partition("at update ")[2].partition(":")[0])
    assert at < 10**4


def test_divergence_does_not_depend_on_the_length_of_calls(monkeypatch):
    """A spike within a compiled call counts like one at its end, as calls vary in length."""
    text = "".join(np.random.default_rng(0).choice(list("abc"), 40000))
    settings = {"hidden_size": 32, "seq_length": 25, "batch_size": 40, "cell": "tanh"}

    def outcome(seed, length):
        monkeypatch.setattr(char_rnn_run, "CallLength", partial(CallLength, length, length))
        model = CharRNN(optimizer=Adagrad(1.0), rng=seed, **settings)
        try:
            model.fit(text, iterations=60)
        except DivergenceError as error:
            return str(error).partition(" The parameters")[0]
        return "went on"

    outcomes = [{outcome(seed, length) for length in (1, 3, 2000)} for seed in range(10)]
    assert all(len(each) == 1 for each in outcomes)
    assert outcomes != [{"went on"}] * 10


@pytest.mark.parametrize("good", [1, 2, 3, 50])
def test_the_last_good_parameters_are_restored(good):
    model = small(optimizer=SGD(0.1), schedule=lambda step, _: 1e38 if step >= good else 1.0)
    with pytest.raises(DivergenceError, match="The parameters of update") as error:
        model.fit(TEXT, iterations=good + 10)
    back = model.history.iterations
    assert f"of update {back} were restored" in str(error.value)
    assert (good - 1) // 2 <= back <= good  # a call has at most twice the updates of the last
    reference = small(optimizer=SGD(0.1), schedule=Constant()).build(TEXT)
    if back:
        reference.fit(TEXT, iterations=back)
    np.testing.assert_array_equal(model._weights, reference._weights)
    np.testing.assert_array_equal(model._state, reference._state)
    assert model.history.loss.tolist() == reference.history.loss.tolist()
    assert model.history.smooth_loss.tolist() == reference.history.smooth_loss.tolist()


def test_a_network_that_diverged_continues_with_a_smaller_step():
    model = small(optimizer=SGD(1e4), clip_norm=None, schedule=Constant())
    with pytest.raises(DivergenceError):
        model.fit(TEXT)
    model.optimizer = SGD(0.1)
    model.fit(TEXT, epochs=3)
    assert model.history.smooth_loss[-1] < model.history.smooth_loss[0]


@pytest.mark.parametrize("backend", ["compiled", "numpy"])
@pytest.mark.parametrize("rate", [1e38, 1e30])
def test_divergence_in_the_last_update_is_noticed(rate, backend):
    model = small(optimizer=SGD(rate), clip_norm=None, backend=backend)
    before = model.build(TEXT)._weights.copy()
    with pytest.raises(DivergenceError):
        model.fit(TEXT, iterations=1, validation_fraction=0.1)
    np.testing.assert_array_equal(model._weights, before)
    assert model.history.iterations == 0
    assert len(model.history.validation_iteration) == 0


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (np.nan, ValueError, r"parameters\['wxh'\] contains NaN or infinity"),
        (np.inf, ValueError, r"parameters\['wxh'\] contains NaN or infinity"),
        (1e38, DivergenceError, "training diverged at update 0"),
    ],
)
def test_non_finite_parameters_are_noticed_before_training(bad, error, message):
    model = small().build(TEXT)
    model.parameters["why"][:] = bad
    model.parameters["wxh"][:] = bad
    before = model._weights.copy()
    with pytest.raises(error, match=message):
        model.fit(TEXT)
    np.testing.assert_array_equal(model._weights, before)
    assert model.history.iterations == 0
