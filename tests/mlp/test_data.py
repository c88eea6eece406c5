"""What MLP makes of its data: the same of all types, clear errors for what does not fit."""

import numpy as np
import pytest
from mlps import classifier, rows, same, small, weights

from nncore import kernels
from nncore.mlp import run
from nncore.training.epochs import arrays

X, Y, LABELS = rows()
WHOLE = np.round(3 * X)  # numbers that every type below holds
BITS = X > 0


def fitted(net, x, y, **settings):
    net.fit(x, y, **{"epochs": 4, "batch_size": 7} | settings)
    return weights(net)


def memory_mapped(path, array):
    mapped = np.memmap(path, array.dtype, "w+", shape=array.shape)
    mapped[...] = array
    mapped.flush()
    return np.memmap(path, array.dtype, "r", shape=array.shape)


# --- the same of all types ----------------------------------------------------------------------

FORMS = {
    "float64": lambda a: a.astype(np.float64),
    "float16": lambda a: a.astype(np.float16),
    "longdouble": lambda a: a.astype(np.longdouble),
    "int8": lambda a: a.astype(np.int8),
    "int64": lambda a: a.astype(np.int64),
    "lists": lambda a: a.tolist(),
    "tuples": lambda a: tuple(map(tuple, a.tolist())),
    "list of rows": list,
    "object": lambda a: a.astype(object),
    "columns": np.asfortranarray,
    "every other row": lambda a: np.repeat(a, 2, axis=0)[::2],
    "backwards": lambda a: a[::-1].copy()[::-1],
    "byte-swapped": lambda a: a.astype(">f4"),
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
    "subclass": lambda a: a.view(type("Mine", (np.ndarray,), {})),
}


@pytest.fixture(params=["converted at once", "converted batch by batch"])
def conversion(request, monkeypatch):
    """Both ways to convert rows that kernels cannot read in place: small data, and large."""
    if request.param == "converted batch by batch":
        monkeypatch.setattr(run, "CHUNK", 0)


@pytest.mark.usefixtures("conversion")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equal_numbers_in_any_form_give_the_same_bits(form, dtype):
    x, y = FORMS[form](WHOLE), FORMS[form](np.round(Y))
    dense, net = small(dtype=dtype), small(dtype=dtype)
    expected = fitted(dense, WHOLE, np.round(Y))
    assert same(fitted(net, x, y), expected)
    assert net.history.loss.tolist() == dense.history.loss.tolist()
    assert net.predict(x).tobytes() == dense.predict(WHOLE).tobytes()
    assert net.loss(x, y) == dense.loss(WHOLE, np.round(Y))
    assert net.trace(x, y)["loss"] == dense.trace(WHOLE, np.round(Y))["loss"]


@pytest.mark.usefixtures("conversion")
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("batch_size", [7, 99])
def test_bools_are_0_and_1(shuffle, batch_size):
    how = {"shuffle": shuffle, "batch_size": batch_size}
    expected = fitted(small(), BITS.astype(np.float32), (Y > 0).astype(np.float32), **how)
    assert same(fitted(small(), BITS, Y > 0, **how), expected)
    assert same(fitted(small(), BITS.tolist(), (Y > 0).tolist(), **how), expected)


@pytest.mark.usefixtures("conversion")
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, ">f8"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_memory_maps_train_like_arrays_and_stay_as_they_are(tmp_path, dtype, shuffle):
    numbers = np.abs(WHOLE).astype(dtype)
    mapped = memory_mapped(tmp_path / "x.bin", numbers)
    how = {"shuffle": shuffle, "batch_size": 4, "epochs": 20, "validation_fraction": 0.2}
    net, expected = small(), small()
    assert same(fitted(net, mapped, Y, **how), fitted(expected, np.float32(numbers), Y, **how))
    assert net.predict(mapped).tobytes() == expected.predict(np.float32(numbers)).tobytes()
    assert net.accuracy(mapped, LABELS) == expected.accuracy(numbers, LABELS)
    assert (tmp_path / "x.bin").read_bytes() == numbers.tobytes()


def test_small_data_of_any_type_is_trained_on_in_few_calls(monkeypatch):
    """A call for every few batches would take most of the time of a small network."""
    calls, train = [], kernels.mlp_train
    monkeypatch.setattr(kernels, "mlp_train", lambda *a, **k: calls.append(1) or train(*a, **k))
    fitted(small(), WHOLE.astype(int).tolist(), Y.tolist(), epochs=500, batch_size=30)
    assert 0 < len(calls) < 100


def test_the_data_is_not_changed():
    x, y, weight = X.copy(), Y.copy(), np.ones(30)
    net = small(dropout=0.3)
    net.fit(x, y, epochs=3, sample_weight=weight, validation_data=(x, y))
    net.predict(x), net.loss(x, y), net.trace(x, y), net.accuracy(x, y)
    assert np.array_equal(x, X)
    assert np.array_equal(y, Y)
    assert np.array_equal(weight, np.ones(30))


def test_data_is_checked_and_converted_in_chunks(monkeypatch):
    expected, predicted = fitted(small(), WHOLE, Y), small().predict(WHOLE)
    for module in (arrays, run):
        monkeypatch.setattr(module, "CHUNK", 12)  # three rows
    assert same(fitted(small(), WHOLE.astype(int), Y), expected)
    assert small().predict(WHOLE.astype(int)).tobytes() == predicted.tobytes()
    bad = X.copy()
    bad[7, 2] = np.inf
    with pytest.raises(ValueError, match="X has inf in row 7, column 2"):
        small().loss(bad, Y)


@pytest.mark.parametrize(
    "form",
    [np.float32, np.uint8, lambda y: y, lambda y: y.tolist(), lambda y: y[:, None].astype(float)],
    ids=["float32", "uint8", "bool", "list", "column"],
)
def test_a_single_target_may_have_one_axis(form):
    y = Y[:, :1] > 0
    sizes = {"layer_sizes": (4, 6, 1)}
    expected = fitted(small(**sizes), X, y.astype(np.float32))
    assert same(fitted(small(**sizes), X, np.array(form(y[:, 0]))), expected)


@pytest.mark.parametrize(
    "form",
    [lambda y: np.eye(3)[y], lambda y: np.eye(3, dtype=bool)[y], lambda y: y.tolist(),
     lambda y: y.astype(np.uint8), lambda y: y.astype(float), lambda y: y[:, None],
     lambda y: np.eye(3, dtype=int)[y].tolist()],
    ids=["one-hot", "bool", "list", "uint8", "float", "column", "one-hot lists"],
)  # fmt: skip
def test_labels_may_come_in_many_forms(form):
    net = classifier()
    assert same(fitted(net, X, form(LABELS)), fitted(classifier(), X, LABELS))
    assert net.loss(X, form(LABELS)) == net.loss(X, LABELS)
    assert net.accuracy(X, form(LABELS)) == net.accuracy(X, LABELS)


# --- data that does not fit ---------------------------------------------------------------------


def with_(array, at, value):
    array = array.astype(np.result_type(array, type(value)))
    array[at] = value
    return array


BAD_X = {
    "a row": (
        X[0],
        ValueError,
        r"X has shape \(4,\), expected \(N, 4\).* for one row give .*X\[None\]",
    ),
    "wide": (np.ones((30, 5)), ValueError, r"X has shape \(30, 5\), expected \(N, 4\): the net"),
    "narrow": (X[:, :3], ValueError, r"X has shape \(30, 3\), expected \(N, 4\)"),
    "a number": (1.0, ValueError, "X must be an array, got a single number"),
    "nothing": ([], ValueError, r"X has shape \(0,\), expected \(N, 4\)"),
    "pictures": (X[:, :, None], ValueError, r"X has shape \(30, 4, 1\), expected \(N, 4\)"),
    "None": (None, TypeError, "X must be an array of numbers, got NoneType"),
    "text": ([["1", "2", "3", "4"]], TypeError, "X must contain numbers, got array of <U1"),
    "names": (
        np.full((30, 4), "a", object),
        TypeError,
        "X must contain numbers: could not convert",
    ),
    "ragged": (
        [[1, 2, 3, 4], [1, 2]],
        ValueError,
        "X cannot be converted to an array: .*inhomogeneous",
    ),
    "complex": (X + 1j, TypeError, "X must contain numbers, got array of complex"),
    "dates": (
        np.zeros((30, 4), "M8[s]"),
        TypeError,
        "X must contain numbers, got array of datetime",
    ),
    "masked": (np.ma.masked_array(X), TypeError, "X is a masked array, whose mask would be lost"),
    "records": (np.zeros(30, [("a", "f4")]), TypeError, "X must contain numbers"),
}
NOT_FINITE = {
    "NaN": (with_(X, (3, 1), np.nan), ValueError, "X has nan in row 3, column 1; expected finite"),
    "infinity": (with_(X, (29, 3), -np.inf), ValueError, "X has -inf in row 29, column 3"),
    "too large": (
        with_(X, (3, 1), np.float64(-1e39)),
        ValueError,
        r"X has -1e\+39 in row 3, .* th",
    ),
    "no rows": (X[:0], ValueError, "X has no rows; expected at least one"),
}


@pytest.mark.parametrize("kind", BAD_X | NOT_FINITE)
def test_inputs_that_do_not_fit_are_refused(kind):
    x, error, message = (BAD_X | NOT_FINITE)[kind]
    net = small()
    before = weights(net)
    for use in (net.fit, net.loss, net.loss_and_gradients):
        with pytest.raises(error, match=message):
            use(x, Y)
    with pytest.raises(error, match=f"validation_data: {message}"):
        net.fit(X, Y, validation_data=(x, Y))
    assert same(weights(net), before)
    assert net.history.epochs == 0


@pytest.mark.parametrize("kind", BAD_X)
def test_prediction_refuses_inputs_that_do_not_fit(kind):
    x, error, message = BAD_X[kind]
    for use in (small().predict, small().predict_class, lambda x: small().accuracy(x, LABELS)):
        with pytest.raises(error, match=message):
            use(x)


BAD_Y = {
    "labels": (LABELS, ValueError, r"Y has shape \(30,\), expected .* use the loss 'softmax_cross"),
    "wide": (np.ones((30, 4)), ValueError, r"Y has shape \(30, 4\), expected \(30, 3\): the net"),
    "short": (Y[:29], ValueError, "Y has 29 rows, expected 30, as many as X"),
    "long": (np.ones((31, 3)), ValueError, "Y has 31 rows, expected 30, as many as X"),
    "NaN": (with_(Y, (3, 1), np.nan), ValueError, "Y has nan in row 3, column 1; expected finite"),
    "too large": (
        with_(Y, (4, 2), np.float64(1e300)),
        ValueError,
        r"Y has 1e\+300 in row 4, column 2; expected numbers that float32 holds",
    ),
    "text": ([["1"] * 3] * 30, TypeError, "Y must contain numbers, got array of <U1"),
    "ragged": ([[1, 2, 3], [1]], ValueError, "Y cannot be converted to an array"),
    "masked": (np.ma.masked_array(Y), TypeError, "Y is a masked array"),
    "None": (None, TypeError, "Y must be an array of numbers, got NoneType"),
}


@pytest.mark.parametrize("kind", BAD_Y)
def test_targets_that_do_not_fit_are_refused(kind):
    y, error, message = BAD_Y[kind]
    net = small()
    for use in (net.fit, net.loss, net.trace):
        with pytest.raises(error, match=message):
            use(X, y)
    with pytest.raises(error, match=f"validation_data: {message}"):
        net.fit(X, Y, validation_data=(X, y))


BAD_LABELS = {
    "3 of 3": (with_(LABELS, 4, 3), IndexError, "Y has 3, expected 0 to 2"),
    "-1": (with_(LABELS, 4, -1), IndexError, "Y has -1, expected 0 to 2"),
    "large": (with_(LABELS.astype(float), 4, 1e300), (IndexError, ValueError), "Y has"),
    "half": (with_(LABELS.astype(float), 4, 0.5), ValueError, "Y has 0.5; labels must be integers"),
    "NaN": (with_(LABELS.astype(float), 4, np.nan), ValueError, "Y has nan in row 4; expected"),
    "short": (LABELS[:29], ValueError, "Y has 29 rows, expected 30, as many as X"),
    "two ones": (np.ones((30, 3)), ValueError, "Y has rows that are not one-hot: expected one 1"),
    "chances": (np.full((30, 3), 1 / 3), ValueError, "Y has rows that are not one-hot"),
    "four classes": (np.eye(4)[LABELS], ValueError, r"Y has shape \(30, 4\), expected labels \("),
    "text": (["a"] * 30, TypeError, "Y must contain numbers, got array of <U1"),
    "uint64": (np.full(30, 2**64 - 1, np.uint64), IndexError, "Y has 18446744073709551615, expect"),
}


@pytest.mark.parametrize("kind", BAD_LABELS)
def test_labels_that_do_not_fit_are_refused(kind):
    y, error, message = BAD_LABELS[kind]
    for use in (classifier().fit, classifier().loss):
        with pytest.raises(error, match=message):
            use(X, y)


def test_binary_cross_entropy_takes_probabilities():
    net = small(output_activation="sigmoid", loss="binary_cross_entropy")
    with pytest.raises(ValueError, match=r"Y has values from -.*, expected values in \[0, 1\]"):
        net.fit(X, Y)
    assert net.loss(X, (Y + 1) / 2) > 0


def test_targets_just_out_of_range_are_refused_before_rounding():
    net = small(output_activation="sigmoid", loss="binary_cross_entropy", dtype="float32")
    y = np.ones_like(Y, np.float64)
    y[0] += 1e-12
    with pytest.raises(
        ValueError, match=r"Y has values from 1.0 to 1.0000000000\d+, expected values in"
    ):
        net.loss(X, y)


@pytest.mark.parametrize(
    ("net", "y"),
    [(classifier(), np.full(30, 2)), (classifier(), np.eye(3)[[1] * 30]),
     (small(layer_sizes=(4, 1), output_activation="sigmoid", loss="binary_cross_entropy"),
      np.ones(30))],
    ids=["labels", "one-hot", "binary"],
)  # fmt: skip
def test_data_of_a_single_class_is_refused(net, y):
    with pytest.raises(ValueError, match=r"^Y has only one class \(.*\) to train on, expected"):
        net.fit(X, y)
    assert net.loss(X, y) > 0


@pytest.mark.parametrize(
    ("weight", "error", "message"),
    [
        (np.ones(29), ValueError, r"sample_weight has shape \(29,\), expected \(30,\), one per"),
        (np.ones((30, 1)), ValueError, r"sample_weight has shape \(30, 1\), expected \(30,\)"),
        (1.0, ValueError, r"sample_weight must be an array"),
        (-np.ones(30), ValueError, "sample_weight must not be negative or all zero"),
        (np.zeros(30), ValueError, "sample_weight must not be negative or all zero"),
        (
            with_(np.ones(30), 5, np.nan),
            ValueError,
            "sample_weight has nan in row 5; expected finite",
        ),
        (["1"] * 30, TypeError, "sample_weight must contain numbers, got array of <U1"),
    ],
    ids=["short", "column", "number", "negative", "zero", "NaN", "text"],
)
def test_weights_of_rows_that_do_not_fit_are_refused(weight, error, message):
    for use in (small().fit, small().loss):
        with pytest.raises(error, match=message):
            use(X, Y, sample_weight=weight)
