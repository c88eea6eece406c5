"""The trainer that predicts a light or a dark font for a colour: accuracy, data, errors."""

import re
import subprocess
import sys
from itertools import count

import numpy as np
import pytest
from checkout import EXAMPLES, ROOT
from colors import random_colors

from nncore import MLP, SGD, Adam, CheckpointError, DivergenceError
from nncore.trainers.rgb.csv_file import read_colors
from nncore.trainers.rgb.data import NAMED_COLORS, brightness, wants_dark
from nncore.trainers.rgb.train import METHODS, FontPredictor, train_rgb

TABLE = (ROOT / "../shared/data/light_dark_font_training_set.csv").resolve()
EXAMPLE = EXAMPLES / "rgb.py"
# What the seed document's own network says; its table calls chocolate dark, with a brightness of
# 127.8 next to the boundary.
DARK = {"aliceblue", "antiquewhite", "aqua", "aquamarine", "cadetblue", "darkgoldenrod"}
SEED_FONTS = {name: "dark" if name in DARK else "light" for name in NAMED_COLORS}

needs_table = pytest.mark.skipif(not TABLE.exists(), reason="needs the seed document's table")


def fonts(predictor):
    return {name: predictor.predict_font(*color) for name, color in NAMED_COLORS.items()}


# --- the seed document's table --------------------------------------------------------------------


@pytest.fixture(scope="module")
def ten_splits():
    table = read_colors(TABLE)
    return [train_rgb(table, rng=rng) for rng in range(10)]


@needs_table
def test_new_colours_of_the_table_are_classified_correctly(ten_splits):
    accuracies = [result.accuracy for result in ten_splits]
    assert np.mean(accuracies) >= 0.985
    assert min(accuracies) >= 0.96


@needs_table
def test_all_splits_predict_the_fonts_of_the_document(ten_splits):
    for result in ten_splits:
        assert fonts(result) == SEED_FONTS


@needs_table
@pytest.mark.parametrize(("method", "least"), [("plain", 0.995), ("seed", 0.97)])
def test_the_other_methods_learn_the_table(method, least):
    table = read_colors(TABLE)
    results = [train_rgb(table, rng=rng, method=method) for rng in range(4)]
    assert np.mean([result.accuracy for result in results]) >= least
    for found in map(fonts, results):  # chocolate is a close call, which its row calls dark
        assert found | {"chocolate": "light"} == SEED_FONTS


@needs_table
def test_a_split_by_rows_has_the_same_colours_on_both_sides():
    table = read_colors(TABLE)
    assert (len(table), table.distinct, table.contradictions) == (1345, 661, 0)
    by_color, by_rows = train_rgb(table), train_rgb(table, split="rows")
    assert by_color.test.shared(by_color.train) == 0
    assert by_color.test.distinct == 220
    assert len(by_rows.test) == 448
    assert by_rows.test.shared(by_rows.train) > 200


@needs_table
def test_the_table_follows_the_rule_except_for_a_few_colours():
    table = read_colors(TABLE)
    assert np.mean(wants_dark(table.rgb) == table.dark) > 0.99
    np.testing.assert_array_equal(brightness(table.rgb) > 127.5, table.dark)


# --- results --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns_the_embedded_colours(method):
    result = train_rgb(method=method)
    assert result.accuracy > 0.97
    assert {name: font for name, font in fonts(result).items() if name != "chocolate"} == {
        name: font for name, font in SEED_FONTS.items() if name != "chocolate"
    }


def test_the_probability_is_that_of_a_dark_font(result):
    assert result.predict_probability(255, 255, 255) > 0.9
    assert result.predict_probability(0, 0, 0) < 0.1
    assert result.predict_font(255, 255, 255) == "dark"
    assert result.predict_font(0, 0, 0) == "light"
    assert result.predict_font(np.uint8(255), 255.0, np.int64(255)) == "dark"


def test_probabilities_are_those_of_single_colours(result):
    colors = random_colors(50)
    found = result.probabilities(colors)
    assert found.tolist() == [result.predict_probability(*color) for color in colors.tolist()]


def test_accuracy_and_confusion_are_those_of_the_test(result):
    expected = np.where(result.test.dark, "dark", "light")
    found = np.array([result.predict_font(*color) for color in result.test.rgb])
    assert result.accuracy == np.mean(expected == found)
    for one in ("dark", "light"):
        for other in ("dark", "light"):
            count = np.sum((expected == one) & (found == other))
            assert result.confusion[one, other] == count
    lines = [line.split() for line in str(result.confusion).splitlines()]
    assert lines[0] == ["predicted", "dark", "predicted", "light"]
    assert lines[1][:3] == ["expected", "dark", str(result.confusion["dark", "dark"])]
    assert lines[2][:2] + lines[2][3:] == [
        "expected",
        "light",
        str(result.confusion["light", "light"]),
    ]


def test_a_result_shows_its_accuracy_and_the_number_of_rows(result):
    assert f"accuracy {result.accuracy:.4f} on {len(result.test)} rows" in repr(result)


def test_an_unknown_font_of_the_confusion_is_refused(result):
    with pytest.raises(ValueError, match="predicted must be one of 'dark', 'light', got 'red'"):
        result.confusion["dark", "red"]


def test_nothing_of_the_test_is_trained_on(result):
    assert len(result.train) + len(result.test) == 1000
    assert result.test.shared(result.train) == 0
    assert len(result.test) == 333


def test_the_same_seed_gives_the_same_bits():
    one, two, other = (train_rgb(rng=rng, epochs=3) for rng in (5, 5, 6))
    colors = random_colors(20)
    np.testing.assert_array_equal(one.test.rgb, two.test.rgb)
    np.testing.assert_array_equal(one.probabilities(colors), two.probabilities(colors))
    assert (one.probabilities(colors) != other.probabilities(colors)).any()


@pytest.mark.parametrize("method", METHODS)
def test_settings_reach_the_network(method):
    result = train_rgb(hidden_size=5, epochs=2, method=method, dtype="float64", test_fraction=0.1)
    assert result.net.layer_sizes == (3, 5, 1)
    assert result.net.dtype == np.float64
    assert result.history.epochs == 2
    assert len(result.test) == 100


def test_the_optimizer_can_be_chosen():
    still = train_rgb(optimizer=SGD(1e-12), epochs=1)
    moving = train_rgb(optimizer=Adam(0.05), epochs=1)
    assert still.accuracy < moving.accuracy
    with pytest.raises(TypeError, match="optimizer must be an object, got the class Adam"):
        train_rgb(optimizer=Adam)


def test_the_seed_method_trains_as_the_document_does():
    result = train_rgb(method="seed")
    net, start = result.net, train_rgb(method="seed", optimizer=SGD(1e-30), epochs=1).net
    assert (net.layer_sizes, net.activations) == ((3, 3, 1), ("relu", "sigmoid"))
    assert net.loss_name == "squared_error"
    assert net.history.updates == 100_000
    for array in start.parameters.values():  # of the start, as its steps are too small to matter
        assert ((array >= 0) & (array < 1)).all()
        assert array.any()


def test_both_fonts_count_the_same_when_balanced():
    colors = random_colors(4000)
    keep = wants_dark(colors) | (np.arange(4000) % 20 == 0)  # a light font for a few of them
    pair = colors[keep], wants_dark(colors[keep])
    gray = [(i, i, i) for i in range(90, 150)]
    balanced, plain = (
        train_rgb(pair, method=method, epochs=20).probabilities(gray).mean()
        for method in ("balanced", "plain")
    )
    assert balanced < plain


def test_progress_is_shown_only_when_asked_for(capsys):
    for method in METHODS:
        train_rgb(method=method, epochs=2)
        assert capsys.readouterr() == ("", "")
        train_rgb(method=method, epochs=2, progress=True)
        assert "epoch" in capsys.readouterr().err


def test_a_network_is_saved_and_loaded(result, tmp_path):
    result.save(tmp_path / "m")
    loaded = FontPredictor.load(tmp_path / "m")
    colors = random_colors(20)
    np.testing.assert_array_equal(loaded.probabilities(colors), result.probabilities(colors))


def test_other_networks_are_refused(tmp_path):
    MLP([2, 2, 1], output_activation="sigmoid", rng=0).save(tmp_path / "m")
    with pytest.raises(CheckpointError, match="m: net has 2 inputs and 1 sigmoid outputs"):
        FontPredictor.load(tmp_path / "m")
    with pytest.raises(ValueError, match="1 identity outputs, expected 3 inputs"):
        FontPredictor(MLP([3, 1], rng=0))
    with pytest.raises(TypeError, match="net must be an MLP, got str"):
        FontPredictor("net")


# --- wrong arguments ------------------------------------------------------------------------------


FOUR = [(0, 0, 0), (255, 255, 255), (10, 10, 10), (250, 250, 250)]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"colors": 3}, TypeError, "colors must be None, a path, an RGBData or a pair"),
        ({"colors": (FOUR,)}, TypeError, "a pair (rgb, labels), got tuple"),
        ({"colors": ([(1, 2)], [1])}, ValueError, "colors: rgb has shape (1, 2), expected (N, 3)"),
        ({"colors": ([("a", 1, 2)], [1])}, TypeError, "colors: rgb must contain numbers"),
        ({"colors": ([(0, 256, 0)], [1])}, ValueError, "green of row 0 is 256, expected an inte"),
        ({"colors": ([(0, 0, -1)], [1])}, ValueError, "blue of row 0 is -1"),
        ({"colors": ([(0.5, 0, 0)], [1])}, ValueError, "red of row 0 is 0.5"),
        ({"colors": ([(np.nan, 0, 0)], [1])}, ValueError, "red of row 0 is nan"),
        ({"colors": (FOUR, [1, 0])}, ValueError, "colors: labels has shape (2,), expected (4,)"),
        ({"colors": (FOUR, [0, 1, 2, 1])}, ValueError, "colors: labels: row 2 is '2', expected 1"),
        ({"colors": (FOUR, [1] * 4)}, ValueError, "colors: all 4 rows have a dark font, expected"),
        ({"colors": (FOUR, [0] * 4)}, ValueError, "colors: all 4 rows have a light font"),
        ({"colors": (np.empty((0, 3)), [])}, ValueError, "colors has no rows, expected at least"),
        ({"colors": (FOUR[:2], [0, 1])}, ValueError, "the training rows of the split: all 1"),
        (
            {"colors": (FOUR, [0, 1, 0, 1]), "test_fraction": 0.1},
            ValueError,
            "holds out 0 of 4 colours",
        ),
        (
            {"test_fraction": 0.9999},
            ValueError,
            "holds out 1000 of 1000 colours for the test, expected",
        ),
        ({"test_fraction": 1}, ValueError, "test_fraction must be above 0 and below 1, got 1"),
        ({"test_fraction": np.nan}, ValueError, "test_fraction must be above 0 and below 1"),
        ({"test_fraction": "1/3"}, TypeError, "test_fraction must be a number, got str"),
        ({"split": "colour"}, ValueError, "split must be one of 'color', 'rows', got 'colour'"),
        ({"method": "adam"}, ValueError, "method must be one of 'balanced', 'plain', 'seed'"),
        ({"hidden_size": 0}, ValueError, "hidden_size must be at least 1, got 0"),
        ({"hidden_size": 2.0}, TypeError, "hidden_size must be an integer, got float"),
        ({"epochs": 0}, ValueError, "epochs must be at least 1, got 0"),
        ({"dtype": "int8"}, ValueError, "dtype must be float32 or float64, got 'int8'"),
        ({"rng": "x"}, TypeError, "rng must be an int"),
        ({"optimizer": SGD(1e30)}, DivergenceError, "training diverged"),
    ],
    ids=count(),
)
def test_errors_for_wrong_arguments_name_them(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        train_rgb(**arguments)


@pytest.mark.parametrize(
    ("color", "error", "message"),
    [
        ((256, 0, 0), ValueError, "r must be an integer from 0 to 255, got 256"),
        ((0, -1, 0), ValueError, "g must be an integer from 0 to 255, got -1"),
        ((0, 0, 0.5), ValueError, "b must be an integer from 0 to 255, got 0.5"),
        ((0, float("nan"), 0), ValueError, "g must be an integer from 0 to 255, got nan"),
        (("0", 0, 0), TypeError, "r must be an integer from 0 to 255, got str"),
        ((True, 0, 0), TypeError, "r must be an integer from 0 to 255, got bool"),
        ((0, None, 0), TypeError, "g must be an integer from 0 to 255, got NoneType"),
    ],
)
def test_errors_for_wrong_channels_name_them(result, color, error, message):
    for predict in (result.predict_font, result.predict_probability):
        with pytest.raises(error, match=message):
            predict(*color)


# --- the example ----------------------------------------------------------------------------------


@pytest.mark.skipif(not EXAMPLE.exists(), reason="needs the checkout")
def test_the_example_runs():
    command = [sys.executable, "-W", "error", str(EXAMPLE)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "(255, 140, 0): dark font, probability of dark " in done.stdout
    assert "(75, 0, 130): light font" in done.stdout
