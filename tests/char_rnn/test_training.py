"""CharRNN.fit: the text and the length of training, and the update rule."""

import numpy as np
import pytest
from char_rnns import TEXT, small
from every_optimizer import EVERY_OPTIMIZER
from texts import prose

from nncore import (
    SGD,
    Adam,
    CharRNN,
    Constant,
    StepDecay,
)

CLIPPING = [(None, None), (0.05, None), (None, 0.3), (0.05, 0.3)]


def trained(text=TEXT, fit=None, **settings):
    model = small(**settings)
    model.fit(text, **(fit or {"iterations": 10}))
    return model


# --- both backends ------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=lambda o: o.rule().kind)
@pytest.mark.parametrize(("clip", "clip_norm"), CLIPPING)
def test_backends_agree_for_every_optimizer_and_clipping(optimizer, clip, clip_norm):
    one, other = (
        trained(
            backend=backend,
            optimizer=optimizer,
            clip=clip,
            clip_norm=clip_norm,
            schedule=StepDecay(3),
            dtype="float64",
        )
        for backend in ("compiled", "numpy")
    )
    np.testing.assert_allclose(one.history.loss, other.history.loss, rtol=1e-9)
    np.testing.assert_allclose(one._weights, other._weights, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(one._slots, other._slots, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(one._state, other._state, rtol=1e-8, atol=1e-10)
    np.testing.assert_array_equal(one._counters, other._counters)


def test_clipping_and_optimizers_make_a_difference():
    results = [
        trained(optimizer=optimizer, clip=clip, clip_norm=norm).history.loss[-1]
        for optimizer in (SGD(0.1), SGD(0.1, 0.9), SGD(0.1, 0.9, True), Adam(0.01))
        for clip, norm in CLIPPING
        # Adagrad and similar rules are almost independent of a common factor of all gradients.
        if norm is None or clip is None
    ]
    assert len(set(results)) == len(results)


def test_a_norm_is_clipped_over_all_gradients():
    """With SGD an update is the step size times the clipped gradient."""
    model = small(optimizer=SGD(1.0), clip_norm=0.01, schedule=Constant(), dtype="float64")
    before = model.build(TEXT)._weights.copy()
    model.fit(TEXT, iterations=1)
    assert np.linalg.norm(model._weights - before) == pytest.approx(0.01, rel=1e-9)


@pytest.mark.parametrize("backend", ["compiled", "numpy"])
def test_the_schedule_multiplies_the_step_size(backend):
    asked = []

    def schedule(step, total):
        asked.append((step, total))
        return 0.0 if step < 3 else 1.0

    model = small(optimizer=SGD(0.1), schedule=schedule, backend=backend)
    before = model.build(TEXT)._weights.copy()
    model.fit(TEXT, iterations=3)
    np.testing.assert_array_equal(model._weights, before)
    model.fit(TEXT, iterations=4)
    assert not np.array_equal(model._weights, before)
    assert asked == [(0, 3), (1, 3), (2, 3), (0, 4), (1, 4), (2, 4), (3, 4)]


def test_training_learns_the_text():
    model = CharRNN(hidden_size=32, rng=0)
    history = model.fit("to be or not to be, that is the question: " * 100, epochs=30)
    assert history.bits_per_char[0] > 3
    assert model.evaluate("to be or not to be, that is the question: " * 3).bits_per_char < 0.5
    assert "not to be, that is" in model.sample(100, "to be or ", temperature=0)


# --- how long a run is --------------------------------------------------------------------------


@pytest.mark.parametrize("streams", [1, 2, 3])
@pytest.mark.parametrize("length", [41, 42, 60, 61, 62, 63])
def test_an_epoch_goes_to_where_the_text_begins_again(streams, length):
    model = small(batch_size=streams)
    model.fit(prose(length), epochs=1)
    windows = model.history.iterations
    assert windows * 5 == model._counters[1]  # never restarted
    model.fit(prose(length), iterations=1)
    assert model._counters[1] == 5  # but now it did


def test_epochs_may_be_fractional():
    whole = trained(fit={"epochs": 1}).history.iterations
    assert whole == 59  # (300 - 5 - 1) / 5, rounded up
    assert trained(fit={"epochs": 0.5}).history.iterations == 30
    assert trained(fit={"epochs": 2}).history.iterations == 2 * whole
    assert trained(fit={"epochs": 1e-9}).history.iterations == 1
    assert trained(fit={"epochs": np.float32(1)}).history.iterations == whole
    assert trained(fit={"epochs": 7, "iterations": 4}).history.iterations == 4


def test_a_numpy_true_ends_a_run_as_well():
    model = small()
    model.fit(TEXT, iterations=10**6, callbacks=[lambda event: np.float64(1) > 0])
    assert model.history.iterations < 10**6


def test_an_endless_run_ends_when_a_callback_returns_true():
    model = small()
    model.fit(TEXT, epochs=1e300, callbacks=[lambda event: True])
    assert model.history.iterations == 1


def test_errors_for_short_texts_name_their_files(tmp_path):
    path = tmp_path / "short.txt"
    for content, what in (("", "is empty"), ("aaa", "must have at least 2"), ("abc", "has 3")):
        path.write_text(content)
        with pytest.raises(ValueError, match=f"^text in .*short.txt {what}"):
            small().fit(path)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "epochs must be above 0 and finite, got 0"),
        ({"epochs": -1}, ValueError, "epochs must be above 0 and finite, got -1"),
        ({"epochs": float("nan")}, ValueError, "epochs must be above 0 and finite, got nan"),
        ({"epochs": float("inf")}, ValueError, "epochs must be above 0 and finite, got inf"),
        ({"epochs": "3"}, TypeError, "epochs must be a number, got str"),
        ({"epochs": None}, TypeError, "epochs must be a number, got NoneType"),
        ({"iterations": 0}, ValueError, "iterations must be at least 1, got 0"),
        ({"iterations": 2.5}, TypeError, "iterations must be an integer, got float"),
        ({"iterations": 2**70}, ValueError, "iterations must be at most"),
        ({"validation_fraction": 1}, ValueError, r"validation_fraction must be in \[0, 1\)"),
        ({"validation_fraction": -0.1}, ValueError, r"validation_fraction must be in \[0, 1\)"),
        ({"validation_fraction": float("nan")}, ValueError, "validation_fraction must be in"),
        ({"validation_fraction": "1"}, TypeError, "validation_fraction must be a number"),
        ({"resume": True}, ValueError, "there is no run to resume"),
    ],
)
def test_bad_arguments_of_fit_are_named(arguments, error, message):
    model = small().build(TEXT)
    before = model._weights.copy()
    with pytest.raises(error, match=message):
        model.fit(TEXT, **arguments)
    np.testing.assert_array_equal(model._weights, before)
    assert model.history.iterations == 0


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (None, ValueError, "schedule must return 0 or a positive number, got None"),
        ("x", TypeError, "schedule must return a number, got 'x'"),
        (-1.0, ValueError, r"schedule must return 0 or a positive number, got -1\.0"),
        (float("nan"), ValueError, "schedule must return 0 or a positive number, got nan"),
    ],
)
def test_bad_results_of_a_schedule_are_reported(answer, error, message):
    with pytest.raises(error, match=message):
        small(schedule=lambda step, total: answer).fit(TEXT)


# --- which text ---------------------------------------------------------------------------------


@pytest.mark.parametrize("vocabulary", ["characters", "bytes"])
def test_an_empty_text_is_refused(vocabulary):
    with pytest.raises(ValueError, match="text is empty"):
        small(vocabulary=vocabulary).fit("")


def test_a_text_of_one_character_is_refused():
    with pytest.raises(ValueError, match="at least 2 different characters, got only 'a'"):
        small().fit("a" * 1000)


@pytest.mark.parametrize("streams", [1, 2, 7])
def test_a_text_has_a_window_and_a_character_for_each_stream(streams):
    needed = streams * 6
    small(batch_size=streams).fit(prose(needed))
    with pytest.raises(ValueError, match=rf"text has {needed - 1} characters .* at least {needed}"):
        small(batch_size=streams).fit(prose(needed - 1))


def test_a_refused_text_leaves_the_network_as_it_was():
    model = small()
    with pytest.raises(ValueError, match="text has 3 characters"):
        model.fit("abc")
    model.fit(TEXT, iterations=1)
    assert model.vocabulary.characters == "".join(sorted(set(TEXT)))


def test_a_text_in_parts_is_one_text(tmp_path):
    for i, part in enumerate((TEXT[:200], TEXT[200:])):
        (tmp_path / str(i)).write_text(part, newline="")
    whole, parts = trained(TEXT), trained([tmp_path / "0", tmp_path / "1"])
    assert whole.history.loss.tolist() == parts.history.loss.tolist()


def test_training_on_another_text_starts_at_its_beginning_with_a_zero_state():
    model = small(schedule=Constant())
    model.fit(TEXT, iterations=3)
    assert model._counters[1] == 15
    model.fit(TEXT, iterations=1)
    assert model._counters[1] == 20
    fresh = small().build(TEXT)
    fresh._weights[...] = model._weights
    for one in (model, fresh):
        one.fit(TEXT[::-1], iterations=1)
        assert one._counters[1] == 5
    assert model.history.loss[-1] == fresh.history.loss[0]


# --- held-out text ------------------------------------------------------------------------------


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_the_end_of_the_text_is_held_out(fraction):
    split = len(TEXT) - int(len(TEXT) * fraction)
    model = trained(fit={"epochs": 1, "validation_fraction": fraction})
    history = model.history
    assert history.validation_iteration.tolist() == [history.iterations]
    assert history.validation_bits_per_char.tolist() == [model.evaluate(TEXT[split:]).bits_per_char]
    alone = small().build(TEXT)
    alone.fit(TEXT[:split], epochs=1)
    assert alone.history.loss.tolist() == history.loss.tolist()


def test_held_out_text_is_evaluated_after_every_epoch_and_at_the_end():
    model = trained(fit={"epochs": 2.5, "validation_fraction": 0.5})
    assert model.history.validation_iteration.tolist() == [29, 58, 72]
    model.fit(TEXT, epochs=1, validation_fraction=0.5)
    assert model.history.validation_iteration.tolist() == [29, 58, 72, 101]
    assert model.history.validation_bits_per_char.shape == (4,)


def test_a_fraction_that_leaves_nothing_to_measure_is_refused():
    with pytest.raises(ValueError, match=r"validation_fraction of 0\.002 holds out 1 of 600 ch"):
        small().fit(TEXT, validation_fraction=0.002)
