"""Model files of CharRNN: they hold everything, and a bad one raises CheckpointError."""

import json
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file
from texts import prose

from nncore import (
    SGD,
    Adagrad,
    AdamW,
    CharRNN,
    CheckpointError,
    Constant,
    CosineDecay,
    ExponentialDecay,
    RMSprop,
    StepDecay,
)

TEXT = prose(600)
MANY = 2**40


def small(**settings):
    return CharRNN(**{"hidden_size": 6, "seq_length": 5, "batch_size": 2, "rng": 0} | settings)


def state_of(model):
    """All that training changes, to the last bit, and the next characters."""
    history = model.history
    arrays = (model._weights, model._slots, model._state, model._counters, history.loss)
    arrays += (history.smooth_loss, history.validation_iteration, history.validation_bits_per_char)
    return [(array.dtype, array.tobytes()) for array in arrays], model.sample(50)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def read(path):
    """Arrays and header of a model file."""
    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return arrays, json.loads(file.metadata()["nncore"])


def forged(path, change):
    """The file of a small network after change(arrays, header)."""
    model = small()
    model.fit(TEXT, iterations=3, validation_fraction=0.1)
    model.save(path)
    arrays, header = read(path)
    change(arrays, header)
    arrays = {name: np.array(array) for name, array in arrays.items()}
    save_file(arrays, path, {"nncore": json.dumps(header)})
    return path


# --- what is in it ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": SGD(0.1), "schedule": Constant(), "clip": 1.0, "clip_norm": None},
        {"optimizer": SGD(0.1, momentum=0.9, nesterov=True), "schedule": StepDecay(7)},
        {"optimizer": RMSprop(0.01), "schedule": ExponentialDecay(0.1), "weight_init": "small"},
        {"optimizer": Adagrad(0.1), "dtype": "float64"},
        {"optimizer": AdamW(0.01), "vocabulary": "bytes"},
        {"backend": "numpy"},
    ],
    ids=lambda settings: ",".join(settings) or "defaults",
)
def test_a_loaded_network_is_the_saved_one_and_goes_on_with_the_same_bits(settings, path):
    model = small(**settings)
    model.fit(TEXT, epochs=1.5, validation_fraction=0.2)
    model.sample(7)
    model.save(path)
    loaded = CharRNN.load(path, backend=model.backend)
    assert repr(loaded) == repr(model)
    for name in ("hidden_size", "seq_length", "batch_size", "optimizer", "schedule", "clip"):
        assert getattr(loaded, name) == getattr(model, name)
    for name in ("clip_norm", "weight_init", "dtype", "vocabulary", "backend"):
        assert getattr(loaded, name) == getattr(model, name)
    assert loaded.history.seconds == model.history.seconds
    assert state_of(loaded) == state_of(model)
    for both in (loaded, model):
        both.fit(TEXT, iterations=30, validation_fraction=0.2)
    assert state_of(loaded) == state_of(model)


@pytest.mark.parametrize("schedule", [Constant(), CosineDecay(0.1, warmup=0.1)], ids=repr)
@pytest.mark.parametrize("stop", [1, 10, 30, 48, 90])
def test_a_run_goes_on_in_another_process_as_if_it_had_not_stopped(stop, schedule, path):
    how = {"epochs": 3, "validation_fraction": 0.2}
    whole = small(schedule=schedule)
    whole.fit(TEXT, **how)
    part = small(schedule=schedule)
    part.fit(TEXT, **how, callbacks=[lambda event: event.iteration >= stop])
    assert part.history.iterations < whole.history.iterations
    part.save(path)
    rest = CharRNN.load(path)
    rest.fit(TEXT, resume=True, validation_fraction=0.2)
    assert state_of(rest) == state_of(whole)


def test_saving_and_loading_twice_gives_the_same_file(path, tmp_path):
    model = small()
    model.fit(TEXT, iterations=5)
    model.save(path)
    CharRNN.load(path).save(tmp_path / "again")
    assert path.read_bytes() == (tmp_path / "again").read_bytes()


def test_an_untrained_network_can_be_saved(path):
    model = small().build("abc")
    model.save(path)
    loaded = CharRNN.load(path)
    assert loaded.history.iterations == 0
    assert state_of(loaded) == state_of(model)


def test_the_weights_are_there_for_any_reader_of_safetensors(path):
    model = small().build("abc")
    model.save(path)
    arrays, _ = read(path)
    for name, array in model.parameters.items():
        np.testing.assert_array_equal(arrays[f"parameters.{name}"], array)


@given(st.text(st.characters(exclude_categories=()), min_size=2, max_size=20))
def test_any_vocabulary_survives(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("vocabulary") / "model"
    model = CharRNN(hidden_size=2, rng=0).build(text)
    model.save(path)
    assert CharRNN.load(path).vocabulary == model.vocabulary


def test_two_lone_surrogates_do_not_become_one_character(path):
    model = small().build("\udbff\udc00")
    model.save(path)
    assert CharRNN.load(path).vocabulary.size == 2


def test_a_schedule_of_ones_own_is_not_in_the_file(path):
    model = small(schedule=lambda step, total: 0.5)
    model.fit(TEXT, iterations=2)
    model.save(path)
    assert CharRNN.load(path).schedule == Constant()


def test_a_file_can_be_read_with_another_backend(path):
    model = small(dtype="float64")
    model.fit(TEXT, iterations=2)
    model.save(path)
    numpy = CharRNN.load(path, backend="numpy")
    assert numpy.backend == "numpy"
    assert numpy.evaluate(TEXT).nats_per_char == pytest.approx(model.evaluate(TEXT).nats_per_char)
    with pytest.raises(ValueError, match="backend must be one of") as error:
        CharRNN.load(path, backend="torch")
    assert not isinstance(error.value, CheckpointError)


# --- what is wrong with it ----------------------------------------------------------------------

SETTINGS = {
    "hidden_size": [MANY, 2**70, 0, -6, 6.0, 5, 7, "6", None, True, [6], float("nan")],
    "seq_length": [0, -5, 2**70, 5.5, "5", None],
    "batch_size": [MANY, 2**70, 0, -1, 1, 3, 2.0, "2", None],
    "clip": [0, -1, "1", True, float("nan"), 10**400],
    "clip_norm": [0, -1, "1", [], float("nan"), 10**400],
    "weight_init": ["zero", None, 3],
    "dtype": ["float64", "float16", "O", "i8", "f4,f4", "(1", None, 3, [], {}],
    "optimizer": [
        None,
        [],
        "Adam",
        {},
        {"name": "Adam", "learning_rate": -1},
        {"name": "Adam", "learning_rate": float("nan")},
        {"name": "Adam", "learning_rate": 10**400},
        {"name": "Adam", "learning_rate": "0.1"},
        {"name": "Adam", "beta1": 1},
        {"name": "Adam", "unknown": 1},
        {"name": "SGD", "nesterov": "yes"},
        {"name": ["Adam"]},
        {"name": "Optimizer"},
    ],
    "schedule": [
        "Constant",
        [],
        {},
        {"name": "Constant", "unknown": 1},
        {"name": "StepDecay", "every": 0},
        {"name": "StepDecay", "every": float("nan")},
        {"name": "CosineDecay", "final": "x"},
        {"name": ["Constant"]},
    ],
}
HEADER = {
    "kind": [None, "MLP", 3],
    "version": [None, 0, 2, "1", True],
    "settings": [None, [], "x", 3],
    "vocabulary": [None, "abc", [], [97], [97, 97], [-1, 5], [0x110000], ["a"], [1.5], [[1]]],
    "vocabulary_kind": [None, "words", "bytes", 3],
    "text_mark": [None, 3, ["x"], [None], [float("inf")], [float("nan")]],
    "seconds": [None, "1", True, 10**400],
    "sample_rng": [
        None,
        [],
        {},
        {"bit_generator": "MT19937"},
        {"bit_generator": "PCG64"},
        {"bit_generator": "PCG64", "state": 3, "has_uint32": 0, "uinteger": 0},
        {
            "bit_generator": "PCG64",
            "state": {"state": -1, "inc": 1},
            "has_uint32": 0,
            "uinteger": 0,
        },
        {"bit_generator": "PCG64", "state": {"state": "x", "inc": 1}, "has_uint32": 0},
    ],
}
ARRAYS = {
    "parameters.wxh": [np.zeros((0, 6), "f4"), np.zeros((6, 35), "f4"), np.zeros(210, "f4")],
    "parameters.by": [np.zeros(34, "f4"), np.zeros((35, 1), "f4"), np.float32(1)],
    "optimizer.0.whh": [np.zeros((6, 7), "f4"), np.zeros((6, 6), "f8")],
    "optimizer.1.bh": [np.zeros(5, "f4")],
    "state": [np.zeros((2, 7), "f4"), np.zeros((3, 6), "f4"), np.zeros((2, 6), "i4")],
    "counters": [
        np.zeros(3, "i8"),
        np.zeros(2, "f8"),
        np.array([-1, 0]),
        np.array([0, -1]),
        np.array([2**52 + 1, 0]),
    ],
    "run": [np.zeros(3, "i8"), np.array([-1, 5]), np.array([2**63 - 1, 2**63 - 1])],
    "history.loss": [np.zeros((3, 1)), np.zeros(3, "f4")],
    "history.smooth_loss": [np.zeros(4), np.zeros(3, "f4")],
    "history.validation_iteration": [np.zeros(1), np.zeros((1, 1), "i8")],
    "history.validation_bits_per_char": [np.zeros(2), np.zeros(0)],
}


def cases(table):
    return [
        pytest.param(key, value, id=f"{key}={value!r:.60}") for key in table for value in table[key]
    ]


def refused(path):
    """Loading raises CheckpointError with the file's name, and takes next to no memory."""
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match=r"model\.safetensors"):
            CharRNN.load(path)
        assert tracemalloc.get_traced_memory()[1] < 2e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("name", "value"), cases(SETTINGS))
def test_hostile_settings(name, value, path):
    refused(forged(path, lambda arrays, header: header["settings"].update({name: value})))


@pytest.mark.parametrize(("name", "value"), cases(HEADER))
def test_hostile_headers(name, value, path):
    refused(forged(path, lambda arrays, header: header.update({name: value})))


@pytest.mark.parametrize(("name", "value"), cases(ARRAYS))
def test_arrays_of_other_shapes_and_dtypes(name, value, path):
    refused(forged(path, lambda arrays, header: arrays.update({name: value})))


@pytest.mark.parametrize("name", ARRAYS)
def test_missing_arrays(name, path):
    refused(forged(path, lambda arrays, header: arrays.pop(name)))


@pytest.mark.parametrize("name", HEADER)
def test_missing_header_fields(name, path):
    refused(forged(path, lambda arrays, header: header.pop(name)))


@pytest.mark.parametrize("name", ["hidden_size", "batch_size", "dtype", "optimizer", "schedule"])
def test_missing_settings(name, path):
    refused(forged(path, lambda arrays, header: header["settings"].pop(name)))


@pytest.mark.parametrize("name", ["vocabulary", "backend", "rng", "nonsense"])
def test_surplus_settings(name, path):
    refused(forged(path, lambda arrays, header: header["settings"].update({name: 1})))


def test_positions_beyond_the_text_begin_again(path):
    def far(arrays, header):
        arrays["counters"] = np.array([3, 2**52])
        arrays["run"] = np.array([0, 4])

    model = CharRNN.load(forged(path, far))
    model.fit(TEXT, resume=True, validation_fraction=0.1)
    assert model._counters.tolist() == [4, 5]


@pytest.mark.parametrize("begun", [0, 2**52 - 2, 2**52])
def test_what_has_as_many_updates_as_a_file_may_hold_goes_on(begun, path):
    def many(arrays, header):
        arrays["counters"] = np.array([2**52, 0])
        arrays["run"] = np.array([begun, 2**53])

    model = CharRNN.load(forged(path, many))
    ending = [lambda event: True]
    model.fit(TEXT, resume=True, validation_fraction=0.1, callbacks=ending, checkpoint=path)
    model = CharRNN.load(path)
    assert not model.finished
    for _ in range(2):
        model.fit(TEXT, iterations=5, validation_fraction=0.1)
        assert model.finished
        model.save(path)
        loaded = CharRNN.load(path)
        assert loaded.finished
        assert loaded._weights.tobytes() == model._weights.tobytes()
        model = loaded
    assert int(model._counters[0]) == 2**52
    assert model.history.iterations > 13


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("loss", np.zeros(2), r"history.smooth_loss is float64 \(3,\), expected float64 \(2,\)"),
        ("loss", np.zeros(3, "f4"), "history.loss is float32"),
        ("loss", np.zeros((3, 1)), "history.loss is float64"),
        ("loss", [1.0, 2.0, 3.0], "history.loss must be an array, got list"),
        ("validation_iteration", np.zeros(1), "history.validation_iteration is float64"),
        ("validation_bits_per_char", np.zeros(0), "history.validation_bits_per_char is"),
        ("seconds", float("nan"), "not JSON compliant"),
    ],
    ids=repr,
)
def test_a_history_that_no_file_may_have_is_not_saved(name, value, message, path):
    model = small()
    model.fit(TEXT, iterations=3, validation_fraction=0.1)
    model.save(path)
    before = path.read_bytes()
    setattr(model.history, name, value)
    with pytest.raises(ValueError, match=message):
        model.save(path)
    assert path.read_bytes() == before


def test_settings_of_any_kind_of_number_can_be_saved(path):
    schedule = StepDecay(np.int64(4), Fraction(1, 2))
    model = small(clip=np.float32(5), clip_norm=Fraction(1, 3), schedule=schedule)
    model.optimizer = SGD(np.float32(0.25), Fraction(1, 2))
    model.fit(TEXT, iterations=3)
    model.clip = np.inf
    model.save(path)
    loaded = CharRNN.load(path)
    assert (loaded.clip, loaded.clip_norm) == (None, 1 / 3)
    assert (loaded.schedule, loaded.optimizer) == (schedule, model.optimizer)
