"""Settings and data that do not fit are refused by name, and nothing changes."""

import numpy as np
import pytest
from populations import HELD_OUT, LABELS, SETTINGS, M, X, Y, bits, population, record
from sparse_networks import sparse

from nncore import OnPlateau, Population

NAN = X.copy()
NAN[3, 2] = np.nan

SEEDS = {
    "none": (0, ValueError, "rng must be at least 1, got 0"),
    "fewer than none": (-3, ValueError, "rng must be at least 1, got -3"),
    "an empty list": ([], ValueError, "rng must have at least one seed, got none"),
    "text": ("abc", TypeError, "rng must be the number of members or a sequence of seeds, got str"),
    "bytes": (b"abc", TypeError, "rng must be the number of members"),
    "None": (None, TypeError, "rng must be the number of members .* got NoneType"),
    "half a member": (1.5, TypeError, "rng must be the number of members .* got float"),
    "a bool": (True, TypeError, "rng must be an integer, got bool"),
    "a generator": (np.random.default_rng(0), TypeError, "rng must be the number of members"),
    "a negative seed": ([0, -1], ValueError, "rng must be an int, .* got -1"),
    "text as a seed": (["a"], TypeError, "rng must be an int, .* got 'a'"),
    "an array of no axes": (np.array(5), TypeError, "rng must be .* got ndarray"),
}


def cases(table):
    """Parameters of a table."""
    return [pytest.param(*case, id=name) for name, case in table.items()]


@pytest.mark.parametrize(("rng", "error", "text"), cases(SEEDS))
def test_bad_seeds_are_refused(rng, error, text):
    with pytest.raises(error, match=f"^{text}"):
        Population(**SETTINGS, rng=rng)


def test_the_number_of_members_has_no_default():
    with pytest.raises(TypeError, match="rng"):
        Population((2, 3, 1))


@pytest.mark.parametrize("name", ["l1", "l2"])
@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (-1, ValueError, " must be 0 or a positive number, got -1"),
        (np.nan, ValueError, " must be 0 or a positive number, got nan"),
        ("a", TypeError, " must be a number, got str"),
        (None, TypeError, " must be a number, got NoneType"),
        ([0.1] * 4, ValueError, r" has shape \(4,\), expected \(5,\), one per member"),
        (np.zeros((M, 1)), ValueError, r" has shape \(5, 1\), expected \(5,\)"),
        ([0.1, 0, -0.1, 0, 0], ValueError, r"\[2\] must be 0 or a positive number, got -0.1"),
        ([0.1, 0, "x", 0, 0], TypeError, " must contain numbers"),
    ],
)
def test_bad_penalties_are_refused(name, value, error, text):
    with pytest.raises(error, match=f"^{name}{text}"):
        population(**{name: value})


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"hidden_activation": "softmax"}, ValueError, "needs element-wise activations"),
        ({"output_activation": "softmax"}, ValueError, "softmax outputs with a cross-entropy"),
        ({"layer_sizes": (4,)}, ValueError, "layer_sizes"),
        ({"layer_sizes": (4, 0, 3)}, ValueError, "layer_sizes"),
        ({"hidden_activation": "cube"}, ValueError, "hidden_activation"),
        ({"loss": "hing"}, ValueError, "loss"),
        ({"dtype": "float16"}, ValueError, "dtype"),
        ({"weight_init": "none"}, ValueError, "weight_init"),
    ],
)
def test_bad_networks_are_refused(settings, error, text):
    with pytest.raises(error, match=text):
        population(**settings)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (1.0, ValueError, "dropout must be in"),
        (np.nan, ValueError, "dropout must be in"),
        ([0, 0, -0.1, 0, 0], ValueError, "dropout must be in"),
        ([0.1, 0.2], ValueError, r"dropout has shape \(2,\), expected \(5,\), one per member, or"),
        (np.zeros((5, 2)), ValueError, r"dropout has shape \(5, 2\), expected"),
        ("much", TypeError, "dropout must be an array of numbers, got str"),
    ],
)
def test_bad_dropout_is_refused(value, error, text):
    with pytest.raises(error, match=text):
        population(dropout=value)


def rows(**changed):
    """Own rows of all members, of which some are changed."""
    return [changed.get(f"_{k}", [0, 1, 2]) for k in range(M)]


FITS = {
    "sparse X": ({"X": sparse(30, 4)}, TypeError, "X must be dense for a population, got a spa"),
    "NaN in X": ({"X": NAN}, ValueError, "X has nan in row 3, column 2"),
    "NaN in Y": ({"Y": np.full_like(Y, np.nan)}, ValueError, "Y has nan in row 0"),
    "no rows": ({"X": X[:0], "Y": Y[:0]}, ValueError, "X has no rows"),
    "rows of each member in X": ({"X": np.stack([X] * M)}, ValueError, "X has shape"),
    "fewer targets": ({"Y": Y[:9]}, ValueError, "Y"),
    "labels": ({"Y": LABELS}, ValueError, "Y"),
    "text": ({"X": "x"}, TypeError, "X"),
    "two kinds of validation": (
        {"validation_rows": rows(), "validation_data": HELD_OUT},
        ValueError,
        "expected validation_data or validation_rows, got both",
    ),
    "validation rows of fewer members": (
        {"validation_rows": rows()[1:]},
        ValueError,
        "validation_rows has 4 entries, expected 5, one per member",
    ),
    "validation row 30": (
        {"validation_rows": rows(_1=[30])},
        IndexError,
        r"validation_rows\[1\] has 30, expected 0 to 29",
    ),
    "weights of fewer rows": (
        {"sample_weight": [1.0]},
        ValueError,
        r"sample_weight has shape \(1,\), expected \(30,\)",
    ),
    "weights of fewer members": (
        {"sample_weight": np.ones((4, 30))},
        ValueError,
        r"sample_weight has shape \(4, 30\), exp",
    ),
    "negative weights": ({"sample_weight": np.full(30, -1)}, ValueError, "sample_weight must not"),
    "a member whose weights are 0": (
        {"sample_weight": np.eye(5, 30, 1), "rows": rows()},
        ValueError,
        r"sample_weight\[2\] must not be negative or all zero",
    ),
    "rows of fewer members": ({"rows": rows()[:-1]}, ValueError, "rows has 4 entries, expected 5"),
    "a member without rows": (
        {"rows": rows(_2=np.array([], int))},
        ValueError,
        r"rows\[2\] is emp",
    ),
    "an empty mask": ({"rows": np.zeros((M, 30), bool)}, ValueError, r"rows\[0\] is empty"),
    "row 30": ({"rows": rows(_1=[30])}, IndexError, r"rows\[1\] has 30, expected 0 to 29"),
    "row -1": ({"rows": rows(_4=[3, -1])}, IndexError, r"rows\[4\] has -1, expected 0 to 29"),
    "row 1.5": ({"rows": rows(_0=[1.5])}, TypeError, r"rows\[0\] must be indices or a mask"),
    "rows in a table": (
        {"rows": rows(_0=[[1]])},
        TypeError,
        r"rows\[0\] must be indices or a mask",
    ),
    "a short mask": (
        {"rows": np.ones((M, 29), bool)},
        ValueError,
        r"rows\[0\] has 29 entries, exp",
    ),
    "a number for rows": ({"rows": 5}, TypeError, "rows must have rows for each member, got int"),
    "a negative rate": (
        {"learning_rate": -0.1},
        ValueError,
        "learning_rate must be a positive num",
    ),
    "a rate of 0": (
        {"learning_rate": 0},
        ValueError,
        "learning_rate must be a positive number, got",
    ),
    "an infinite rate": ({"learning_rate": np.inf}, ValueError, "learning_rate must be a positive"),
    "one bad rate": (
        {"learning_rate": [1, 1, -1, 1, 1]},
        ValueError,
        r"learning_rate\[2\] must be",
    ),
    "fewer rates": (
        {"learning_rate": [0.1] * 4},
        ValueError,
        r"learning_rate has shape \(4,\), expected \(5,\)",
    ),
    "a rate in text": (
        {"learning_rate": "fast"},
        TypeError,
        "learning_rate must be a number, got s",
    ),
    "a rule in text": ({"optimizer": "adam"}, TypeError, "optimizer"),
    "OnPlateau": ({"schedule": OnPlateau()}, TypeError, "schedule must be a function of the step"),
    "a schedule in text": ({"schedule": "slow"}, TypeError, "schedule"),
    "0 epochs": ({"epochs": 0}, ValueError, "epochs must be at least 1, got 0"),
    "batches of 0": ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
    "a negative clip": ({"clip": -1}, ValueError, "clip"),
    "a norm of 0": ({"clip_norm": 0}, ValueError, "clip_norm"),
    "no threads": ({"threads": 0}, ValueError, "threads must be at least 1, got 0"),
    "half a thread": ({"threads": 0.5}, TypeError, "threads must be an integer, got float"),
    "early stopping by a number": ({"early_stopping": 3}, TypeError, "early_stopping"),
    "validation by a number": ({"validation_data": 3}, TypeError, "validation_data must be"),
    "other validation": ({"validation_data": (X[:, :2], Y)}, ValueError, "validation_data"),
}


@pytest.mark.parametrize(("changes", "error", "text"), cases(FITS))
def test_bad_training_is_refused_and_changes_nothing(changes, error, text):
    nets = population()
    nets.fit(X, Y, epochs=1)
    before = bits(nets), record(nets.history)
    data = {"X": X, "Y": Y, **changes}
    with pytest.raises(error, match=text):
        nets.fit(**{"epochs": 2, **data})
    assert bits(nets) == before[0]
    np.testing.assert_equal(record(nets.history), before[1])


def test_bad_labels_are_refused():
    nets = population(output_activation="softmax", loss="softmax_cross_entropy")
    for label in (3, -1):
        with pytest.raises(IndexError, match=f"Y has {label}, expected 0 to 2"):
            nets.fit(X, np.where(LABELS == 0, label, LABELS))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_parameters_that_are_not_finite_are_refused_before_training(value):
    nets = population()
    nets.parameters["w2"][3, 0, 0] = value
    before = bits(nets)
    with pytest.raises(ValueError, match=r"parameters\['w2'\] contains NaN or infinity"):
        nets.fit(X, Y)
    assert bits(nets) == before


def test_validation_data_of_one_row_are_enough():
    x, y = HELD_OUT
    history = population().fit(X, Y, epochs=2, validation_data=(x[:1], y[:1]))
    assert np.isfinite(history.validation_loss).all()


def test_a_member_is_not_trained_on_rows_of_one_class():
    nets = Population([4, 3, 1], "tanh", "sigmoid", "binary_cross_entropy", rng=2)
    y = np.arange(30) % 2
    before = nets.flat.copy()
    with pytest.raises(
        ValueError, match=r"rows\[1\]: Y has only one class \(\[1.0\]\) to train on"
    ):
        nets.fit(X, y, rows=[[0, 1], [1, 3]])
    with pytest.raises(ValueError, match=r"^Y has only one class"):
        nets.fit(X, np.zeros(30))
    assert np.array_equal(nets.flat, before)
    nets.fit(X, y, rows=[[0, 1], [1, 2]], epochs=1)
    nets.fit(X, y, rows=[[0, 1], [1, 3]], epochs=1)  # a trained network knows both classes
