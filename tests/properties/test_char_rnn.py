"""CharRNN with arguments of every kind: correct results, or documented exceptions."""

import io
import math
import re
from itertools import islice, pairwise

import numpy as np
import pytest
from char_rnns import arrays_of
from every_optimizer import EVERY_OPTIMIZER
from hypothesis import assume, given
from hypothesis import strategies as st
from mlps import same
from properties import REFUSALS, anything, attempt, close, dtypes, of, seeds

from nncore import (
    SGD,
    AdamW,
    CharRNN,
    CheckpointError,
    Constant,
    CosineDecay,
    DivergenceError,
    Evaluation,
    ExponentialDecay,
    History,
    TrainingEvent,
    Vocabulary,
    WarmUp,
)

optimizers = st.sampled_from([None, *EVERY_OPTIMIZER])
schedules = st.sampled_from([Constant(), CosineDecay(0.1, 0.2), ExponentialDecay(), WarmUp()])
networks = st.fixed_dictionaries(
    {
        "hidden_size": st.integers(1, 17),
        "seq_length": st.integers(1, 6),
        "batch_size": st.integers(1, 3),
        "cell": st.just("tanh"),  # test_char_rnn_stacks.py has the others
        "rng": seeds,
    },
    optional={
        "optimizer": optimizers,
        "schedule": schedules,
        "clip": st.sampled_from([None, 0.1, math.inf]),
        "clip_norm": st.sampled_from([None, 0.1, 1e9]),
        "weight_init": st.sampled_from(["scaled", "small"]),
        "vocabulary": st.sampled_from(["characters", "bytes", Vocabulary("abcdefgh")]),
        "dtype": dtypes,
    },
)
texts = st.text("abcdefgh", min_size=30, max_size=60).filter(lambda text: len(set(text)) > 1)
any_texts = st.text(max_size=60)


def pair(settings):
    """The same network in compiled code and in NumPy."""
    return CharRNN(**settings), CharRNN(**settings, backend="numpy")


def sources_of(text, folder):
    """The same text from any kind of source."""
    path = folder / "text of any kind.txt"
    path.write_text(text, encoding="utf-8", newline="")
    binary = io.BytesIO(text.encode())
    return [text, text.encode(), path, [path], io.StringIO(text, newline=""), binary]


# --- the constructor ----------------------------------------------------------------------------


@of("CharRNN", "CharRNN.hidden_size", "CharRNN.seq_length", "CharRNN.batch_size", "CharRNN.clip")
@of("CharRNN.optimizer", "CharRNN.schedule", "CharRNN.clip_norm", "CharRNN.weight_init")
@of("CharRNN.dtype", "CharRNN.backend", "CharRNN.finished", "CharRNN.vocabulary")
@of("CharRNN.parameters", "CharRNN.build", "History")
@given(settings=networks, backend=st.sampled_from(["compiled", "numpy"]), text=texts)
def test_a_network_has_the_settings_given(settings, backend, text):
    net = CharRNN(**settings, backend=backend)
    for name in {*settings} - {"rng", "vocabulary", "optimizer", "clip"}:
        assert getattr(net, name) == settings[name]
    usual = AdamW(min(0.01, 1 / net.hidden_size), weight_decay=0.08)
    assert net.optimizer == (settings.get("optimizer") or usual)
    assert net.clip == (0.1 if settings.get("clip") == 0.1 else None)
    assert (net.backend, net.finished, repr(net.history)) == (
        backend, True, repr(History(net.seq_length))
    )  # fmt: skip
    if settings.get("vocabulary", "characters") == "characters":
        for use in (lambda: net.vocabulary, lambda: net.parameters, lambda: net.sample(3)):
            with pytest.raises(ValueError, match="no vocabulary yet"):
                use()
        assert net.build(text) is net
        assert net.vocabulary == Vocabulary.of(text)
    v, h = net.vocabulary.size, net.hidden_size
    shapes = {"wxh": (v, h), "whh": (h, h), "why": (h, v), "bh": (h,), "by": (v,)}
    assert {name: array.shape for name, array in net.parameters.items()} == shapes
    assert all(np.isfinite(array).all() for array in net.parameters.values())
    with pytest.raises(ValueError, match="already built"):
        net.build(text)


@of("CharRNN", "CharRNN.min_char_rnn")
@given(settings=networks, exactly=st.booleans(), data=st.data())
def test_a_wrong_setting_is_refused_by_its_name(settings, exactly, data):
    names = ["hidden_size", "seq_length", "batch_size", "optimizer", "schedule", "clip"]
    names += ["clip_norm", "weight_init", "vocabulary", "dtype", "backend", "rng"]
    name, value = data.draw(st.sampled_from(names)), data.draw(anything)
    make = CharRNN.min_char_rnn if exactly else CharRNN
    net, error = attempt(lambda: make(**{**settings, name: value}), *REFUSALS, MemoryError)
    assert error is not None or isinstance(net, CharRNN)
    assert error is None or isinstance(error, MemoryError) or name in str(error)


@of("CharRNN.optimizer", "CharRNN.schedule", "CharRNN.clip", "CharRNN.clip_norm")
@given(settings=networks, text=texts, data=st.data())
def test_settings_change_or_stay_as_they_are(settings, text, data):
    net = CharRNN(**{**settings, "vocabulary": Vocabulary.of(text)})
    name = data.draw(st.sampled_from(["optimizer", "schedule", "clip", "clip_norm"]))
    kinds = {"optimizer": optimizers, "schedule": schedules}
    value = data.draw(anything | kinds.get(name, st.floats()))
    before = getattr(net, name)
    _, error = attempt(lambda: setattr(net, name, value))
    if error is not None:
        assert name in str(error)
        assert getattr(net, name) == before
    else:
        kept, given_ = getattr(net, name), float(value) if isinstance(value, int) else value
        assert kept == given_ or (kept is None and value == math.inf)


# --- training -----------------------------------------------------------------------------------


@of("CharRNN.fit", "CharRNN.finished", "History", "History.iterations", "History.bits_per_char")
@given(
    settings=networks, text=texts, iterations=st.integers(1, 6), share=st.sampled_from([0, 0.2]),
    data=st.data(),
)  # fmt: skip
def test_training_from_any_source_agrees_with_numpy(
    folder, settings, text, iterations, share, data
):
    net, plain = pair({**settings, "dtype": "float64"})
    source = data.draw(st.sampled_from(sources_of(text, folder)))
    keywords = {"iterations": iterations, "validation_fraction": share}
    history, error = attempt(lambda: net.fit(source, **keywords))
    expected, refused = attempt(lambda: plain.fit(text, **keywords))
    assert type(error) is type(refused)
    if error is not None:
        assert str(error) == str(refused)
        return
    assert history is net.history
    assert net.finished
    assert history.iterations == iterations == len(history.bits_per_char)
    for name in ("loss", "smooth_loss", "validation_iteration", "validation_bits_per_char"):
        close(getattr(history, name), getattr(expected, name), np.float32)
    for name, array in net.parameters.items():
        close(array, plain.parameters[name], np.float32)


@of("CharRNN.fit", "CharRNN.build", "CharRNN.evaluate")
@given(settings=networks, source=anything | any_texts | st.binary(max_size=40))
def test_any_text_is_learned_or_refused(settings, source):
    net = CharRNN(**settings)
    history, error = attempt(lambda: net.fit(source, iterations=2))
    if error is None:
        assert np.isfinite(history.loss).all()
        assert 0 <= net.evaluate(source).nats_per_char < math.inf
    else:
        assert "text" in str(error)
        net = CharRNN(**{**settings, "vocabulary": "characters"})
        _, error = attempt(lambda: net.build(source))
        assert net.vocabulary.size if error is None else re.search("text|is empty", str(error))


@of("CharRNN.fit")
@given(settings=networks, text=texts, data=st.data())
def test_a_wrong_setting_of_training_is_refused_by_its_name(settings, text, data):
    net = CharRNN(**{**settings, "vocabulary": Vocabulary.of(text)})
    assume(len(text) >= 2 * net.batch_size * (net.seq_length + 1))
    names = ["epochs", "iterations", "validation_fraction", "callbacks", "checkpoint_every"]
    name, value = data.draw(st.sampled_from(names)), data.draw(anything)
    if name in ("epochs", "iterations") and isinstance(value, int | float) and value > 3:
        value = -value  # that many take too long
    before = arrays_of(net)
    _, error = attempt(lambda: net.fit(text, **{name: value}))
    if error is None:
        assert np.isfinite(net.history.loss).all()
    else:
        assert name in str(error)
        assert arrays_of(net) == before


@of("CharRNN.fit")
@given(settings=networks, text=texts, rate=st.sampled_from([1e3, 1e10, 1e30, 1e300]))
def test_training_that_diverges_restores_good_parameters(settings, text, rate):
    settings = {**settings, "optimizer": SGD(rate), "clip": None, "clip_norm": None}
    net = CharRNN(**{**settings, "vocabulary": "characters", "batch_size": 1})
    history, error = attempt(lambda: net.fit(text, epochs=3), DivergenceError)
    assert error is not None or np.isfinite(history.loss).all()
    assert all(np.isfinite(array).all() for array in net.parameters.values())


@of("TrainingEvent")
@given(settings=networks, text=texts, iterations=st.integers(1, 9))
def test_callbacks_see_how_far_training_is(settings, text, iterations):
    net, events = CharRNN(**{**settings, "batch_size": 1}), []
    history = net.fit(text, iterations=iterations, callbacks=[events.append])
    assert all(isinstance(event, TrainingEvent) and event.model is net for event in events)
    assert events[-1].iteration == iterations
    assert {event.iterations for event in events} == {iterations}
    for event in events:
        assert event.smooth_loss == history.smooth_loss[event.iteration - 1]
        assert event.bits_per_char == history.bits_per_char[event.iteration - 1]
        assert event.characters_per_second > 0


# --- use ----------------------------------------------------------------------------------------


def trained(settings, text):
    """A network that knows the text's characters, in both backends, with the same weights."""
    nets = pair({**settings, "vocabulary": Vocabulary.of(text)})
    rng = np.random.default_rng(settings["rng"])
    for name, array in nets[0].parameters.items():
        array[...] = 0.5 * rng.standard_normal(array.shape)
        nets[1].parameters[name][...] = array
    return nets


@of("CharRNN.evaluate", "Evaluation", "Evaluation.bits_per_char", "Evaluation.perplexity")
@given(settings=networks, text=texts, other=texts)
def test_evaluation_follows_the_formula(settings, text, other):
    net, plain = trained(settings, "abcdefgh")
    found = net.evaluate(other)
    assert found.characters == len(other) - 1
    w = {name: np.asarray(array, np.float64) for name, array in net.parameters.items()}
    ids = net.vocabulary.encode(other)
    h, nats = np.zeros(net.hidden_size), 0.0
    for now, after in pairwise(ids):
        h = np.tanh(w["wxh"][now] + h @ w["whh"] + w["bh"])
        logits = h @ w["why"] + w["by"]
        nats += np.log(np.exp(logits).sum()) - logits[after]
    close(found.nats_per_char, nats / found.characters, net.dtype)
    close(plain.evaluate(other).nats_per_char, found.nats_per_char, net.dtype)
    assert found.bits_per_char == found.nats_per_char / math.log(2)
    assert found.perplexity == math.exp(found.nats_per_char)


@of("Evaluation")
@given(characters=st.integers(1, 2**40), nats=st.floats(0, 1e308))
def test_evaluations_are_finite_floats(characters, nats):
    found = Evaluation(characters, nats)
    assert found.bits_per_char >= nats
    assert 1 <= found.perplexity < math.inf


drawing = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.sampled_from([0, 1e-9, 0.5, 1, 1e9]),
        "top_k": st.integers(0, 12),
        "top_p": st.sampled_from([1e-9, 0.5, 1]),
    },
)


@of("CharRNN.sample", "CharRNN.generate")
@given(settings=networks, drawing=drawing, length=st.integers(1, 40), prime=st.text("abcd"))
def test_samples_are_those_of_numpy_and_of_the_vocabulary(settings, drawing, length, prime):
    net, plain = trained({**settings, "dtype": "float64"}, "abcdefgh")
    text = net.sample(length, prime, rng=3, **drawing)
    assert len(text) == length
    assert set(text) <= set("abcdefgh")
    assert text == plain.sample(length, prime, rng=3, **drawing)
    assert text == "".join(islice(net.generate(prime, rng=3, **drawing), length))
    if prime and (drawing.get("temperature") == 0 or drawing.get("top_k") == 1):
        assert text == net.sample(length, prime, rng=4, **drawing)  # without randomness


@of("CharRNN.sample", "CharRNN.generate")
@given(settings=networks, data=st.data())
def test_a_wrong_setting_of_sampling_is_refused(settings, data):
    net, _ = trained(settings, "abcdefgh")
    name = data.draw(st.sampled_from(["length", "prime", "temperature", "top_k", "top_p", "rng"]))
    value = data.draw(anything | any_texts)
    if name == "length" and isinstance(value, int) and value > 3:
        value = -value  # that many take too long
    keywords = {"length": 3, name: value}
    text, error = attempt(lambda: net.sample(**keywords))
    if error is None:
        assert len(text) == 3 or name == "length"
        assert set(text) <= set("abcdefgh")
    else:
        assert name in str(error)
    if name != "length":
        del keywords["length"]
        _, again = attempt(lambda: net.generate(**keywords))
        assert type(again) is type(error)


# --- files --------------------------------------------------------------------------------------


@of("CharRNN.save", "CharRNN.load", "CharRNN.start_from")
@given(settings=networks, text=texts, iterations=st.integers(0, 4))
def test_a_loaded_network_equals_the_saved_one_and_can_be_trained(
    folder, settings, text, iterations
):
    net, path = CharRNN(**{**settings, "vocabulary": Vocabulary.of(text)}), folder / "a.safetensors"
    assume(len(text) >= net.batch_size * (net.seq_length + 1))
    if iterations:
        net.fit(text, iterations=iterations)
    net.save(path)
    loaded = CharRNN.load(path)
    assert (arrays_of(loaded), repr(loaded)) == (arrays_of(net), repr(net))
    expected = net.evaluate(text)
    assert loaded.evaluate(text) == expected
    numpy = CharRNN.load(path, backend="numpy").evaluate(text)
    close(numpy.nats_per_char, expected.nats_per_char, net.dtype)
    fresh = CharRNN(net.hidden_size, cell=net.cell, dtype=net.dtype, rng=9).start_from(path)
    assert same(fresh.parameters, net.parameters)
    assert (fresh.vocabulary, fresh.history.iterations) == (net.vocabulary, 0)
    for one in (net, loaded):
        one.fit(text, iterations=2)
    assert arrays_of(loaded) == arrays_of(net)
    assert loaded.sample(9) == net.sample(9)


@of("CharRNN.save", "CharRNN.load", "CharRNN.start_from")
@given(path=st.sampled_from([None, 3, 1.5, [], {}, object(), 1j, "", "missing/x", "\0", "x\0y"]))
def test_other_types_than_paths_are_refused(folder, path):
    net = CharRNN(2, 2, 1, rng=0).build("ab")
    before = arrays_of(net)
    if isinstance(path, str):
        path = folder / path if "\0" not in path else path
    for use in (net.save, CharRNN.load, CharRNN(2).start_from):
        _, error = attempt(lambda use=use: use(path), TypeError, ValueError, OSError)
        assert error is not None
    assert arrays_of(net) == before


@of("CharRNN.load", "CharRNN.start_from")
@given(content=st.binary(max_size=300))
def test_random_bytes_are_refused_as_models(folder, content):
    path = folder / "bytes"
    path.write_bytes(content)
    for use in (CharRNN.load, CharRNN(2).start_from):
        with pytest.raises(CheckpointError, match="bytes"):
            use(path)
