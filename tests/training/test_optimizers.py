"""Optimizers are values: constants that are checked once, and a rule for the kernels."""

import dataclasses
import json
import math

import numpy as np
import pytest

from nncore import MLP, SGD, Adagrad, Adam, AdamW, CharRNN, Optimizer, RMSprop, registry
from nncore.arguments import arrays as arguments
from nncore.optimizers import OPTIMIZERS, optimizer_from
from nncore.registry import UpdateRule

EVERY = [
    SGD(0.5),
    SGD(0.5, momentum=0.8),
    SGD(0.5, momentum=0.8, nesterov=True),
    RMSprop(0.01, decay=0.8, epsilon=1e-6),
    Adagrad(0.2, epsilon=1e-9),
    Adam(0.02, beta1=0.8, beta2=0.99, epsilon=1e-7),
    AdamW(0.02, beta1=0.8, beta2=0.99, epsilon=1e-7, weight_decay=0.1),
]
EVERY += [cls(0.3) for cls in OPTIMIZERS.values() if cls not in map(type, EVERY)]
KINDS = [optimizer.rule().kind for optimizer in EVERY]


def test_every_rule_of_the_kernels_has_an_optimizer():
    assert [*arguments.OPTIMIZER_SLOTS] == KINDS
    for optimizer, row in zip(EVERY, registry.UPDATE_ROWS, strict=True):
        assert type(optimizer).__name__ == row.optimizer


@pytest.mark.parametrize("row", registry.UPDATE_ROWS, ids=lambda row: row.name)
def test_rules_defaults_and_constants_are_those_of_the_row(row):
    optimizer = OPTIMIZERS[row.optimizer]()
    for constant in row.constants:
        rule = next(one for one in EVERY if one.rule().kind == row.name)
        assert getattr(rule.rule(), constant.field) == getattr(rule, constant.name)
        if row.optimizer != "SGD":  # plain by default
            assert getattr(optimizer, constant.name) == constant.default


def test_rules_carry_the_constants():
    assert SGD(1.0, momentum=0.8).rule().decay == 0.8
    assert RMSprop(decay=0.7, epsilon=1e-3).rule()[1:4:2] == (0.7, 1e-3)
    assert Adagrad(epsilon=1e-3).rule().epsilon == 1e-3
    rule = AdamW(beta1=0.7, beta2=0.8, epsilon=1e-3, weight_decay=0.2).rule()
    assert rule == UpdateRule("adamw", 0.7, 0.8, 1e-3, 0.2)
    rule = Adam(beta1=0.7, beta2=0.8, epsilon=1e-3).rule()
    assert rule == UpdateRule("adam", 0.7, 0.8, 1e-3)


@pytest.mark.parametrize("optimizer", EVERY, ids=KINDS)
def test_an_optimizer_survives_json(optimizer):
    assert optimizer_from(json.loads(json.dumps(optimizer.settings()))) == optimizer


@pytest.mark.parametrize("cls", OPTIMIZERS.values())
def test_optimizers_are_immutable(cls):
    with pytest.raises(dataclasses.FrozenInstanceError):
        cls().learning_rate = 1.0
    assert hash(cls()) == hash(cls())


def test_constants_may_be_numpy_numbers_and_integers():
    assert Adam(np.float32(0.5)) == Adam(0.5)
    assert SGD(np.int64(1)) == SGD(1) == SGD(1.0)
    assert type(Adam(np.float32(0.5)).learning_rate) is float


@pytest.mark.parametrize("cls", OPTIMIZERS.values())
@pytest.mark.parametrize("value", ["0.1", None, True, [0.1], 1j])
def test_learning_rates_are_numbers(cls, value):
    with pytest.raises(TypeError, match=f"{cls.__name__}: learning_rate must be a number, got"):
        cls(value)


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf, -math.inf, 10**400])
def test_learning_rates_are_positive_and_finite(value):
    with pytest.raises(ValueError, match="Adam: learning_rate must be "):
        Adam(value)


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        (SGD, "momentum"),
        (RMSprop, "decay"),
        (RMSprop, "epsilon"),
        (Adagrad, "epsilon"),
        (Adam, "beta1"),
        (Adam, "beta2"),
        (Adam, "epsilon"),
        (AdamW, "weight_decay"),
        (AdamW, "beta1"),
    ],
)
def test_constants_outside_their_range_are_named(cls, name):
    bad = [-0.1, math.nan, math.inf] + ([] if name in ("epsilon", "weight_decay") else [1.0])
    for value in bad:
        with pytest.raises(ValueError, match=f"{cls.__name__}: {name} must be in "):
            cls(**{name: value})
    with pytest.raises(TypeError, match=f"{cls.__name__}: {name} must be a number"):
        cls(**{name: "x"})


def test_nesterov_is_true_or_false():
    with pytest.raises(TypeError, match="nesterov must be True or False, got 'no'"):
        SGD(nesterov="no")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "optimizer must be one of SGD, RMSprop"),
        ({"name": "LBFGS"}, "optimizer must be one of"),
        ({"name": "Adam", "beta3": 1}, "Adam has no beta3"),
        ({"name": "Adam", "beta1": 2}, "beta1 must be in"),
    ],
)
def test_settings_of_unknown_optimizers_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        optimizer_from(settings)


def test_optimizer_is_a_base_class():
    with pytest.raises(TypeError, match="abstract"):
        Optimizer(0.1)


# A file would give the library's own class for the second.
SLOW, OTHER_ADAM = (type(name, (SGD,), {}) for name in ("Slow", "Adam"))


@pytest.mark.parametrize("cls", [SLOW, OTHER_ADAM])
def test_classes_that_files_do_not_know_are_refused_before_training(cls):
    x, net = np.zeros((4, 2)), MLP([2, 1], rng=0)
    rnn = CharRNN(4, rng=0)
    for use in (
        lambda: CharRNN(4, optimizer=cls(0.1)),
        lambda: setattr(rnn, "optimizer", cls(0.1)),
        lambda: net.fit(x, x[:, :1], optimizer=cls(0.1)),
    ):
        with pytest.raises(
            TypeError, match=rf"one of nncore's classes, .*; got .*\.{cls.__name__}$"
        ):
            use()
    assert not net.history.updates
