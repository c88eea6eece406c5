"""`CharRNNTrainCall` and `RNNTrainCall` describe calls of their kernels."""

import inspect
from dataclasses import fields
from types import SimpleNamespace

import pytest

from nncore.arguments.char_rnn_train_call import CharRNNTrainCall
from nncore.arguments.rnn_train_call import RNNTrainCall
from nncore.reference.char_rnn_training import char_rnn_train
from nncore.reference.rnn_training import rnn_train

CALLS = pytest.mark.parametrize(
    ("kind", "kernel"), [(CharRNNTrainCall, char_rnn_train), (RNNTrainCall, rnn_train)]
)


@CALLS
def test_the_fields_are_the_arguments_of_the_kernel_in_their_order(kind, kernel):
    parameters = list(inspect.signature(kernel).parameters)
    assert [each.name for each in fields(kind) if each.init] == parameters


@CALLS
def test_the_defaults_are_those_of_the_kernel(kind, kernel):
    signature = inspect.signature(kind).parameters
    for name, parameter in inspect.signature(kernel).parameters.items():
        assert signature[name].default == parameter.default


@CALLS
def test_every_argument_of_a_call_reaches_the_kernel(kind, kernel):
    names = list(inspect.signature(kernel).parameters)
    values, received = {name: object() for name in names}, {}

    def spy(*positional, **named):
        received.update(zip(names, positional, strict=False))
        received.update(named)
        return 7

    assert kind(**values).run(SimpleNamespace(**{kernel.__name__: spy})) == 7
    assert received == values
