"""Kernels of recurrent networks with arguments of every kind: as the reference, in its words."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import anything, attempt, close, dtypes, of, seeds, spoiled
from recurrent_networks import SequenceNetwork, TextNetwork

from nncore import kernels, reference
from nncore.registry import CELLS, LOSSES, outputs_for

DOCUMENTED = TypeError, ValueError, IndexError, AttributeError
VECTORS = {
    "rnn_predict": lambda net, module, **changes: net.predict(module, **changes),
    "rnn_evaluate": lambda net, module, **c: net.call(module.rnn_evaluate, **c),
    "rnn_gradients": lambda net, module, **c: net.call(module.rnn_gradients, **c),
    "rnn_train": lambda net, module, **changes: net.train(module, 3, **changes),
}
depths = st.integers(1, 3)


@st.composite
def sequence_networks(draw):
    """The settings of a network over vectors, and of its data."""
    loss = draw(st.sampled_from(LOSSES))
    outputs, hidden = draw(st.integers(2, 3)), draw(st.lists(st.integers(1, 6), min_size=1))[:3]
    return {
        "dtype": draw(dtypes),
        "sizes": (draw(st.integers(1, 4)), *hidden, outputs),
        "cell": draw(st.sampled_from(CELLS)),
        "activation": draw(st.sampled_from(outputs_for(loss))),
        "loss": loss,
        "last": draw(st.booleans()),
        "lengths": draw(st.lists(st.integers(1, 5), min_size=1, max_size=5)),
    }


def flattened(result):
    """The arrays of a kernel's result."""
    return [np.asarray(one) for one in (result if isinstance(result, tuple) else (result,))]


@of(*(f"kernels.{name}" for name in VECTORS))
@pytest.mark.parametrize("kernel", VECTORS)
@given(settings=sequence_networks())
def test_a_network_over_vectors_is_that_of_the_reference(kernel, settings):
    nets = [SequenceNetwork(**settings) for _ in "ab"]
    with np.errstate(all="ignore"):
        results = [
            VECTORS[kernel](net, module)
            for net, module in zip(nets, (kernels, reference), strict=True)
        ]
    for one, other in zip(*map(flattened, results), strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        close(one, other, settings["dtype"])
    if kernel == "rnn_train":
        close(nets[0].losses, nets[1].losses, np.float32)


@of(*(f"kernels.{name}" for name in VECTORS))
@pytest.mark.parametrize("kernel", VECTORS)
@given(loss=st.sampled_from(LOSSES), cell=st.sampled_from(CELLS), data=st.data())
def test_a_network_over_vectors_refuses_what_the_reference_refuses(kernel, loss, cell, data):
    activation = outputs_for(loss)[0]
    nets = [SequenceNetwork(np.float64, cell=cell, loss=loss, activation=activation) for _ in "ab"]
    name = data.draw(st.sampled_from([*inspect.signature(getattr(reference, kernel)).parameters]))
    value = getattr(nets[0], name, None)
    if isinstance(value, np.ndarray) and data.draw(st.booleans()):
        value = data.draw(spoiled(value))
    else:
        value = data.draw(anything)
    before = nets[0].bytes()
    with np.errstate(all="ignore"):
        (result, error), (expected, refused) = (
            attempt(lambda net=net, m=module: VECTORS[kernel](net, m, **{name: value}), *DOCUMENTED)
            for net, module in zip(nets, (kernels, reference), strict=True)
        )
    assert (type(error), str(error)) == (type(refused), str(refused))
    if error is not None:
        assert nets[0].bytes() == before
    elif kernel == "rnn_train":
        assert result == expected


@of("kernels.char_rnn_window")
@given(
    kind=dtypes, cell=st.sampled_from(CELLS), layers=depths, hidden=st.integers(1, 9),
    streams=st.integers(1, 4), steps=st.integers(0, 9), seed=seeds,
)  # fmt: skip
def test_a_window_of_text_is_that_of_the_reference(
    kind, cell, layers, hidden, streams, steps, seed
):
    net = TextNetwork(kind, cell, layers, hidden, streams)
    ids, before = net.ids(streams, steps, seed), net.h.tobytes()
    results = [net.window(module, *ids) for module in (kernels, reference)]
    for one, other in zip(*map(flattened, results), strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        close(one, other, kind)
    assert net.h.tobytes() == before


@of("kernels.char_rnn_window")
@given(kind=dtypes, cell=st.sampled_from(CELLS), data=st.data())
def test_a_window_of_text_refuses_what_the_reference_refuses(kind, cell, data):
    net = TextNetwork(kind, cell, streams=2)
    inputs, targets = net.ids(2, 4)
    arguments = {"weights": net.weights, "inputs": inputs, "targets": targets, "h": net.h}
    arguments |= net.stack
    name = data.draw(st.sampled_from([*arguments]))
    value = arguments[name]
    if isinstance(value, np.ndarray) and data.draw(st.booleans()):
        value = data.draw(spoiled(value))
    else:
        value = data.draw(anything)
    (result, error), (expected, refused) = (
        attempt(lambda m=module: m.char_rnn_window(**{**arguments, name: value}), *DOCUMENTED)
        for module in (kernels, reference)
    )
    assert (type(error), str(error)) == (type(refused), str(refused))
    if error is None:
        both = [*map(flattened, (result, expected))]
        if all(np.isfinite(array).all() for arrays in both for array in arrays):
            for one, other in zip(*both, strict=True):
                close(one, other, kind)
