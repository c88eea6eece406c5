"""CharRNN as an object: its seeds, settings, copies and evaluation, and invalid arguments."""

import copy
import io
import math
import pickle

import numpy as np
import pytest
from char_rnns import TEXT, small
from mlps import same, weights
from texts import prose

import nncore
from nncore import SGD, Adam, CharRNN, Constant, CosineDecay, Evaluation

# --- seeds --------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["compiled", "numpy"])
def test_the_same_seed_gives_the_same_bits(backend):
    def run(rng):
        model = small(backend=backend, rng=rng)
        model.fit(TEXT, iterations=20)
        return model.sample(80), weights(model), model.history.loss.tolist()

    first, second, other = run(5), run(np.random.SeedSequence(5)), run(6)
    assert first[0] == second[0]
    assert same(first[1], second[1])
    assert first[2] == second[2]
    assert first[0] != other[0]
    assert not same(first[1], other[1])


def test_without_a_seed_networks_differ():
    assert not same(weights(small(rng=None).build("ab")), weights(small(rng=None).build("ab")))


def test_a_generator_gives_a_different_network_each_time():
    rng = np.random.default_rng(0)
    first, second = small(rng=rng).build("ab"), small(rng=rng).build("ab")
    assert not same(weights(first), weights(second))


def test_how_much_is_sampled_does_not_change_the_training():
    quiet, talkative = small(schedule=Constant()), small(schedule=Constant())
    quiet.fit(TEXT, iterations=10)
    talkative.build(TEXT).sample(100)
    talkative.fit(TEXT, iterations=5)
    talkative.sample(7)
    talkative.fit(TEXT, iterations=5)
    assert quiet.history.loss.tolist() == talkative.history.loss.tolist()
    assert same(weights(quiet), weights(talkative))


def test_initial_weights_and_samples_use_separate_random_numbers():
    texts = []
    for hidden_size in (3, 50):
        model = small(hidden_size=hidden_size).build("abcdefgh")
        model._weights[:] = 0  # all characters are equally likely
        texts.append(model.sample(50))
    assert texts[0] == texts[1]


def test_the_global_random_state_is_unchanged():
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()  # noqa: NPY002
    model = small(rng=None)
    model.fit(TEXT, iterations=3)
    model.sample(10)
    model.evaluate(TEXT)
    after = np.random.get_state()  # noqa: NPY002
    assert before[0] == after[0]
    np.testing.assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]


@pytest.mark.parametrize("rng", ["seed", 1.5, -1, [None]], ids=repr)
def test_rng_must_be_a_seed(rng):
    with pytest.raises((TypeError, ValueError), match="rng must be an int, a SeedSequence"):
        small(rng=rng)
    with pytest.raises((TypeError, ValueError), match="rng must be an int, a SeedSequence"):
        small().build("ab").sample(3, rng=rng)


# --- settings -----------------------------------------------------------------------------------


def test_settings_are_kept_by_name():
    schedule = CosineDecay(0.1)
    model = CharRNN(7, 6, 5, SGD(0.1), schedule=schedule, clip=2, clip_norm=None, dtype="float64")
    assert (model.hidden_size, model.seq_length, model.batch_size) == (7, 6, 5)
    assert (model.optimizer, model.schedule) == (SGD(0.1), schedule)
    assert (model.clip, model.clip_norm, model.dtype) == (2, None, np.float64)


@pytest.mark.parametrize("name", ["hidden_size", "seq_length", "batch_size"])
def test_sizes_are_integers_of_at_least_one(name):
    assert getattr(CharRNN(**{name: np.int64(3)}), name) == 3
    for value in (0, -1, 2**60):
        with pytest.raises(ValueError, match=f"{name} must be at (least|most) .*, got {value}"):
            CharRNN(**{name: value})
    for value in (1.0, "3", None, True):
        with pytest.raises(TypeError, match=f"{name} must be an integer, got"):
            CharRNN(**{name: value})


@pytest.mark.parametrize("name", ["clip", "clip_norm"])
def test_limits_are_positive_numbers_or_none(name):
    assert getattr(CharRNN(**{name: None}), name) is None
    assert getattr(CharRNN(**{name: np.float32(0.5)}), name) == 0.5
    for value in (0, -1.0, math.nan, 10**400):
        with pytest.raises(ValueError, match=f"{name} must be a positive number or None, got"):
            CharRNN(**{name: value})
    for value in ("1", True, [1]):
        with pytest.raises(TypeError, match=f"{name} must be a positive number or None, got"):
            CharRNN(**{name: value})


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"optimizer": "Adam"}, TypeError, r"optimizer must be an nncore optimizer .*, got str"),
        ({"optimizer": Adam}, TypeError, r"optimizer .* got the class Adam; call it: Adam\(\)"),
        ({"schedule": CosineDecay}, TypeError, r"the class CosineDecay; call it: CosineDecay\(\)"),
        ({"schedule": 0.5}, TypeError, "schedule must be callable, got float"),
        ({"weight_init": "zero"}, ValueError, "weight_init must be one of 'scaled', 'small'"),
        ({"backend": "torch"}, ValueError, "backend must be one of 'compiled', 'numpy', got"),
        ({"dtype": "float16"}, ValueError, "dtype must be float32 or float64, got 'float16'"),
        ({"dtype": None}, ValueError, "dtype must be float32 or float64, got None"),
        ({"dtype": ">f4"}, ValueError, "dtype must be float32 or float64, got '>f4'"),
        ({"dtype": "no such"}, ValueError, "dtype must be float32 or float64, got 'no such'"),
        ({"vocabulary": "words"}, ValueError, "vocabulary must be one of"),
        ({"vocabulary": np.zeros(3)}, TypeError, "vocabulary must be .*, got ndarray"),
        ({"vocabulary": None}, TypeError, "vocabulary must be .*, got NoneType"),
        ({"backend": np.zeros(3)}, ValueError, "backend must be one of"),
        ({"hidden": 3}, TypeError, "hidden"),
    ],
)
def test_bad_settings_are_named(settings, error, message):
    with pytest.raises(error, match=message):
        CharRNN(**settings)


def test_an_infinite_limit_is_none():
    model = CharRNN(clip=np.float32(math.inf), clip_norm=math.inf)
    assert (model.clip, model.clip_norm) == (None, None)


def test_limits_set_later_are_used():
    losses = []
    for late in (False, True):
        model = small(**({} if late else {"clip": 1e-3, "clip_norm": None}))
        if late:
            model.clip, model.clip_norm = np.float32(1e-3), None
        assert type(model.clip) is float
        losses.append(model.fit(TEXT, iterations=10).loss.tolist())
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert losses[0] != small().fit(TEXT, iterations=10).loss.tolist()


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("clip", -1, ValueError),
        ("clip_norm", "1", TypeError),
        ("schedule", 0.5, TypeError),
        ("schedule", CosineDecay, TypeError),
        ("optimizer", None, TypeError),
        ("optimizer", Adam, TypeError),
    ],
)
def test_settings_are_checked_where_they_are_set(name, value, error):
    model = small()
    before = getattr(model, name)
    with pytest.raises(error, match=name):
        setattr(model, name, value)
    assert getattr(model, name) == before


@pytest.mark.parametrize(
    "name", ["hidden_size", "seq_length", "batch_size", "dtype", "backend", "weight_init"]
)
def test_settings_that_determine_array_sizes_cannot_be_changed(name):
    with pytest.raises(AttributeError):
        setattr(small(), name, 3)


def test_an_optimizer_with_a_different_state_is_refused_after_building():
    model = small()
    model.optimizer = SGD(0.1)
    model.fit(TEXT, iterations=2)
    with pytest.raises(
        ValueError, match=r"must keep 0 state vector\(s\).* got Adam, which keeps 2"
    ):
        model.optimizer = Adam(0.1)
    model.optimizer = SGD(0.2)
    model.fit(TEXT, iterations=2)


# --- copies -------------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
@pytest.mark.parametrize("backend", ["compiled", "numpy"])
def test_a_copy_continues_independently_with_the_same_bits(backend, copied):
    model = small(backend=backend)
    model.fit(TEXT, iterations=5)
    other = copied(model)
    before = weights(model)
    other.fit(TEXT, iterations=5)
    assert same(before, weights(model))
    assert not same(before, weights(other))
    model.fit(TEXT, iterations=5)
    assert same(weights(model), weights(other))
    assert model.sample(20) == other.sample(20)
    assert copied(small()).build("ab").parameters["by"].shape == (2,)


# --- evaluation ---------------------------------------------------------------------------------


def test_evaluation_is_in_nats_bits_and_perplexity():
    result = Evaluation(characters=10, nats_per_char=math.log(8))
    assert result.bits_per_char == pytest.approx(3)
    assert result.perplexity == pytest.approx(8)
    assert math.isfinite(Evaluation(1, 1e6).perplexity)


@pytest.mark.parametrize("backend", ["compiled", "numpy"])
def test_evaluating_and_sampling_change_nothing(backend):
    model = small(backend=backend)
    model.fit(TEXT, iterations=7)
    arrays = (model._weights, model._slots, model._state, model._counters, model.history.loss)
    before = copy.deepcopy(arrays)
    assert model.evaluate(TEXT) == model.evaluate(io.StringIO(TEXT))
    assert model.sample(20, "The", rng=1) == model.sample(20, "The", rng=1)
    assert next(model.generate("The", rng=1))
    for array, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, old)


def test_both_backends_evaluate_alike_across_their_windows():
    text = prose(64 * 3 + 2)
    for length in (2, 3, 63, 64, 65, 66, 129, 193, 194):
        results = [
            small(backend=backend, dtype="float64").build(text).evaluate(text[:length])
            for backend in ("compiled", "numpy")
        ]
        assert results[0].characters == results[1].characters == length - 1
        assert results[0].nats_per_char == pytest.approx(results[1].nats_per_char, rel=1e-12)


@pytest.mark.parametrize("text", ["", "a"])
def test_a_text_to_evaluate_needs_two_characters(text):
    with pytest.raises(ValueError, match=rf"text has {len(text)} character\(s\), expected at le"):
        small().build("ab").evaluate(text)


def test_a_text_to_evaluate_must_be_in_the_vocabulary(tmp_path):
    with pytest.raises(ValueError, match="outside the vocabulary: Z"):
        small().build("ab").evaluate("abZ")
    with pytest.raises(FileNotFoundError):
        small().build("ab").evaluate(tmp_path / "missing")


def test_an_untrained_network_guesses_uniformly():
    model = nncore.CharRNN.min_char_rnn(rng=0).build("abcdefgh")
    assert model.evaluate("abcdefgh" * 10).bits_per_char == pytest.approx(3, abs=0.02)
