"""Model files of CharRNN hold everything."""

import numpy as np
import pytest
from char_rnns import TEXT, small, state_of
from hypothesis import given
from hypothesis import strategies as st
from model_files import read

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
def test_a_loaded_network_equals_the_saved_one_and_continues_with_the_same_bits(settings, path):
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
def test_a_run_continues_in_another_process_as_if_it_had_not_stopped(stop, schedule, path):
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


def test_any_reader_of_safetensors_finds_the_weights(path):
    model = small().build("abc")
    model.save(path)
    arrays, _ = read(path)
    for name, array in model.parameters.items():
        np.testing.assert_array_equal(arrays[f"parameters.{name}"], array)


@given(st.text(st.characters(exclude_categories=()), min_size=2, max_size=20))
def test_any_vocabulary_survives_saving_and_loading(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("vocabulary") / "model"
    model = CharRNN(hidden_size=2, rng=0).build(text)
    model.save(path)
    assert CharRNN.load(path).vocabulary == model.vocabulary


def test_two_lone_surrogates_do_not_become_one_character(path):
    model = small().build("\udbff\udc00")
    model.save(path)
    assert CharRNN.load(path).vocabulary.size == 2


def test_a_custom_schedule_is_not_in_the_file(path):
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
