"""Schedules: factors on the learning rate, from the first update of a run to the last."""

import json
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nncore import Constant, CosineDecay, ExponentialDecay, OnPlateau, StepDecay, WarmUp
from nncore.schedules import MOST_NESTED, SCHEDULES, factors, schedule_from, schedule_settings

EVERY = [
    Constant(),
    CosineDecay(),
    CosineDecay(final=0.1, warmup=0.2),
    ExponentialDecay(0.05),
    StepDecay(every=30, factor=0.25),
    WarmUp(),
    WarmUp(0.3, CosineDecay(0.1)),
]


def test_schedules_that_return_arrays_are_refused():
    with pytest.raises(TypeError, match="schedule must return a number, got array"):
        factors(lambda step, total: np.ones(2), range(3), 3)


def test_constant_is_one():
    assert {Constant()(step, 50) for step in range(50)} == {1.0}


def test_cosine_decays_from_one_to_final():
    schedule = CosineDecay(final=0.2)
    assert schedule(0, 100) == 1.0
    assert schedule(50, 100) == pytest.approx(0.6)
    assert schedule(100, 100) == pytest.approx(0.2)
    assert schedule(150, 100) == pytest.approx(0.2)
    assert schedule(25, 100) == pytest.approx(0.2 + 0.8 * (1 + math.cos(math.pi / 4)) / 2)


def test_warm_up_rises_in_equal_steps():
    schedule = CosineDecay(warmup=0.1)
    rise = [schedule(step, 90) for step in range(10)]
    assert rise == pytest.approx([k / 10 for k in range(1, 11)])
    assert schedule(9, 90) == 1.0 > schedule(10, 90)


def test_warm_up_is_followed_by_another_schedule():
    schedule = WarmUp(0.1, StepDecay(every=50, factor=0.5))
    assert [schedule(step, 90) for step in range(10)] == pytest.approx(
        [k / 10 for k in range(1, 11)]
    )
    assert (schedule(49, 90), schedule(50, 90)) == (1, 0.5)


def test_exponential_decay_falls_by_the_same_factor():
    schedule = ExponentialDecay(final=0.01)
    assert [schedule(step, 4) for step in range(5)] == pytest.approx(
        [1, 0.01**0.25, 0.1, 0.01**0.75, 0.01]
    )


def test_step_decay_falls_at_regular_intervals():
    schedule = StepDecay(every=2, factor=0.5)
    assert [schedule(step, 7) for step in range(7)] == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]


@pytest.mark.parametrize("schedule", EVERY, ids=repr)
@given(step=st.integers(0, 10**6), beyond=st.integers(1, 10**6))
def test_factors_are_between_zero_and_one(schedule, step, beyond):
    factor = schedule(step, step + beyond)
    assert 0 <= factor <= 1
    assert isinstance(factor, float)


@pytest.mark.parametrize("schedule", EVERY, ids=repr)
def test_a_run_of_one_update_has_a_step_above_zero(schedule):
    assert schedule(0, 1) > 0


@pytest.mark.parametrize("schedule", EVERY, ids=repr)
def test_a_schedule_survives_json(schedule):
    assert schedule_from(json.loads(json.dumps(schedule_settings(schedule)))) == schedule


def test_a_custom_schedule_has_no_settings():
    assert schedule_settings(lambda step, total: 1.0) is None
    assert schedule_settings(WarmUp(0.1, lambda step, total: 1.0)) is None

    class Constant:  # a name alone does not make one
        def __call__(self, step, total):
            return 2.0

    assert schedule_settings(Constant()) is None


def test_all_schedules_are_known_by_name():
    assert {type(schedule) for schedule in EVERY} == set(SCHEDULES.values())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CosineDecay(final=1.5), "CosineDecay: final must be in"),
        (lambda: CosineDecay(final=math.nan), "CosineDecay: final must be in"),
        (lambda: CosineDecay(warmup=1.0), r"warmup in \[0, 1\)"),
        (lambda: CosineDecay(warmup=-0.1), r"warmup in \[0, 1\)"),
        (lambda: ExponentialDecay(0), "ExponentialDecay: final must be in"),
        (lambda: ExponentialDecay(math.nan), "ExponentialDecay: final must be in"),
        (lambda: StepDecay(every=0), "StepDecay: every must be at least 1"),
        (lambda: StepDecay(factor=0), r"factor must be in \(0, 1\]"),
        (lambda: StepDecay(factor=math.inf), r"factor must be in \(0, 1\]"),
        (lambda: WarmUp(1), r"WarmUp: share must be in \[0, 1\), got 1"),
        (lambda: WarmUp(-0.1), r"WarmUp: share must be in \[0, 1\), got -0.1"),
        (lambda: OnPlateau(factor=1), r"OnPlateau: factor must be in \(0, 1\), got 1"),
        (lambda: OnPlateau(factor=math.nan), r"OnPlateau: factor must be in"),
        (lambda: OnPlateau(threshold=-1), "OnPlateau: threshold must be 0 or positive"),
        (lambda: OnPlateau(minimum=1.5), r"minimum in \[0, 1\], got 0.0001 and 1.5"),
        (lambda: schedule_from({"name": "Linear"}), "schedule must be one of"),
        (lambda: schedule_from({}), "schedule must be one of"),
        (lambda: schedule_from({"name": "StepDecay", "often": 1}), "schedule StepDecay: .*often"),
        (lambda: schedule_from({"name": "StepDecay", "every": "x"}), "schedule StepDecay: "),
    ],
)
def test_constants_outside_their_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CosineDecay("0.1"), "CosineDecay: final must be a number, got str"),
        (lambda: CosineDecay(warmup=None), "CosineDecay: warmup must be a number, got NoneType"),
        (lambda: ExponentialDecay([1]), "ExponentialDecay: final must be a number, got list"),
        (lambda: StepDecay(2.5), "StepDecay: every must be an integer, got float"),
        (lambda: StepDecay(factor="x"), "StepDecay: factor must be a number, got str"),
    ],
)
def test_constants_of_another_type_are_named(make, message):
    with pytest.raises(TypeError, match=message):
        make()


@pytest.mark.parametrize(
    "schedule",
    [
        CosineDecay(np.float32(0.5), Fraction(1, 4)),
        ExponentialDecay(Fraction(1, 2)),
        StepDecay(np.int64(3), np.float32(0.5)),
        StepDecay(every=3, factor=1),
    ],
    ids=repr,
)
def test_constants_of_any_kind_of_number_go_to_json(schedule):
    assert schedule_from(json.loads(json.dumps(schedule_settings(schedule)))) == schedule


def test_nested_warm_ups_are_limited():
    schedule = Constant()
    for _ in range(MOST_NESTED):
        schedule = WarmUp(0.1, schedule)
    assert schedule_from(schedule_settings(schedule)) == schedule
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    with pytest.raises(ValueError, match="WarmUp: at most 16 can be nested, got more"):
        WarmUp(0.1, schedule)


@pytest.mark.parametrize("depth", [MOST_NESTED + 1, 150, 5000])
def test_a_file_with_endlessly_nested_warm_ups_is_refused(depth):
    settings = {"name": "Constant"}
    for _ in range(depth):
        settings = {"name": "WarmUp", "share": 0.1, "then": settings}
    with pytest.raises(ValueError, match="WarmUp: at most 16 can be nested, got more"):
        schedule_from(settings)
