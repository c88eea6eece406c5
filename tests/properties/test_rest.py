"""All other public names with arguments of every kind, and that every name has a test."""

import inspect
import json
import runpy
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from mlp_networks import Network
from properties import (
    TESTED,
    anything,
    attempt,
    close,
    dtypes,
    laid_out,
    names_of,
    numbers,
    of,
    seeds,
    shares,
)

import nncore
from nncore import (
    MLP,
    CheckpointError,
    Constant,
    CosineDecay,
    DivergenceError,
    ExponentialDecay,
    GradientCheck,
    OnPlateau,
    StepDecay,
    Vocabulary,
    WarmUp,
    check_gradients,
    kernels,
    numerical_gradient,
    reference,
)
from nncore.initializers import INITIALIZERS
from nncore.optimizers import OPTIMIZERS, optimizer_from
from nncore.registry import INITIALIZER_ROWS
from nncore.schedules import schedule_from, schedule_settings
from nncore.trainers import neuron
from nncore.trainers.gates import circuits, gates
from nncore.trainers.rgb import csv_file as rgb_csv
from nncore.trainers.rgb import data as rgb_data
from nncore.trainers.rgb import given as rgb_given
from nncore.trainers.rgb import train as rgb
from nncore.trainers.xor import train as xor

# --- vocabularies -------------------------------------------------------------------------------


@of("Vocabulary", "Vocabulary.of", "Vocabulary.encode", "Vocabulary.decode")
@given(text=st.text(min_size=1, max_size=80), data=st.data())
def test_a_text_is_encoded_and_decoded(folder, text, data):
    vocabulary = Vocabulary.of(text)
    assert vocabulary.characters == "".join(sorted(set(text)))
    assert len(vocabulary) == vocabulary.size == len(set(text))
    again = Vocabulary(vocabulary.characters)
    assert (vocabulary, hash(vocabulary)) == (again, hash(again))
    assert vocabulary != Vocabulary(vocabulary.characters[::-1] + chr(0x10FFFF))
    ids = vocabulary.encode(text)
    assert ids.tolist() == [vocabulary.characters.index(character) for character in text]
    assert vocabulary.decode(ids) == vocabulary.decode(ids.tolist()) == text
    other = data.draw(st.text(max_size=20))
    found, error = attempt(lambda: vocabulary.encode(other), ValueError)
    assert (error is None) == (set(other) <= set(text))
    assert error is not None or vocabulary.decode(found) == other


@of("Vocabulary.of_bytes", "Vocabulary.encode", "Vocabulary.decode")
@given(content=st.binary(max_size=80))
def test_bytes_are_their_own_ids(folder, content):
    vocabulary, path = Vocabulary.of_bytes(), folder / "bytes"
    path.write_bytes(content)
    for source in (content, path, [path]):
        ids = vocabulary.encode(source)
        assert ids.tolist() == [*content]
        assert vocabulary.decode(ids) == content


@of("Vocabulary", "Vocabulary.of", "Vocabulary.encode")
@given(value=anything | st.binary(max_size=20) | st.text(max_size=20))
def test_a_vocabulary_takes_a_text_or_says_what_is_wrong(value):
    made_, error = attempt(lambda: Vocabulary(value))
    assert (error is None) == (isinstance(value, str) and 0 < len(set(value)) == len(value))
    assert error is not None or made_.characters == value
    for use in (Vocabulary.of, Vocabulary("abc").encode, Vocabulary.of_bytes().encode):
        _, error = attempt(lambda use=use: use(value))
        assert error is None or "text" in str(error) or "characters" in str(error)


@of("Vocabulary.decode")
@given(value=anything | st.lists(st.integers(-2, 300) | numbers, max_size=5))
def test_invalid_ids_are_refused(value):
    for decode in (Vocabulary("abc").decode, Vocabulary.of_bytes().decode):
        text, error = attempt(partial(decode, value), TypeError, ValueError, IndexError)
        if error is None:
            assert len(text) == np.size(value)
            assert np.asarray(value).dtype.kind in "iu" or not len(text)
        else:
            assert "ids" in str(error)


# --- schedules and optimizers -------------------------------------------------------------------

SCHEDULES = {
    Constant: {},
    CosineDecay: {"final": shares, "warmup": shares},
    ExponentialDecay: {"final": shares},
    StepDecay: {"every": st.integers(0, 9), "factor": shares},
    WarmUp: {"share": shares, "then": st.just(CosineDecay(0.5))},
}
PLATEAU = {"factor": shares, "patience": st.integers(0, 9), "threshold": shares, "minimum": shares}


@of("Schedule", *(cls.__name__ for cls in SCHEDULES))
@pytest.mark.parametrize("cls", SCHEDULES)
@given(total=st.integers(1, 50), data=st.data())
def test_schedules_give_factors_from_zero_to_one(cls, total, data):
    constants = {name: data.draw(anything | kind) for name, kind in SCHEDULES[cls].items()}
    schedule, error = attempt(lambda: cls(**constants))
    if error is not None:
        assert cls.__name__ in str(error) or "schedule must" in str(error)
        return
    assume(schedule_settings(schedule))  # its `then` is one of ours
    factors = [schedule(step, total) for step in range(total)]
    assert all(0 <= factor <= 1 for factor in factors)
    assert schedule_from(json.loads(json.dumps(schedule_settings(schedule)))) == schedule
    if cls is not CosineDecay and cls is not WarmUp:
        assert factors == sorted(factors, reverse=True)
        assert factors[0] == 1


@of("OnPlateau")
@given(data=st.data())
def test_on_plateau_keeps_its_constants_or_refuses_them(data):
    constants = {name: data.draw(anything | kind) for name, kind in PLATEAU.items()}
    made_, error = attempt(lambda: OnPlateau(**constants))
    if error is None:
        assert all(getattr(made_, name) == float(value) for name, value in constants.items())
    else:
        assert "OnPlateau: " in str(error)


@of("Optimizer", "Optimizer.settings", "Optimizer.rule", "Optimizer.get_params", *OPTIMIZERS)
@of(*(f"{name}.{method}" for name in OPTIMIZERS for method in ("rule", "settings", "get_params")))
@pytest.mark.parametrize("name", OPTIMIZERS)
@given(data=st.data())
def test_an_optimizer_moves_parameters_as_its_rule_says_or_is_refused(name, data):
    cls = OPTIMIZERS[name]
    names = [*inspect.signature(cls).parameters]
    wrong = data.draw(st.sampled_from([None, *names]))
    default = cls().get_params()
    constants = {n: data.draw(st.floats(0, 0.9)) for n in names if n != "nesterov"}
    constants |= {n: default[n] + c for n, c in constants.items() if default[n] >= 1}
    constants |= {n: 1e-8 for n in names if n == "epsilon"}
    if wrong:
        constants[wrong] = data.draw(anything)
    optimizer, error = attempt(lambda: cls(**constants))
    if error is not None:
        assert f"{name}: {wrong} must be" in str(error)
        return
    assert optimizer_from(json.loads(json.dumps(optimizer.settings()))) == optimizer
    assert cls(**optimizer.get_params()) == optimizer
    rule = optimizer.rule()
    nets = [Network(np.float64, (2, 3, 2), optimizer=rule.kind, rows=4) for _ in "ab"]
    with np.errstate(all="ignore"):
        done = [
            net.train(module, 2, optimizer=rule)
            for net, module in zip(nets, (kernels, reference), strict=True)
        ]
    assert done[0] == done[1]
    subnormal = 0 < constants.get("epsilon", 1) < np.finfo(np.float64).tiny  # is 0 in training
    if np.isfinite(nets[1].weights).all() and not subnormal:
        close(nets[0].weights, nets[1].weights, np.float64)


@of(*(f"INITIALIZERS.{name}" for name in INITIALIZERS))
@pytest.mark.parametrize("name", INITIALIZERS)
@given(inputs=st.integers(1, 40), outputs=st.integers(1, 40), seed=seeds)
def test_initial_weights_have_their_shape_and_size(name, inputs, outputs, seed):
    (w, b), again = (
        INITIALIZERS[name](np.random.default_rng(seed), inputs, outputs) for _ in range(2)
    )
    assert (w.shape, b.shape) == ((inputs, outputs), (outputs,))
    np.testing.assert_array_equal(w, again[0])
    np.testing.assert_array_equal(b, again[1])
    row = next(row for row in INITIALIZER_ROWS if row.name == name)
    scale = row.scale(inputs, outputs)
    low, high = (-9 * scale, 9 * scale) if row.normal else (row.low * scale, scale)
    for array in (w, b) if row.biases else (w,):
        assert low <= array.min()
        assert array.max() <= high
    assert row.biases or not b.any()


# --- gradients ----------------------------------------------------------------------------------


@of("numerical_gradient")
@given(
    x=st.lists(numbers, min_size=1, max_size=5), scheme=st.sampled_from(["central", "forward"]),
    data=st.data(),
)  # fmt: skip
def test_difference_quotients_are_near_the_derivatives(x, scheme, data):
    point = np.array(x)
    gradient = numerical_gradient(
        lambda at: float((at**2).sum() + at[0]), data.draw(laid_out(point)), scheme=scheme
    )
    expected = 2 * point
    expected[0] += 1
    np.testing.assert_allclose(gradient, expected, atol=1e-4)


@of("numerical_gradient")
@given(data=st.data())
def test_difference_quotients_of_anything_are_finite_or_refused(data):
    arguments = {"f": np.sum, "x": np.ones(3), "h": None, "scheme": "central"}
    name = data.draw(st.sampled_from([*arguments, "value"]))
    value = data.draw(anything)
    if name == "value":
        arguments["f"] = lambda at: value
    else:
        arguments[name] = value
    gradient, error = attempt(lambda: numerical_gradient(**arguments))
    if error is None:
        assert gradient.shape == np.shape(arguments["x"])
        assert np.isfinite(gradient).all()


@of("check_gradients", "GradientCheck", "GradientCheck.ok")
@given(
    loss=st.sampled_from(["squared_error", "half_squared_error", "huber"]), seed=seeds,
    activation=st.sampled_from(["identity", "sigmoid", "tanh", "softmax"]), kind=dtypes,
    sizes=st.lists(st.integers(1, 4), min_size=2, max_size=3), sample=st.integers(1, 99),
)  # fmt: skip
def test_the_gradients_of_a_smooth_network_are_right(loss, activation, seed, kind, sizes, sample):
    net = MLP(sizes, activation, loss=loss, dtype=kind, rng=seed)
    rng = np.random.default_rng(seed)
    x, y = (rng.standard_normal((3, n)) for n in (sizes[0], sizes[-1]))
    found = check_gradients(net, x, y, sample=sample)
    assert isinstance(found, GradientCheck)
    assert found.ok, found
    assert found.checked + found.kinks == min(sample, found.total)
    assert found.total == sum(array.size for array in net.parameters.values())
    broken = GradientCheck(*(getattr(found, n) for n in ("parameter", "analytic", "numerical")), 1,
                           found.rounding, found.checked, found.total, found.kinks)  # fmt: skip
    assert not broken.ok


@of("check_gradients")
@given(data=st.data())
def test_a_wrong_check_is_refused(data):
    net = MLP((2, 3, 1), "tanh", rng=0)
    arguments = {"net": net, "X": np.ones((2, 2)), "Y": np.ones((2, 1)), "h": None, "sample": 3}
    name = data.draw(st.sampled_from([*arguments, "rng"]))
    found, error = attempt(lambda: check_gradients(**{**arguments, name: data.draw(anything)}))
    assert isinstance(found, GradientCheck) if error is None else name in str(error)


# --- nothing is left out ------------------------------------------------------------------------

TRAINERS = (circuits, gates, neuron, rgb, rgb_csv, rgb_data, rgb_given, xor)
NO_CALLABLES = {"__version__", "kernels", "reference"}
ERRORS = {CheckpointError, DivergenceError}


def public_names():
    offered = [getattr(nncore, name) for name in {*nncore.__all__} - NO_CALLABLES - {"Schedule"}]
    for module in TRAINERS:
        names = getattr(module, "__all__", [n for n in vars(module) if not n.startswith("_")])
        here = (getattr(module, name) for name in names)
        offered += [o for o in here if getattr(o, "__module__", "").startswith("nncore.trainers")]
    for one in offered:
        if inspect.isclass(one) and one not in ERRORS:
            yield from names_of(one)
        elif inspect.isfunction(one):
            yield one.__name__
    yield from (f"kernels.{name}" for name in (*kernels.__all__, "available_levels"))
    yield from (f"INITIALIZERS.{name}" for name in INITIALIZERS)


def test_every_public_callable_has_a_property_test():
    for path in Path(__file__).parent.glob("test_*.py"):
        runpy.run_path(str(path))  # which notes its tests, whether or not they run
    missing = set(public_names()) - TESTED
    assert not missing
