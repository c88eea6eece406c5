"""`TrainCall` describes a call of `mlp_train`: the same arguments, the same bits."""

import inspect
from dataclasses import fields

import numpy as np
import pytest
from mlp_networks import Network

from nncore import reference
from nncore.arguments.train_call import TrainCall

PARAMETERS = inspect.signature(reference.mlp_train).parameters


def described(net, **changes):
    """The call that `net.train(module, 6)` makes."""
    given = {}

    class Spy:
        @staticmethod
        def mlp_train(**arguments):
            given.update(arguments)

    net.train(Spy, 6, **changes)
    return TrainCall(**given)


def test_the_fields_are_the_arguments_of_the_kernel_in_their_order():
    assert [each.name for each in fields(TrainCall) if each.init] == list(PARAMETERS)


def test_the_defaults_are_those_of_the_kernel():
    signature = inspect.signature(TrainCall).parameters
    defaults = {name: each.default for name, each in PARAMETERS.items()}
    assert {name: signature[name].default for name in PARAMETERS} == defaults


@pytest.mark.parametrize("changes", [{}, {"l1": 0.01, "l2": 0.1, "clip_norm": 0.5, "seed": 3}])
def test_running_a_call_is_calling_the_kernel(core, changes):
    direct, described_net = (
        Network(np.float32, (5, 7, 3), "tanh", "huber", 40, "adam", batch_size=8) for _ in range(2)
    )
    assert direct.train(core, 6, **changes) == described(described_net, **changes).run(core) == 6
    for name in ("weights", "slots", "counters"):
        assert getattr(direct, name).tobytes() == getattr(described_net, name).tobytes()


def test_every_argument_of_a_call_reaches_the_kernel():
    values = {name: object() for name in PARAMETERS}
    received = {}

    class Spy:
        @staticmethod
        def mlp_train(*positional, **named):
            received.update(zip(PARAMETERS, positional, strict=False))
            received.update(named)
            return 0

    TrainCall(**values).run(Spy)
    assert received == values


def test_a_call_can_be_run_again(core):
    net = Network(np.float32, (5, 7, 3), "tanh", "huber", 40, "adam", batch_size=8)
    twice = described(net)
    assert [twice.run(core), twice.run(core)] == [6, 6]
    assert net.counters[0] == 12
    assert twice.counters is net.counters
