"""Kernels with arguments of every kind: the results or the errors of the reference."""

import inspect

import numpy as np
import pytest
from calls import case_ids, made, outcome
from cases import CASES
from char_rnn_networks import Network as Characters
from hypothesis import given
from hypothesis import strategies as st
from mlp_networks import Network
from properties import (
    anything,
    attempt,
    close,
    draw_for,
    dtypes,
    laid_out,
    of,
    same_answers,
    seeds,
    spoiled,
)

from nncore import (
    config,
    kernels,
    reference,
    show_config,
)
from nncore.arguments.arrays import OPTIMIZER_SLOTS
from nncore.registry import LOSSES

# --- kernels ------------------------------------------------------------------------------------


def results_of(module, case, arguments):
    documented = TypeError, ValueError, IndexError
    with np.errstate(all="ignore"):  # what NumPy says of special numbers
        return attempt(lambda: outcome(module, case, arguments), *documented)


@of(*(f"kernels.{case.kernel}" for case in CASES))
@pytest.mark.parametrize("case", CASES, ids=case_ids)
@given(n=st.integers(0, 5), o=st.integers(0, 20), kind=dtypes, seed=seeds, data=st.data())
def test_a_kernel_answers_like_the_reference_or_refuses_in_its_words(case, n, o, kind, seed, data):
    arguments = list(made(case, n, 3, o, kind, seed))
    at = data.draw(st.integers(0, len(arguments) - 1))
    if isinstance(arguments[at], np.ndarray):
        arguments[at] = data.draw(laid_out(arguments[at]) | spoiled(arguments[at]) | anything)
    else:
        arguments[at] = data.draw(anything)
    result, error = results_of(kernels, case, arguments)
    expected, refused = results_of(reference, case, arguments)
    assert (type(error), str(error)) == (type(refused), str(refused))
    if error is None:
        special = not all(np.isfinite(a).all() for a in (*expected, *result))
        for one, other in zip(result, expected, strict=True):
            assert (one.dtype, one.shape) == (other.dtype, other.shape)
            if not special:  # where these come out, test_special_numbers.py says
                close(one, other, kind)


COARSE = {
    "mlp_predict": lambda net, module, **changes: net.predict(module, **changes),
    "mlp_evaluate": lambda net, module, **changes: net.evaluate(module, **changes),
    "mlp_gradients": lambda net, module, **changes: net.gradients(module, **changes),
    "mlp_train": lambda net, module, **changes: net.train(module, 3, **changes),
}


@of(*(f"kernels.{name}" for name in COARSE))
@pytest.mark.parametrize("kernel", COARSE)
@given(loss=st.sampled_from(LOSSES), optimizer=st.sampled_from([*OPTIMIZER_SLOTS]), data=st.data())
def test_a_kernel_of_a_perceptron_refuses_what_the_reference_refuses(kernel, loss, optimizer, data):
    nets = [Network(np.float64, (3, 4, 2), loss=loss, rows=5, optimizer=optimizer) for _ in "ab"]
    names = [*inspect.signature(getattr(reference, kernel)).parameters]
    name = data.draw(st.sampled_from(names))
    value = getattr(nets[0], name, None)
    changes = {name: draw_for(data, value)}
    answers = same_answers(nets, COARSE[kernel], changes)
    if answers and kernel == "mlp_train":
        assert answers[0] == answers[1]


@of("kernels.char_rnn_train", "kernels.char_rnn_evaluate", "kernels.char_rnn_sample")
@given(kind=dtypes, data=st.data())
def test_a_kernel_of_a_character_rnn_refuses_what_the_reference_refuses(kind, data):
    nets = [Characters(kind) for _ in "ab"]
    calls = [
        {
            "char_rnn_train": lambda module, net=net, **c: net.train(module, 3, **c),
            "char_rnn_evaluate": lambda module, net=net, **c: module.char_rnn_evaluate(
                **{
                    "weights": net.weights,
                    "text": net.text,
                    "h": net.h[:1].copy(),
                    "vocabulary": net.vocabulary,
                    **c,
                }
            ),
            "char_rnn_sample": lambda module, net=net, **c: module.char_rnn_sample(
                **{
                    "weights": net.weights,
                    "h": net.h[:1].copy(),
                    "first": 0,
                    "uniforms": np.linspace(0, 0.9, 5),
                    "vocabulary": net.vocabulary,
                    **c,
                }
            ),
        }
        for net in nets
    ]
    kernel = data.draw(st.sampled_from([*calls[0]]))
    name = data.draw(st.sampled_from([*inspect.signature(getattr(reference, kernel)).parameters]))
    value = data.draw(anything)
    documented = TypeError, ValueError, IndexError, AttributeError
    (result, error), (expected, refused) = (
        attempt(lambda call=call, m=module: call[kernel](m, **{name: value}), *documented)
        for call, module in zip(calls, (kernels, reference), strict=True)
    )
    assert (type(error), str(error)) == (type(refused), str(refused))
    if error is None:
        close(result, expected, kind)


@of("kernels.available_levels", "show_config")
@given(again=st.booleans())
def test_the_level_is_one_that_runs(again):
    assert kernels.level in kernels.available_levels()
    assert kernels.level in config.config()["level"]


@of("show_config")
def test_the_configuration_is_printed(capsys):
    show_config()
    shown = capsys.readouterr().out
    assert all(value in shown for value in config.config().values())
